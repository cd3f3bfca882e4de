// Random lives of a broker: requests of every kind, flushes that are late, restarts that are clean, kills and power
// cuts between two requests or inside any file-system call. Clients that remember every answer judge each start.
//
// WEIR_HISTORIES sets how many are run, from a seed of chance. A failure prints the seed of its history: with it,
// WEIR_HISTORIES=1 repeats that one alone.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>

#include "base/log.h"
#include "crash/broker_clients.h"
#include "crash/broker_script.h"
#include "support/memory_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

constexpr std::int16_t kAcksAll = -1;
constexpr std::uint64_t kHistories = kSanitized ? 1'000 : 10'000;  // with one shard, and as many with three
constexpr std::uint64_t kFirstSeed = 1;
constexpr int kLivesMax = 4;
constexpr int kStepsMax = 25;  // of one life
constexpr std::uint64_t kCallsOfALife = 400;
// Of the histories: their logs roll all the time, and lose their start.
constexpr std::uint64_t kKeepLittlePercent = 42;

std::uint64_t histories_count() {
  const char* asked = std::getenv("WEIR_HISTORIES");
  return asked == nullptr ? kHistories : std::strtoull(asked, nullptr, 10);
}

struct Totals {
  std::uint64_t lives = 0;
  std::uint64_t clean_stops = 0;
  std::uint64_t kills = 0;
  std::uint64_t cuts = 0;
  std::uint64_t cuts_inside_a_call = 0;
  std::uint64_t batches_sent = 0;
  std::uint64_t batches_acked = 0;
  std::uint64_t batches_shown = 0;
  std::uint64_t starts_moved = 0;  // of partitions
  std::uint64_t with_moved_start = 0;
  std::uint64_t limits_acked = 0;
  std::uint64_t batches_limited = 0;
  PowerCutLosses losses;
};

class OneHistory {
 public:
  OneHistory(std::uint64_t seed, Totals& totals)
      : seed_(seed), random_(seed), totals_(totals), keeps_little_(chance(kKeepLittlePercent)) {}

  // The problem found; empty: none.
  std::string run();

 private:
  void live();
  void take_step(TestBroker& broker, Clients& clients);
  void produce(Clients& clients);
  void change_topics(Clients& clients);
  std::shared_ptr<MemoryFs> end_of(const MemoryFs& disk);
  [[nodiscard]] std::optional<std::size_t> some_topic();
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Totals& totals_;
  const bool keeps_little_;
  std::shared_ptr<MemoryFs> disk_ = std::make_shared<MemoryFs>();
  History history_;
  int life_ = 0;
  bool held_ = false;
};

std::string OneHistory::run() {
  const auto lives = 2 + static_cast<int>(below(kLivesMax - 1));
  for (; life_ < lives && history_.problem.empty(); ++life_) live();
  totals_.lives += static_cast<std::uint64_t>(life_);
  totals_.batches_sent += history_.batches_sent;
  totals_.batches_acked += history_.batches_acked;
  totals_.batches_shown += history_.batches_shown;
  totals_.starts_moved += history_.starts_moved;
  if (history_.starts_moved != 0) ++totals_.with_moved_start;
  totals_.limits_acked += history_.limits_acked;
  totals_.batches_limited += history_.batches_limited;
  return history_.problem.empty() ? std::string() : fmt::format("in life {}: {}", life_, history_.problem);
}

std::shared_ptr<MemoryFs> OneHistory::end_of(const MemoryFs& disk) {
  if (chance(20)) {
    ++totals_.kills;
    return disk.after_kill();
  }
  ++totals_.cuts;
  const auto kind = chance(70) ? PowerCut::kTear : chance(80) ? PowerCut::kDrop : PowerCut::kKeep;
  return disk.after_power_cut(kind, random_(), &totals_.losses);
}

