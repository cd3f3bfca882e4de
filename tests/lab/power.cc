// Power cuts under a broker that clients are talking to, on a real file system. A generation is one fresh image: the
// clients work, the power goes, the image is mounted again, the broker recovers, everything is read back and judged,
// and it goes on. Prints what was told, what was lost and how often each fault fired; ends with 1 when anything was
// lost, or a fault never fired.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "lab/broker_process.h"
#include "lab/checker.h"
#include "lab/clients.h"
#include "lab/loop_image.h"

namespace weir::lab {
namespace {

enum class Fault : std::uint8_t {
  kFrozenCut,      // the broker stands still, then the power goes
  kFrozenTornCut,  // the same, after the kernel wrote some of the dirty pages back
  kLiveCut,        // in the middle of whatever the broker does; its clients hear nothing any more
  kLiveTornCut,
  kCutInRecovery,  // once more, before the broker was ready
  kKillThenCut,    // kill -9, a start, everything read, then the power goes
  kStopThenCut,    // the power goes after a clean stop
  kFullThenCut,    // the disk is full for a while before the power goes
};
constexpr std::size_t kFaultCount = 8;
constexpr std::array<std::string_view, kFaultCount> kFaultNames{
    "frozen cut",        "frozen cut, torn",     "live cut",           "live cut, torn", "cut in recovery",
    "kill -9, then cut", "clean stop, then cut", "full disk, then cut"};

constexpr int kPartitions = 3;
constexpr std::uint16_t kFirstReader = 200;
constexpr std::uint16_t kChurn = 400;
constexpr std::uint16_t kFirstChurnLog = 100;
constexpr std::uint16_t kChurnTopicsMax = 100;
constexpr std::uint16_t kFirstJudge = 1000;
constexpr Millis kStartLimit{60'000};
constexpr Millis kStopLimit{30'000};

struct Plan {
  std::string fs = "ext4";
  int cuts = 100;
  std::uint64_t seed = 0;
  int cuts_a_generation = 8;
  std::string binary;
  std::string work;          // for the image and the mount point
  std::string keep;          // for histories and logs of generations that failed
  bool until_found = false;  // end with the first cut that shows an anomaly
};

struct Totals {
  Verdict verdict;
  int cuts = 0;
  std::uint64_t torn_tails = 0;  // that a recovery cut off
  std::uint64_t pages_written_back = 0;
  int failed_generations = 0;
};

// A generation's files, clients and broker.
class Generation {
 public:
  Generation(const Plan& plan, int number, LoopImage image, Recorder recorder, Random& random, Totals& totals)
      : plan_(plan),
        number_(number),
        image_(std::move(image)),
        recorder_(std::move(recorder)),
        hearing_(recorder_),
        random_(random),
        totals_(totals),
        churn_(kChurn, kFirstChurnLog, kChurnTopicsMax, random.next_u64()) {
    const auto log = [](int partition) {
      return LogName{.topic = "main", .partition = partition, .number = static_cast<std::uint16_t>(partition)};
    };
    constexpr std::array<std::pair<int, bool>, 5> kProducers{{{0, true}, {1, true}, {1, false}, {2, true}, {2, false}}};
    std::uint16_t client = 1;
    for (const auto& [partition, idempotent] : kProducers) {
      producers_.push_back(std::make_unique<Producer>(client++, log(partition), idempotent, random.next_u64()));
    }
    for (int i = 0; i < kPartitions; ++i) {
      logs_.push_back(log(i));
      readers_.push_back(std::make_unique<TailReader>(static_cast<std::uint16_t>(kFirstReader + i), log(i)));
    }
    settings_ = {fmt::format("weir.shards={}", number % 2 == 0 ? 1 : 3), "log.segment.bytes=1048576",
                 "log.flush.offset.checkpoint.interval.ms=100", "message.max.bytes=2097152",
                 fmt::format("log.index.interval.bytes={}", number % 3 == 0 ? 4096 : 512)};
  }

  static std::string history_path(const Plan& plan) { return plan.work + "/history"; }

  // The first start, on an empty disk.
  Result<void> begin() {
    WEIR_TRY(start());
    WEIR_TRY_ASSIGN(connection, clients::Connection::open(broker_->address()));
    return create_and_await(connection, "main", kPartitions);
  }

  // Work, `fault`, recovery, judgement. An error: the broker does not come back or the lab itself failed.
  Result<void> cut(Fault fault) {
    hearing_.dismiss(false);
    start_clients();
    const auto done = strike(fault);
    hearing_.dismiss(true);
    if (!done) broker_->kill();  // or a client would wait for its answer
    join_clients();
    hearing_.listen();
    WEIR_TRY(done);
    if (fault == Fault::kKillThenCut) {
      WEIR_TRY(start());
      WEIR_TRY(judge());
      broker_->freeze();
      WEIR_TRY(cut_power(false));
    }
    count(fault);
    WEIR_TRY(remount());
    WEIR_TRY(start_with_cuts());
    return judge();
  }

  // What is in flight for good; the last word of the judge.
  Verdict end() {
    if (broker_) broker_->kill();
    for (const auto& producer : producers_) producer->give_up(hearing_);
    take_new_events();
    return checker_.verdict();
  }
  [[nodiscard]] bool is_clean() const { return checker_.verdict().clean(); }
  [[nodiscard]] const Checker& checker() const { return checker_; }

 private:
  Result<void> start() {
    log_path_ = fmt::format("{}/broker.{}.{}.log", plan_.work, number_, ++starts_);
    WEIR_TRY_ASSIGN(
        broker,
        BrokerProcess::start({.binary = plan_.binary, .data = data(), .log_path = log_path_, .settings = settings_}));
    broker_ = std::make_unique<BrokerProcess>(std::move(broker));
    const auto began_us = now_us();
    WEIR_TRY_ASSIGN(ready, broker_->wait_ready(kStartLimit));
    if (!ready) return fail(Errc::kTimedOut, "the broker does not get ready:\n" + broker_->log_tail(2000));
    start_ms_ = (now_us() - began_us) / 1000;
    totals_.torn_tails += count_lines_with(log_path_, "of a torn tail were cut off");
    return {};
  }

  // Now and then the power goes while the broker recovers.
  Result<void> start_with_cuts() {
    constexpr int kDepthMax = 3;
    for (int depth = 0; depth < kDepthMax && random_.next_u64() % 4 == 0; ++depth) {
      WEIR_TRY_ASSIGN(broker, BrokerProcess::start({.binary = plan_.binary,
                                                    .data = data(),
                                                    .log_path = plan_.work + "/broker.cut.log",
                                                    .settings = settings_}));
      broker_ = std::make_unique<BrokerProcess>(std::move(broker));
      const Millis limit(random_.next_u64() % (start_ms_ + 1));
      WEIR_TRY_ASSIGN(ready, broker_->wait_ready(limit));
      if (!ready) count(Fault::kCutInRecovery);
      broker_->freeze();
      WEIR_TRY(cut_power(random_.next_u64() % 2 == 0));
      WEIR_TRY(remount());
    }
    return start();
  }

  void start_clients() {
    const auto& address = broker_->address();
    for (const auto& producer : producers_) {
      threads_.emplace_back([&, client = producer.get()] { hearing_.keep_running(*client, address); });
    }
    for (const auto& reader : readers_) {
      threads_.emplace_back([&, client = reader.get()] { hearing_.keep_running(*client, address); });
    }
    threads_.emplace_back([&] { hearing_.keep_running(churn_, address); });
  }
  void join_clients() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  // Lets the clients work for a number of acks drawn by chance, then does it to them.
  Result<void> strike(Fault fault) {
    constexpr std::uint64_t kAcksMin = 20;
    constexpr std::uint64_t kAcksSpread = 4000;
    await_acks(kAcksMin + random_.next_u64() % kAcksSpread);
    if (fault == Fault::kFullThenCut) WEIR_TRY(fill_disk_for_a_while());
    hearing_.dismiss(true);
    int status = 0;
    if (broker_->wait_ended(Millis{0}, status)) {
      return fail(Errc::kIo, fmt::format("the broker ended (status {:#x}):\n{}", status, broker_->log_tail(2000)));
    }
    switch (fault) {
      case Fault::kLiveCut:
      case Fault::kLiveTornCut: hearing_.deafen(); break;
      case Fault::kStopThenCut: WEIR_TRY(broker_->stop(kStopLimit)); break;
      case Fault::kKillThenCut: broker_->kill(); return {};
      default: broker_->freeze();
    }
    return cut_power(fault == Fault::kFrozenTornCut || fault == Fault::kLiveTornCut);
  }

  // False when so many more acks did not come in time.
  bool await_acks(std::uint64_t count) {
    const auto target = hearing_.acked() + count;
    constexpr std::uint64_t kLimitUs = 5'000'000;
    const auto until_us = now_us() + kLimitUs;
    while (hearing_.acked() < target && now_us() < until_us) pause();
    return hearing_.acked() >= target;
  }

  // Until nothing is acked any more; then there is room again, and the broker has to go on without a restart.
  Result<void> fill_disk_for_a_while() {
    const auto filling = image_.root() + "/filling";
    // What reserving leaves over, writing takes.
    static_cast<void>(run_command(fmt::format("dd if=/dev/zero of={} bs=1M", filling)));
    constexpr std::uint64_t kQuietUs = 50'000;
    auto acked = hearing_.acked();
    for (auto since_us = now_us(); now_us() - since_us < kQuietUs; pause()) {
      if (hearing_.acked() == acked) continue;
      acked = hearing_.acked();
      since_us = now_us();
    }
    WEIR_TRY(run_command("rm " + filling));
    if (await_acks(1)) return {};
    return fail(Errc::kNoSpace, "nothing is acked any more, though there is room again:\n" + broker_->log_tail(2000));
  }

  Result<void> cut_power(bool torn) {
    if (torn) {
      WEIR_TRY_ASSIGN(pages, write_back_random_pages(image_.root(), data(), random_));
      totals_.pages_written_back += pages;
    }
    WEIR_TRY(image_.cut());
    broker_->kill();
    return {};
  }
  Result<void> remount() {
    WEIR_TRY(image_.unmount());
    return image_.mount();
  }

  Result<void> judge() {
    WEIR_TRY_ASSIGN(connection, clients::Connection::open(broker_->address()));
    WEIR_TRY_ASSIGN(logs, churn_.look(connection, hearing_));
    logs.insert(logs.end(), logs_.begin(), logs_.end());
    const auto client = next_judge_++;
    for (const auto& log : logs) WEIR_TRY(read_all(connection, log, client, hearing_));
    take_new_events();
    return {};
  }

  void take_new_events() {
    const auto events = read_history(history_path(plan_), events_taken_);
    if (!events) return;
    events_taken_ += events->size();
    checker_.take(*events);
  }

  void count(Fault fault) {
    const auto at_us = now_us();
    hearing_.note(
        {.op = Op::kFault, .value = static_cast<std::uint64_t>(fault), .invoked_us = at_us, .completed_us = at_us});
  }

  [[nodiscard]] std::string data() const { return image_.root() + "/data"; }

  const Plan& plan_;
  int number_;
  LoopImage image_;
  Recorder recorder_;
  Hearing hearing_;
  Random& random_;
  Totals& totals_;
  std::vector<std::string> settings_;
  std::vector<LogName> logs_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<TailReader>> readers_;
  TopicChurn churn_;
  std::vector<std::thread> threads_;
  std::unique_ptr<BrokerProcess> broker_;
  std::string log_path_;
  int starts_ = 0;
  std::uint64_t start_ms_ = 100;
  std::uint16_t next_judge_ = kFirstJudge;
  Checker checker_;
  std::size_t events_taken_ = 0;
};

// Faults in an order drawn by chance, each kind in its share of every twenty.
class Deck {
 public:
  Fault draw(Random& random) {
    if (cards_.empty()) {
      constexpr std::array<std::pair<Fault, int>, 7> kShares{{{Fault::kFrozenCut, 4},
                                                              {Fault::kFrozenTornCut, 4},
                                                              {Fault::kLiveCut, 4},
                                                              {Fault::kLiveTornCut, 4},
                                                              {Fault::kKillThenCut, 2},
                                                              {Fault::kStopThenCut, 1},
                                                              {Fault::kFullThenCut, 1}}};
      for (const auto& [fault, share] : kShares) cards_.insert(cards_.end(), static_cast<std::size_t>(share), fault);
    }
    const auto at = cards_.begin() + static_cast<std::ptrdiff_t>(random.next_u64() % cards_.size());
    const auto fault = *at;
    cards_.erase(at);
    return fault;
  }

 private:
  std::vector<Fault> cards_;
};

void keep_evidence(const Plan& plan, int number) {
  if (plan.keep.empty()) return;
  const auto folder = fmt::format("{}/{}-{}", plan.keep, plan.fs, number);
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const auto& entry : std::filesystem::directory_iterator(plan.work, failed)) {
    const auto name = entry.path().filename();
    const bool wanted = name == "history" || name.native().starts_with(fmt::format("broker.{}.", number));
    if (wanted) std::filesystem::copy(entry.path(), folder / name, failed);
  }
  fmt::print("  kept: {}\n", folder);
}

// False when the lab itself could not go on.
bool run_generation(const Plan& plan, int number, Random& random, Deck& deck, Totals& totals) {
  std::filesystem::remove(Generation::history_path(plan));
  auto image = LoopImage::create(plan.fs, plan.work);
  auto recorder = Recorder::open(Generation::history_path(plan));
  if (!image || !recorder) {
    fmt::print("power: {}\n", to_string(image ? recorder.error() : image.error()));
    return false;
  }
  Generation generation(plan, number, *std::move(image), *std::move(recorder), random, totals);
  auto outcome = generation.begin();
  int done = 0;
  while (outcome && generation.is_clean() && done < plan.cuts_a_generation && totals.cuts < plan.cuts) {
    outcome = generation.cut(deck.draw(random));
    ++done;
    ++totals.cuts;
  }
  const auto verdict = generation.end();
  totals.verdict.add(verdict);
  const bool failed = !outcome || !verdict.clean();
  if (failed) {
    ++totals.failed_generations;
    fmt::print("generation {}, cut {}: {}\n", number, totals.cuts, verdict.anomalies_text());
    const auto& findings = generation.checker().findings();
    for (const auto& finding : findings) fmt::print("  {}\n", finding);
    if (!outcome) fmt::print("  {}\n", to_string(outcome.error()));
    keep_evidence(plan, number);
  }
  std::fflush(stdout);
  return true;
}

int report(const Plan& plan, const Totals& totals, std::uint64_t took_ms) {
  const auto& verdict = totals.verdict;
  fmt::print("power {}: {} cuts in {:.1f} s, seed {}\n", plan.fs, totals.cuts, static_cast<double>(took_ms) / 1000,
             plan.seed);
  fmt::print(
      "  records: {} sent, {} acked, {} refused, {} unknown ({:.1f} %), {} read; {} whole logs read back; {} "
      "topics created or deleted\n",
      verdict.sends, verdict.acked, verdict.refused, verdict.unknown, verdict.unknown_share() * 100, verdict.reads,
      verdict.full_reads, verdict.changes_acked);
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    fmt::print("  {:<24} {}\n", to_string(static_cast<Anomaly>(i)), verdict.anomalies[i]);
  }
  fmt::print("  {:<24} {}\n", "plain duplicates", verdict.plain_duplicates);
  fmt::print("  {:<24} {} ({} pages written back before cuts)\n", "torn tails recovered", totals.torn_tails,
             totals.pages_written_back);
  bool fired = true;
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const auto at = verdict.faults.find(i);
    const auto count = at == verdict.faults.end() ? 0 : at->second;
    fmt::print("  fired: {:<21} {}\n", kFaultNames[i], count);
    fired = fired && count > 0;
  }
  const bool enough = verdict.unknown_share() <= kUnknownShareMax;
  if (!fired) fmt::print("  a fault that never fired proves nothing: more cuts\n");
  if (!enough) fmt::print("  too many outcomes are unknown\n");
  const bool held = totals.failed_generations == 0;
  if (!held || !fired || !enough) {
    fmt::print("  repeat: ./dev lab power --fs {} --cuts {} --seed {}\n", plan.fs, plan.cuts, plan.seed);
  }
  return held && fired && enough ? 0 : 1;
}

int run(Plan plan) {
  if (plan.seed == 0) plan.seed = SystemRandom().next_u64() >> 32;
  SeededRandom random(plan.seed);
  Deck deck;
  Totals totals;
  const auto began_us = now_us();
  for (int number = 1; totals.cuts < plan.cuts; ++number) {
    if (!run_generation(plan, number, random, deck, totals)) return 2;
    if (totals.failed_generations == 0) continue;
    if (plan.until_found) {
      fmt::print("found after {} cuts\n", totals.cuts);
      return 1;
    }
    constexpr int kFailedGenerationsMax = 10;
    if (totals.failed_generations == kFailedGenerationsMax) break;
  }
  return report(plan, totals, (now_us() - began_us) / 1000);
}

}  // namespace
}  // namespace weir::lab

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::lab::Plan plan;
  CLI::App app{"Power cuts under a working broker"};
  app.add_option("--fs", plan.fs, "ext4 or xfs")->check(CLI::IsMember({"ext4", "xfs"}));
  app.add_option("--cuts", plan.cuts, "how many");
  app.add_option("--seed", plan.seed, "of all chance (0: a new one)")->envname("WEIR_SEED");
  app.add_option("--binary", plan.binary, "the broker")->required();
  app.add_option("--work", plan.work, "an empty folder for image and mount point")->required();
  app.add_option("--keep", plan.keep, "where histories and logs of failures go");
  app.add_flag("--until-found", plan.until_found, "end with the first anomaly");
  CLI11_PARSE(app, argc, argv);
  return weir::lab::run(std::move(plan));
}
