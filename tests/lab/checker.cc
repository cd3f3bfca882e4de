#include "lab/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::lab {
namespace {

constexpr std::size_t kFindingsMax = 20;

std::string name_of(std::uint64_t value) {
  return fmt::format("{}.{}", client_of(value), value & ((std::uint64_t{1} << kValueClientShift) - 1));
}

}  // namespace

std::string_view to_string(Anomaly anomaly) {
  static constexpr std::array<std::string_view, kAnomalyCount> kNames{
      "acked lost",          "read, then vanished", "offsets with two values",
      "duplicates",          "reordered",           "refused, but read",
      "offsets never given", "read again",          "high watermark back",
      "log start back",      "bad content",         "sequence refused",
      "metadata wrong"};
  return kNames[static_cast<std::size_t>(anomaly)];
}

bool Verdict::clean() const {
  return std::ranges::all_of(anomalies, [](std::uint64_t count) { return count == 0; });
}

double Verdict::unknown_share() const {
  return sends == 0 ? 0 : static_cast<double>(unknown) / static_cast<double>(sends);
}

std::string Verdict::anomalies_text() const {
  std::string text;
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    if (anomalies[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(static_cast<Anomaly>(i)), anomalies[i]);
  }
  return text.empty() ? "clean" : text;
}

void Verdict::add(const Verdict& other) {
  for (std::size_t i = 0; i < kAnomalyCount; ++i) anomalies[i] += other.anomalies[i];
  plain_duplicates += other.plain_duplicates;
  sends += other.sends;
  acked += other.acked;
  refused += other.refused;
  unknown += other.unknown;
  reads += other.reads;
  full_reads += other.full_reads;
  changes_acked += other.changes_acked;
  for (const auto& [fault, count] : other.faults) faults[fault] += count;
}

void Checker::RisingBound::raise(std::uint64_t completed_us, std::int64_t to) {
  if (!steps_.empty() && to <= steps_.back().second) return;
  if (!steps_.empty() && steps_.back().first == completed_us) {
    steps_.back().second = to;
  } else {
    steps_.emplace_back(completed_us, to);
  }
}

std::int64_t Checker::RisingBound::before(std::uint64_t us) const {
  const auto at = std::ranges::lower_bound(steps_, us, {}, &std::pair<std::uint64_t, std::int64_t>::first);
  return at == steps_.begin() ? 0 : std::prev(at)->second;
}

void Checker::take(std::span<const Event> events) {
  // Events that ended in the same microsecond, as those of one answer do, keep their order.
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) order.emplace_back(events[i].completed_us, i);
  std::ranges::sort(order);
  for (const auto& [completed_us, index] : order) take_event(events[index]);
}

void Checker::take_event(const Event& event) {
  auto& partition = partitions_[event.partition];
  switch (event.op) {
    case Op::kSend:
    case Op::kSendPlain: take_send(event); break;
    case Op::kRead: take_read(event); break;
    case Op::kHighWatermark:
      if (const auto shown = partition.high_watermark.before(event.invoked_us); event.offset < shown) {
        found(Anomaly::kHighWatermarkBack, event, fmt::format("{} was shown before", shown));
      }
      partition.high_watermark.raise(event.completed_us, event.offset);
      break;
    case Op::kLogStart:
      if (const auto shown = partition.log_start.before(event.invoked_us); event.offset < shown) {
        found(Anomaly::kLogStartBack, event, fmt::format("{} was shown before", shown));
      }
      partition.log_start.raise(event.completed_us, event.offset);
      break;
    case Op::kReadAllBegin: begin_pass(event); break;
    case Op::kReadAllEnd: end_pass(event); break;
    case Op::kChange: take_change(event); break;
    case Op::kSee: take_sight(event); break;
    case Op::kFault: ++counts_.faults[event.value]; break;
  }
}

void Checker::take_send(const Event& event) {
  ++counts_.sends;
  if (event.op == Op::kSendPlain) plain_producers_.insert(client_of(event.value));
  switch (event.outcome) {
    case Outcome::kOk:
      ++counts_.acked;
      note(event, true);
      partitions_[event.partition].high_watermark.raise(event.completed_us, event.offset + 1);
      break;
    case Outcome::kFailed:
      ++counts_.refused;
      refused_.insert(event.value);
      if (event.error == ErrorCode::kOutOfOrderSequenceNumber || event.error == ErrorCode::kInvalidProducerEpoch) {
        found(Anomaly::kSequenceRefused, event, std::string(weir::to_string(event.error)));
      }
      break;
    case Outcome::kUnknown: ++counts_.unknown; break;
  }
}

