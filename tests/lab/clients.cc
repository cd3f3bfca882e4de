#include "lab/clients.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "base/check.h"
#include "clients/batch_bytes.h"
#include "lab/content.h"
#include "record/batch_header.h"
#include "record/record_reader.h"

namespace weir::lab {
namespace {

using clients::Connection;

constexpr std::size_t kInFlightMax = 5;
constexpr std::uint64_t kRecordsMax = 20;  // of a batch
constexpr std::uint64_t kHostileOneIn = 50;
constexpr Millis kAnswerLimit{20'000};
constexpr Millis kFetchWait{20};
constexpr std::int64_t kEarliest = -2;  // a timestamp of ListOffsets

// Answers after which nothing was appended, whatever else happened.
bool means_not_appended(ErrorCode error) {
  return error == ErrorCode::kCorruptMessage || error == ErrorCode::kInvalidRecord ||
         error == ErrorCode::kMessageTooLarge || error == ErrorCode::kUnknownTopicOrPartition ||
         error == ErrorCode::kOutOfOrderSequenceNumber || error == ErrorCode::kInvalidProducerEpoch;
}

// Appends a read event for each record of `records` from `position` on, and moves it behind the last. A batch that
// does not read is one bad record.
void note_records(ByteView records, const Event& as, std::int64_t& position, std::vector<Event>& events) {
  const auto note = [&](std::int64_t offset, const Result<std::uint64_t>& value) {
    auto event = as;
    event.offset = offset;
    event.value = value.value_or(0);
    if (!value) event.outcome = Outcome::kFailed;
    events.push_back(event);
    position = offset + 1;
  };
  while (records.size() >= record::kBatchHeaderBytes) {
    const auto header = record::BatchHeader::read(records.data());
    if (header.size_bytes() > records.size()) return;  // the last one may be cut off
    const auto batch = records.first(header.size_bytes());
    records = records.subspan(header.size_bytes());
    constexpr std::uint64_t kInflatedBytesMax = 256 * kMiB;
    auto reader = record::RecordReader::open(batch, {.max_inflated_bytes = kInflatedBytesMax});
    if (!record::check_batch(batch) || !reader) return note(position, fail(Errc::kCorrupt, "a batch"));
    record::RecordView view;
    for (;;) {
      const auto more = reader->next(view);
      if (!more) return note(position, fail(Errc::kCorrupt, "a record"));
      if (!*more) break;
      const auto offset = header.base_offset.value() + view.offset_delta;
      if (offset < position) continue;  // a fetch begins with the batch that holds its offset
      note(offset, value_id_of(view.key.value_or(ByteView{}), view.value.value_or(ByteView{})));
    }
  }
}

Event told(Op op, std::int64_t offset, const Event& as) {
  auto event = as;
  event.op = op;
  event.offset = offset;
  return event;
}

}  // namespace

void pause() {
  ::poll(nullptr, 0, 1);
}

bool Hearing::hear(std::span<const Event> events) {
  const std::lock_guard lock(mutex_);
  if (deaf_) return false;
  recorder_.record(events);
  std::uint64_t acks = 0;
  for (const auto& event : events) {
    const bool send = event.op == Op::kSend || event.op == Op::kSendPlain;
    acks += send && event.outcome == Outcome::kOk ? 1 : 0;
  }
  acked_.fetch_add(acks, std::memory_order_relaxed);
  return true;
}

void Hearing::deafen() {
  const std::lock_guard lock(mutex_);
  deaf_ = true;
}

void Hearing::listen() {
  const std::lock_guard lock(mutex_);
  deaf_ = false;
}

Producer::Batch Producer::make_batch() {
  Batch batch{.first_number = next_number_, .base_sequence = next_sequence_};
  batch.records_count = 1 + random_.next_u64() % kRecordsMax;
  batch.hostile = random_.next_u64() % kHostileOneIn == 0;
  constexpr std::size_t kUncompressedBytesMax = kMiB;
  Bytes records;
  for (std::uint64_t i = 0; i < batch.records_count; ++i) {
    const auto id = value_of(client_, next_number_ + i);
    const auto value = filler(id, size_by_chance(random_.next_u64()));
    if (i > 0 && records.size() + value.size() > kUncompressedBytesMax) {
      batch.records_count = i;
      break;
    }
    const auto key = key_of(id, value);
    const auto record = clients::record_bytes(static_cast<std::int32_t>(i), as_text(key), value);
    records.insert(records.end(), record.begin(), record.end());
  }
  const auto codec = static_cast<Codec>(random_.next_u64() % (kCodecMax + 1));
  const auto now_ms = clients::wall_ms();
  const auto count = static_cast<std::int32_t>(batch.records_count);
  batch.bytes = clients::batch_bytes({.attributes = static_cast<std::int16_t>(codec),
                                      .last_offset_delta = count - 1,
                                      .base_timestamp_ms = now_ms,
                                      .max_timestamp_ms = now_ms,
                                      .producer_id = identity_ ? identity_->id : -1,
                                      .producer_epoch = identity_ ? identity_->epoch : std::int16_t{-1},
                                      .base_sequence = identity_ ? batch.base_sequence : -1,
                                      .records_count = count},
                                     clients::compress(codec, records));
  next_number_ += batch.records_count;
  if (batch.hostile) {
    batch.bytes.back() = static_cast<std::uint8_t>(batch.bytes.back() ^ 1);
  } else {
    next_sequence_ += count;
  }
  return batch;
}

Result<void> Producer::send(Connection& to, const Batch& batch) {
  const auto id = static_cast<std::int32_t>(batch.first_number);
  return to.send_frame(clients::produce_request(id, log_.topic, log_.partition, batch.bytes), kAnswerLimit);
}

std::vector<Event> Producer::events_of(const Batch& batch, Outcome outcome, ErrorCode error,
                                       std::int64_t base_offset) const {
  std::vector<Event> events;
  const auto completed_us = now_us();
  for (std::uint64_t i = 0; i < batch.records_count; ++i) {
    events.push_back({.op = idempotent_ ? Op::kSend : Op::kSendPlain,
                      .outcome = outcome,
                      .error = error,
                      .client = client_,
                      .partition = log_.number,
                      .value = value_of(client_, batch.first_number + i),
                      .offset = base_offset < 0 ? -1 : base_offset + static_cast<std::int64_t>(i),
                      .invoked_us = batch.sent_us,
                      .completed_us = completed_us});
  }
  return events;
}

Producer::Next Producer::take_answer(const clients::ProduceAnswer& answer, Hearing& hearing) {
  const auto& batch = in_flight_.front();
  if (answer.correlation_id != static_cast<std::int32_t>(batch.first_number)) return Next::kEnd;
  if (answer.error == ErrorCode::kNone) {
    if (!hearing.hear(events_of(batch, Outcome::kOk, answer.error, answer.base_offset))) return Next::kEnd;
    in_flight_.pop_front();
    return Next::kGoOn;
  }
  const bool sequence_refused =
      answer.error == ErrorCode::kOutOfOrderSequenceNumber || answer.error == ErrorCode::kInvalidProducerEpoch;
  if (idempotent_ && !batch.hostile && !sequence_refused) {
    return Next::kEnd;  // stays in flight; those behind it can't be in order any more
  }
  // A plain producer hears all its answers before it leaves a connection, for what is still under way there could
  // stand behind what it sends next.
  const auto outcome = means_not_appended(answer.error) ? Outcome::kFailed : Outcome::kUnknown;
  if (!hearing.hear(events_of(batch, outcome, answer.error, -1))) return Next::kEnd;
  in_flight_.pop_front();
  if (!sequence_refused) return Next::kGoOn;
  give_up(hearing);
  identity_.reset();
  next_sequence_ = 0;
  return Next::kEnd;
}

Result<void> Producer::serve(Connection& to, Hearing& hearing, std::uint64_t batches_left) {
  if (idempotent_ && !identity_) {
    WEIR_TRY_ASSIGN(identity, clients::init_producer_id(to));
    identity_ = identity;
  }
  for (const auto& batch : in_flight_) WEIR_TRY(send(to, batch));
  while (batches_left > 0) {
    while (in_flight_.size() < std::min<std::uint64_t>(kInFlightMax, batches_left)) {
      auto batch = make_batch();
      batch.sent_us = now_us();
      in_flight_.push_back(std::move(batch));
      WEIR_TRY(send(to, in_flight_.back()));
    }
    WEIR_TRY_ASSIGN(bytes, to.receive_frame(kAnswerLimit));
    WEIR_TRY_ASSIGN(answer, clients::read_produce_answer(bytes));
    if (take_answer(answer, hearing) == Next::kEnd) return {};
    --batches_left;
  }
  return {};
}

void Producer::run(const std::string& address, Hearing& hearing, std::uint64_t batches_left) {
  std::erase_if(in_flight_, [](const Batch& batch) { return batch.hostile; });
  auto connection = Connection::open(address);
  // How the connection ended does not matter: what was told is in the history, the rest is unknown.
  if (connection) static_cast<void>(serve(*connection, hearing, batches_left));
  // An answer may have come while we were sending.
  while (connection && !in_flight_.empty()) {
    const auto bytes = connection->receive_frame(Millis{0});
    const auto answer = bytes ? clients::read_produce_answer(*bytes) : fail(Errc::kClosed, {});
    if (!answer || take_answer(*answer, hearing) == Next::kEnd) break;
  }
  if (!idempotent_) give_up(hearing);
}

void Producer::give_up(const Hearing& hearing) {
  for (const auto& batch : in_flight_) hearing.note(events_of(batch, Outcome::kUnknown, ErrorCode::kNone, -1));
  in_flight_.clear();
}

void TailReader::run(const std::string& address, Hearing& hearing) {
  auto connection = Connection::open(address);
  while (connection) {
    Event as{.op = Op::kRead, .client = client_, .partition = log_.number, .invoked_us = now_us()};
    const auto answer = clients::fetch(*connection, log_.topic, log_.partition, position_, kFetchWait);
    as.completed_us = now_us();
    if (!answer) return;
    std::vector<Event> events;
    if (answer->high_watermark >= 0) events.push_back(told(Op::kHighWatermark, answer->high_watermark, as));
    if (answer->log_start >= 0) events.push_back(told(Op::kLogStart, answer->log_start, as));
    auto position = position_;
    if (answer->error == ErrorCode::kNone) note_records(answer->records, as, position, events);
    // What it read is gone. The full read says so; it goes on where the log ends now.
    if (answer->error == ErrorCode::kOffsetOutOfRange && answer->high_watermark >= 0) {
      position = answer->high_watermark;
    }
    if (!hearing.hear(events)) return;
    position_ = position;
    if (answer->error != ErrorCode::kNone && answer->error != ErrorCode::kOffsetOutOfRange) return;
  }
}

LogName TopicChurn::log_of(std::uint16_t topic) const {
  return {.topic = fmt::format("churn-{}", topic),
          .partition = 0,
          .number = static_cast<std::uint16_t>(first_log_ + topic)};
}

void TopicChurn::note_change(std::uint16_t topic, std::int64_t state, const Result<ErrorCode>& answer,
                             std::uint64_t invoked_us, Hearing& hearing) {
  Event event{.op = Op::kChange,
              .client = client_,
              .value = topic,
              .offset = state,
              .invoked_us = invoked_us,
              .completed_us = now_us()};
  if (answer && *answer == ErrorCode::kNone && hearing.hear({&event, 1})) return;
  event.outcome = Outcome::kUnknown;
  hearing.note(event);
}

Result<void> TopicChurn::step(Connection& to, const std::string& address, Hearing& hearing) {
  const auto topic = tried_++;
  const auto log = log_of(topic);
  auto invoked_us = now_us();
  const auto created = clients::create_topic(to, log.topic, 1);
  note_change(topic, 1, created, invoked_us, hearing);
  if (!created) return std::unexpected(created.error());
  const auto client_of_topic = static_cast<std::uint16_t>(client_ + 1 + topic);
  Producer(client_of_topic, log, false, random_.next_u64()).run(address, hearing, 1);
  existing_.push_back(topic);
  if (random_.next_u64() % 2 == 0) return {};
  const auto which = static_cast<std::ptrdiff_t>(random_.next_u64() % existing_.size());
  const auto doomed = existing_[static_cast<std::size_t>(which)];
  existing_.erase(existing_.begin() + which);
  invoked_us = now_us();
  const auto deleted = clients::delete_topic(to, log_of(doomed).topic);
  note_change(doomed, 0, deleted, invoked_us, hearing);
  if (!deleted) return std::unexpected(deleted.error());
  return {};
}

void TopicChurn::run(const std::string& address, Hearing& hearing) {
  auto connection = Connection::open(address);
  while (connection && tried_ < topics_max_) {
    if (!step(*connection, address, hearing)) return;
  }
}

Result<std::vector<LogName>> TopicChurn::look(Connection& to, const Hearing& hearing) {
  std::vector<LogName> logs;
  existing_.clear();
  for (std::uint16_t topic = 0; topic < tried_; ++topic) {
    const auto log = log_of(topic);
    Event event{.op = Op::kSee, .client = client_, .value = topic, .invoked_us = now_us()};
    WEIR_TRY_ASSIGN(answer, clients::offset_at(to, log.topic, log.partition, kEarliest));
    event.completed_us = now_us();
    const bool exists = answer.error == ErrorCode::kNone;
    if (!exists && answer.error != ErrorCode::kUnknownTopicOrPartition) {
      return fail(Errc::kIo, fmt::format("ListOffsets of {}: {}", log.topic, weir::to_string(answer.error)));
    }
    event.offset = exists ? 1 : 0;
    hearing.note(event);
    if (!exists) continue;
    existing_.push_back(topic);
    logs.push_back(log);
  }
  return logs;
}

Result<void> read_all(Connection& to, const LogName& log, std::uint16_t client, const Hearing& hearing) {
  Event as{.op = Op::kRead, .client = client, .partition = log.number, .invoked_us = now_us()};
  const auto begin_us = as.invoked_us;
  WEIR_TRY_ASSIGN(start, clients::offset_at(to, log.topic, log.partition, kEarliest));
  WEIR_TRY_ASSIGN(end, clients::latest_offset(to, log.topic, log.partition));
  as.completed_us = now_us();
  auto position = start.offset;
  std::vector<Event> events{told(Op::kLogStart, start.offset, as), told(Op::kHighWatermark, end, as),
                            told(Op::kReadAllBegin, start.offset, as)};
  while (position < end) {
    as.invoked_us = now_us();
    WEIR_TRY_ASSIGN(answer, clients::fetch(to, log.topic, log.partition, position));
    as.completed_us = now_us();
    const auto before = position;
    if (answer.error == ErrorCode::kNone) note_records(answer.records, as, position, events);
    if (position != before) continue;
    // The judge sees the rest missing; why, only the broker's answer tells.
    fmt::print("{}-{}: no records at {} of {}: {}\n", log.topic, log.partition, position, end,
               weir::to_string(answer.error));
    break;
  }
  as.completed_us = now_us();
  as.invoked_us = begin_us;
  events.push_back(told(Op::kReadAllEnd, end, as));
  hearing.note(events);
  return {};
}

Result<void> create_and_await(Connection& to, const std::string& topic, std::int32_t partitions) {
  WEIR_TRY_ASSIGN(created, clients::create_topic(to, topic, partitions));
  if (created != ErrorCode::kNone) {
    return fail(Errc::kIo, fmt::format("CreateTopics: {}", weir::to_string(created)));
  }
  const auto until_us = now_us() + 10'000'000;
  for (std::int32_t partition = 0; partition < partitions;) {
    WEIR_TRY_ASSIGN(answer, clients::offset_at(to, topic, partition, kEarliest));
    if (answer.error == ErrorCode::kNone) {
      ++partition;
    } else if (now_us() > until_us) {
      return fail(Errc::kTimedOut, fmt::format("{}-{}: {}", topic, partition, weir::to_string(answer.error)));
    }
  }
  return {};
}

}  // namespace weir::lab