void OneHistory::live() {
  Clients* clients = nullptr;
  std::shared_ptr<MemoryFs> next_disk;
  std::optional<History> told_by_then;
  const auto cut_at = chance(60) ? 1 + below(kCallsOfALife) : 0;
  TestBroker::Options options{
      .settings = crash_settings(), .fs = disk_, .seed = seed_ * 8 + static_cast<unsigned>(life_)};
  options.arrange_faults = [&](FaultFs& faults) {
    faults.on_call = [&](std::uint64_t number, const char*, const storage::Path&) {
      if (number != cut_at) return;
      ++totals_.cuts_inside_a_call;
      if (clients != nullptr) clients->collect();
      next_disk = end_of(*disk_);
      told_by_then = history_;
    };
  };
  held_ = false;
  {
    auto started = TestBroker::try_start(std::move(options));
    if (!started) {
      history_.problem = "it does not start: " + to_string(started.error());
      return;
    }
    Clients running(**started, history_);
    clients = &running;
    running.check_all();
    if (history_.problem.empty() && chance(50)) running.go_on();
    const auto steps = below(kStepsMax);
    for (std::uint64_t i = 0; i < steps && next_disk == nullptr && history_.problem.empty(); ++i) {
      take_step(**started, running);
    }
    if (next_disk == nullptr && history_.problem.empty() && chance(30)) {
      (*started)->hold_helpers(false);
      running.collect();
      running.tolerate_errors();
      const auto stopped = (*started)->try_stop();
      running.collect();
      if (!stopped) running.report("it does not stop cleanly: " + to_string(stopped.error()));
      ++totals_.clean_stops;
      if (next_disk == nullptr && chance(50)) next_disk = disk_->after_kill();
    }
    running.collect();
    clients = nullptr;
    if (next_disk == nullptr) next_disk = end_of(*disk_);
    // What goes on now is seen by nobody. It is let finish, since a coroutine that waits on another shard than its own
    // must not outlive either.
    (*started)->faults().on_call = nullptr;
    (*started)->hold_helpers(false);
    (*started)->step();
  }
  if (!history_.problem.empty()) return;
  if (told_by_then) history_ = *std::move(told_by_then);
  disk_ = std::move(next_disk);
}

std::optional<std::size_t> OneHistory::some_topic() {
  std::vector<std::size_t> there;
  for (std::size_t i = 0; i < history_.topics.size(); ++i) {
    if (history_.topics[i].state == TopicHistory::State::kThere) there.push_back(i);
  }
  if (there.empty()) return std::nullopt;
  return there[below(there.size())];
}

void OneHistory::produce(Clients& clients) {
  const auto topic = some_topic();
  if (!topic) return;
  const auto partition = below(history_.topics[*topic].partitions.size());
  const auto size = chance(10) ? below(6000) : below(200);
  if (!history_.producers.empty() && chance(50)) {
    clients.produce(*topic, partition, kAcksAll, static_cast<int>(below(history_.producers.size())), size);
  } else {
    clients.produce(*topic, partition, static_cast<std::int16_t>(below(3)) - 1, kNoProducer, size);
  }
}

void OneHistory::change_topics(Clients& clients) {
  constexpr std::size_t kTopicsMax = 8;
  if (const auto topic = some_topic(); topic && chance(40)) return clients.delete_topic(*topic);
  if (history_.topics.size() >= kTopicsMax) return;
  // One of few names, so that one is made anew; not while the one before may still be there.
  const auto name = fmt::format("t{}", below(3));
  for (const auto& topic : history_.topics) {
    if (topic.name == name && topic.state != TopicHistory::State::kDeleted) return;
  }
  std::vector<std::pair<std::string, std::string>> configs;
  if (keeps_little_) {
    configs = {{"segment.index.bytes", std::to_string(16 + below(20))}, {"index.interval.bytes", "0"}};
    if (chance(70)) configs.emplace_back("retention.bytes", std::to_string(below(800)));
    if (chance(50)) configs.emplace_back("retention.ms", std::to_string(1 + below(5000)));
    clients.create_topic(name, 1, std::move(configs));
    return;
  }
  if (chance(70)) {
    configs = {{"segment.index.bytes", std::to_string(24 + below(400))}, {"index.interval.bytes", "0"}};
  }
  if (chance(30)) configs.emplace_back("retention.bytes", std::to_string(below(5000)));
  clients.create_topic(name, static_cast<int>(1 + below(3)), std::move(configs));
}