bool Checker::note(const Event& event, bool acked) {
  auto& slots = partitions_[event.partition].slots;
  const auto [at, added] = slots.try_emplace(event.offset);
  auto& slot = at->second;
  if (added) {
    slot.value = event.value;
    slot.known_us = event.completed_us;
  } else if (slot.value != event.value) {
    found(Anomaly::kTwoValues, event, fmt::format("it was {} for somebody else", name_of(slot.value)));
    return false;
  }
  (acked ? slot.acked : slot.read) = true;
  const std::pair place{event.partition, event.offset};
  const auto [known, is_new] = place_of_.try_emplace(event.value, place);
  if (is_new || known->second == place) return true;
  // Whose producer it was may only be known later; verdict() tells plain ones apart.
  if (duplicates_.insert(event.value).second && findings_.size() < kFindingsMax) {
    findings_.push_back(fmt::format("at two offsets: {} in partition {} at {} and in partition {} at {}",
                                    name_of(event.value), known->second.first, known->second.second, event.partition,
                                    event.offset));
  }
  return false;
}

void Checker::take_read(const Event& event) {
  ++counts_.reads;
  auto& partition = partitions_[event.partition];
  auto& next = partition.next_by_reader.try_emplace(event.client, event.offset).first->second;
  if (event.offset > next) found(Anomaly::kHole, event, fmt::format("{} was to come", next));
  if (event.offset < next) found(Anomaly::kReadBack, event, fmt::format("{} was to come", next));
  next = event.offset + 1;
  partition.high_watermark.raise(event.completed_us, event.offset + 1);
  if (event.outcome != Outcome::kOk) return found(Anomaly::kBadContent, event, "not as it was sent");
  if (refused_.contains(event.value)) found(Anomaly::kRefusedRead, event, "its producer was told that it is not there");
  const bool in_place = note(event, false);
  const auto pass = partition.passes.find(event.client);
  if (pass == partition.passes.end()) return;
  pass->second.values[event.offset] = event.value;
  auto& last = pass->second.last_by_producer.try_emplace(client_of(event.value), event.value).first->second;
  if (event.value < last && in_place) {
    found(Anomaly::kReordered, event, fmt::format("{} stands before it", name_of(last)));
  }
  last = std::max(last, event.value);
}

void Checker::begin_pass(const Event& event) {
  auto& partition = partitions_[event.partition];
  partition.passes[event.client] = Pass{.start = event.offset, .values = {}, .last_by_producer = {}};
  partition.next_by_reader[event.client] = event.offset;
}

void Checker::end_pass(const Event& event) {
  ++counts_.full_reads;
  auto& partition = partitions_[event.partition];
  auto& pass = partition.passes[event.client];
  const auto next = partition.next_by_reader[event.client];
  if (next < event.offset) found(Anomaly::kHole, event, fmt::format("nothing from {} on", next));
  std::vector<std::int64_t> missing;
  for (const auto& [offset, slot] : partition.slots) {
    if (offset < pass.start || slot.known_us >= event.invoked_us || slot.reported) continue;
    const auto seen = pass.values.find(offset);
    if (seen == pass.values.end() || seen->second != slot.value) missing.push_back(offset);
  }
  std::ranges::sort(missing);  // the same history gives the same report
  for (const auto offset : missing) {
    auto& slot = partition.slots[offset];
    slot.reported = true;
    auto lost = event;
    lost.offset = offset;
    lost.value = slot.value;
    if (slot.acked) found(Anomaly::kAckedLost, lost, fmt::format("the log ends at {}", event.offset));
    if (slot.read) found(Anomaly::kReadVanished, lost, fmt::format("the log ends at {}", event.offset));
  }
  partition.passes.erase(event.client);
}

void Checker::take_change(const Event& event) {
  auto& states = states_.try_emplace(event.value, std::vector<std::int64_t>{0}).first->second;
  if (event.outcome == Outcome::kOk) {
    ++counts_.changes_acked;
    states = {event.offset};
  } else if (event.outcome == Outcome::kUnknown) {
    states.push_back(event.offset);
  }
}

void Checker::take_sight(const Event& event) {
  auto& states = states_.try_emplace(event.value, std::vector<std::int64_t>{0}).first->second;
  if (std::ranges::find(states, event.offset) == states.end()) {
    found(Anomaly::kMetadataWrong, event, fmt::format("it was to be {}", states.front()));
  }
  states = {event.offset};
}

void Checker::found(Anomaly anomaly, const Event& event, const std::string& what) {
  ++counts_.anomalies[static_cast<std::size_t>(anomaly)];
  if (findings_.size() >= kFindingsMax) return;
  findings_.push_back(fmt::format("{}: partition {} offset {} value {} client {}: {}", to_string(anomaly),
                                  event.partition, event.offset, name_of(event.value), event.client, what));
}

Verdict Checker::verdict() const {
  auto verdict = counts_;
  for (const auto value : duplicates_) {
    ++(plain_producers_.contains(client_of(value)) ? verdict.plain_duplicates
                                                   : verdict.anomalies[static_cast<std::size_t>(Anomaly::kDuplicate)]);
  }
  return verdict;
}

}  // namespace weir::lab
