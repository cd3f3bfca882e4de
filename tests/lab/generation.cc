#include "lab/generation.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <utility>

namespace weir::lab {
namespace {

constexpr int kPartitions = 3;
constexpr std::uint16_t kFirstReader = 200;
constexpr std::uint16_t kChurn = 400;
constexpr std::uint16_t kFirstChurnLog = 100;
constexpr std::uint16_t kChurnTopicsMax = 100;
constexpr std::uint16_t kFirstJudge = 1000;
constexpr Millis kStartLimit{60'000};

LogName main_log(int partition) {
  return {.topic = "main", .partition = partition, .number = static_cast<std::uint16_t>(partition)};
}

}  // namespace

Generation::Generation(GenerationPlan plan, LoopImage image, Recorder recorder, Random& random)
    : plan_(std::move(plan)),
      image_(std::move(image)),
      recorder_(std::move(recorder)),
      hearing_(recorder_),
      random_(random),
      churn_(kChurn, kFirstChurnLog, kChurnTopicsMax, random.next_u64()),
      next_judge_(kFirstJudge) {
  constexpr std::array<std::pair<int, bool>, 5> kProducers{{{0, true}, {1, true}, {1, false}, {2, true}, {2, false}}};
  std::uint16_t client = 1;
  for (const auto& [partition, idempotent] : kProducers) {
    producers_.push_back(std::make_unique<Producer>(client++, main_log(partition), idempotent, random.next_u64()));
  }
  for (int i = 0; i < kPartitions; ++i) {
    logs_.push_back(main_log(i));
    readers_.push_back(std::make_unique<TailReader>(static_cast<std::uint16_t>(kFirstReader + i), main_log(i)));
  }
  settings_ = {fmt::format("weir.shards={}", plan_.number % 2 == 0 ? 1 : 3), "log.segment.bytes=1048576",
               "log.flush.offset.checkpoint.interval.ms=100", "message.max.bytes=2097152",
               fmt::format("log.index.interval.bytes={}", plan_.number % 3 == 0 ? 4096 : 512)};
}

Result<void> Generation::begin() {
  WEIR_TRY(start());
  WEIR_TRY_ASSIGN(connection, clients::Connection::open(broker_->address()));
  return create_and_await(connection, "main", kPartitions);
}

Result<void> Generation::spawn() {
  log_path_ = fmt::format("{}/broker.{}.{}.log", plan_.work, plan_.number, ++starts_);
  const BrokerCommand command{.binary = plan_.binary, .data = data(), .log_path = log_path_, .settings = settings_};
  WEIR_TRY_ASSIGN(broker, BrokerProcess::start(command));
  broker_ = std::make_unique<BrokerProcess>(std::move(broker));
  return {};
}

Result<void> Generation::start() {
  const auto began_us = now_us();
  WEIR_TRY_ASSIGN(ready, start_for(kStartLimit));
  if (!ready) return fail(Errc::kTimedOut, "the broker does not get ready:\n" + broker_->log_tail(2000));
  start_ms_ = (now_us() - began_us) / 1000;
  return {};
}

Result<bool> Generation::start_for(Millis limit) {
  WEIR_TRY(spawn());
  WEIR_TRY_ASSIGN(ready, broker_->wait_ready(limit));
  torn_tails_ += count_lines_with(log_path_, "of a torn tail were cut off");
  return ready;
}

void Generation::start_clients() {
  hearing_.dismiss(false);
  const auto& address = broker_->address();
  for (const auto& producer : producers_) {
    threads_.emplace_back([&, client = producer.get()] { hearing_.keep_running(*client, address); });
  }
  for (const auto& reader : readers_) {
    threads_.emplace_back([&, client = reader.get()] { hearing_.keep_running(*client, address); });
  }
  threads_.emplace_back([&] { hearing_.keep_running(churn_, address); });
}

void Generation::join_clients() {
  hearing_.dismiss(true);
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  hearing_.listen();
}

bool Generation::await_acks(std::uint64_t count) {
  const auto target = hearing_.acked() + count;
  constexpr std::uint64_t kLimitUs = 5'000'000;
  const auto until_us = now_us() + kLimitUs;
  while (hearing_.acked() < target && now_us() < until_us) pause();
  return hearing_.acked() >= target;
}

void Generation::await_silence() const {
  constexpr std::uint64_t kQuietUs = 50'000;
  constexpr std::uint64_t kLimitUs = 10'000'000;
  const auto until_us = now_us() + kLimitUs;
  auto acked = hearing_.acked();
  for (auto since_us = now_us(); now_us() - since_us < kQuietUs && now_us() < until_us; pause()) {
    if (hearing_.acked() == acked) continue;
    acked = hearing_.acked();
    since_us = now_us();
  }
}

Result<void> Generation::check_broker_lives() {
  int status = 0;
  if (!broker_->wait_ended(Millis{0}, status)) return {};
  return fail(Errc::kIo, fmt::format("the broker ended (status {:#x}):\n{}", status, broker_->log_tail(2000)));
}

Result<void> Generation::cut_power(bool torn) {
  if (torn) {
    WEIR_TRY_ASSIGN(pages, write_back_random_pages(image_.root(), data(), random_));
    pages_written_back_ += pages;
  }
  WEIR_TRY(image_.cut());
  broker_->kill();
  return {};
}

Result<void> Generation::remount() {
  WEIR_TRY(image_.unmount());
  return image_.mount();
}

Result<void> Generation::judge() {
  WEIR_TRY_ASSIGN(connection, clients::Connection::open(broker_->address()));
  WEIR_TRY_ASSIGN(logs, churn_.look(connection, hearing_));
  logs.insert(logs.end(), logs_.begin(), logs_.end());
  const auto client = next_judge_++;
  for (const auto& log : logs) WEIR_TRY(read_all(connection, log, client, hearing_));
  take_new_events();
  return {};
}

Result<void> Generation::read_logs(clients::Connection& to) const {
  for (const auto& log : logs_) {
    WEIR_TRY_ASSIGN(end, clients::latest_offset(to, log.topic, log.partition));
    constexpr std::int64_t kStep = 50;  // a fetch that fails is followed by one further on
    for (std::int64_t position = 0; position < end; position += kStep) {
      WEIR_TRY(clients::fetch(to, log.topic, log.partition, position, Millis{0}));
    }
  }
  return {};
}

void Generation::take_new_events() {
  const auto events = read_history(history_path(plan_.work), events_taken_);
  if (!events) return;
  events_taken_ += events->size();
  checker_.take(*events);
}

void Generation::note_fault(std::uint64_t fault) const {
  const auto at_us = now_us();
  hearing_.note({.op = Op::kFault, .value = fault, .invoked_us = at_us, .completed_us = at_us});
}

Verdict Generation::end() {
  if (broker_) broker_->kill();
  for (const auto& producer : producers_) producer->give_up(hearing_);
  take_new_events();
  return checker_.verdict();
}

void keep_evidence(const GenerationPlan& plan, const std::string& keep, const std::string& name) {
  if (keep.empty()) return;
  const auto folder = std::filesystem::path(keep) / fmt::format("{}-{}", name, plan.number);
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const auto& entry : std::filesystem::directory_iterator(plan.work, failed)) {
    const auto file = entry.path().filename();
    const bool wanted = file == "history" || file.native().starts_with(fmt::format("broker.{}.", plan.number));
    if (wanted) std::filesystem::copy(entry.path(), folder / file, failed);
  }
  fmt::print("  kept: {}\n", folder.native());
}

void print_records(const Verdict& verdict) {
  fmt::print(
      "  records: {} sent, {} acked, {} refused, {} unknown ({:.1f} %), {} read; {} whole logs read back; {} "
      "topics created or deleted\n",
      verdict.sends, verdict.acked, verdict.refused, verdict.unknown, verdict.unknown_share() * 100, verdict.reads,
      verdict.full_reads, verdict.changes_acked);
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    fmt::print("  {:<24} {}\n", to_string(static_cast<Anomaly>(i)), verdict.anomalies[i]);
  }
  fmt::print("  {:<24} {}\n", "plain duplicates", verdict.plain_duplicates);
}

bool print_faults(const Verdict& verdict, std::span<const std::string_view> names) {
  bool fired = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto at = verdict.faults.find(i);
    const auto count = at == verdict.faults.end() ? 0 : at->second;
    fmt::print("  fired: {:<21} {}\n", names[i], count);
    fired = fired && count > 0;
  }
  if (!fired) fmt::print("  a fault that never fired proves nothing: more rounds\n");
  return fired;
}

}  // namespace weir::lab