void OneHistory::take_step(TestBroker& broker, Clients& clients) {
  switch (below(16)) {
    case 0: change_topics(clients); break;
    case 1:
      if (history_.producers.size() < 3) clients.init_producer();
      break;
    case 2:
      clients.fetch();
      if (const auto topic = some_topic(); topic && chance(40)) clients.limit_batches(*topic, chance(40));
      break;
    case 3: clients.list_offsets(); break;
    case 4:
      broker.hold_helpers(held_ = !held_);
      for (auto count = held_ ? below(5) : 0; count-- > 0;) produce(clients);  // none of it can be flushed yet
      break;
    case 5:  // flushes pass, all else is slow
      broker.hold_helpers(held_ = false);
      broker.hold_slow_helpers(chance(50));
      break;
    case 6:
      if (!held_) broker.advance(Millis{1000});
      break;
    case 7:
      if (keeps_little_ && !held_) {
        broker.advance(Millis{2000});  // a round of retention, whatever ran before
        clients.collect();
        clients.list_offsets();
      }
      [[fallthrough]];
    default:
      for (auto count = below(4); count-- > 0;) produce(clients);
      break;
  }
  if (chance(80)) clients.step();
}

class BrokerHistories : public testing::Test {
 protected:
  BrokerHistories() { set_log_level(LogLevel::kError); }
  ~BrokerHistories() override { set_log_level(LogLevel::kInfo); }
};

TEST_F(BrokerHistories, AreAsTheClientsWereTold) {
  // The suite runs the same ones every time; whoever asks for a number or a seed gets others.
  const bool is_asked = std::getenv("WEIR_HISTORIES") != nullptr || std::getenv("WEIR_SEED") != nullptr;
  const auto first_seed = is_asked ? draw_seed() : kFirstSeed;
  const auto count = histories_count();
  Totals totals;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto seed = first_seed + i;
    const auto problem = OneHistory(seed, totals).run();
    ASSERT_EQ(problem, "") << "history " << i << "; WEIR_HISTORIES=1 " << repeat_with(seed);
  }
  fmt::print(
      "{} histories ({} shards) from seed {}: {} lives, {} clean stops, {} kills, {} power cuts, {} of both inside a "
      "call; {} batches sent, {} acked, {} shown, {} log starts moved in {} of them, {} limits set that "
      "refused {} batches; {} files changed, {} directories, "
      "in {} files a "
      "later write survived an earlier one\n",
      count, TestBroker::default_shard_count(), first_seed, totals.lives, totals.clean_stops, totals.kills, totals.cuts,
      totals.cuts_inside_a_call, totals.batches_sent, totals.batches_acked, totals.batches_shown, totals.starts_moved,
      totals.with_moved_start, totals.limits_acked, totals.batches_limited, totals.losses.files_changed,
      totals.losses.files_vanished, totals.losses.later_write_survived);
  if (count < 1000) return;
  EXPECT_GT(totals.clean_stops, count / 5);
  EXPECT_GT(totals.kills, count / 5);
  EXPECT_GT(totals.cuts_inside_a_call, count / 2);
  EXPECT_GT(totals.batches_acked, count * 5);
  EXPECT_GT(totals.batches_shown, count * 5);
  EXPECT_GT(totals.limits_acked, count / 5);
  EXPECT_GT(totals.batches_limited, count / 5);
  EXPECT_GT(totals.with_moved_start, count / 20);
  EXPECT_GT(totals.losses.later_write_survived, count / 20);
}

}  // namespace
}  // namespace weir::test
