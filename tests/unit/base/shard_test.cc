#include "base/async/shard.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/run_on.h"
#include "base/async/task_group.h"
#include "base/async/wake_signal.h"
#include "support/manual_clock.h"

namespace weir {
namespace {

using boost::asio::awaitable;

// Runs a shard on a thread of its own until the end of the test.
class RunningShard {
 public:
  explicit RunningShard(std::uint32_t index) : shard(index, clock_), thread_([this] { shard.run(); }) {}
  ~RunningShard() { end(); }
  // The owner of a run_on lets go of the caller a moment after the caller went on: both end before either dies, as the
  // threads of a broker do.
  void end() {
    if (!thread_.joinable()) return;
    shard.stop();
    thread_.join();
  }

 private:
  SystemClock clock_;

 public:
  Shard shard;

 private:
  std::thread thread_;
};

// --- timers ---

TEST(ShardTimers, FireInOrderOfDeadlineOnceTheClockIsThere) {
  ManualClock clock;
  Shard shard(0, clock);
  std::string fired;
  const auto start = clock.steady();
  shard.start_timer(start + Millis{20}, [&] { fired += 'b'; });
  shard.start_timer(start + Millis{10}, [&] { fired += 'a'; });
  shard.start_timer(start + Millis{20}, [&] { fired += 'c'; });
  EXPECT_EQ(shard.step(), 0u);
  EXPECT_EQ(shard.next_deadline(), start + Millis{10});
  clock.advance(Millis{10});
  EXPECT_EQ(shard.step(), 1u);
  EXPECT_EQ(fired, "a");
  clock.advance(Millis{10});
  shard.step();
  EXPECT_EQ(fired, "abc");
  EXPECT_EQ(shard.next_deadline(), std::nullopt);
}

TEST(ShardTimers, CancelOnlyWhatHasNotFired) {
  ManualClock clock;
  Shard shard(0, clock);
  int fired = 0;
  const auto soon = shard.start_timer(clock.steady() + Millis{1}, [&] { ++fired; });
  const auto later = shard.start_timer(clock.steady() + Millis{2}, [&] { ++fired; });
  EXPECT_TRUE(shard.cancel_timer(later));
  EXPECT_FALSE(shard.cancel_timer(later));
  clock.advance(Millis{5});
  shard.step();
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(shard.cancel_timer(soon));
}

TEST(ShardTimers, MayStartTimersThemselves) {
  ManualClock clock;
  Shard shard(0, clock);
  int fired = 0;
  shard.start_timer(clock.steady(), [&] {
    ++fired;
    shard.start_timer(clock.steady(), [&] { ++fired; });
  });
  shard.step();
  EXPECT_EQ(fired, 2);
}

TEST(ShardTimers, WakeARunningShard) {
  RunningShard running(0);
  std::promise<void> fired;
  running.shard.post([&] {
    auto& shard = running.shard;
    const auto start = shard.clock().steady();
    shard.start_timer(start + std::chrono::hours{1}, [] {});
    shard.start_timer(start + Millis{2}, [&] { fired.set_value(); });
    shard.cancel_timer(shard.start_timer(start + Millis{1}, [] { ADD_FAILURE() << "was cancelled"; }));
  });
  EXPECT_EQ(fired.get_future().wait_for(std::chrono::seconds{30}), std::future_status::ready);
}

TEST(Shard, KnowsItsThread) {
  ManualClock clock;
  Shard shard(3, clock);
  EXPECT_EQ(shard.index(), 3u);
  EXPECT_FALSE(shard.is_current());
  bool inside = false;
  shard.post([&] { inside = shard.is_current(); });
  shard.step();
  EXPECT_TRUE(inside);
  EXPECT_FALSE(shard.is_current());
}

// --- one shot ---

awaitable<void> record(std::shared_ptr<OneShot<int>> shot, SteadyTime deadline, std::vector<int>& into) {
  const auto value = co_await shot->wait(deadline);
  into.push_back(value.value_or(-1));
}

struct Bench {
  ManualClock clock;
  Shard shard{0, clock};
  TaskGroup tasks{shard};
  std::vector<int> seen;
};

TEST(OneShot, GivesAValueThatWasSetBeforeTheWait) {
  Bench bench;
  auto shot = make_one_shot<int>(bench.shard);
  EXPECT_TRUE(shot->set(4));
  bench.tasks.start("wait", record(shot, SteadyTime::max(), bench.seen));
  bench.shard.step();
  EXPECT_EQ(bench.seen, std::vector<int>{4});
}

TEST(OneShot, WakesItsWaiterInALaterTurn) {
  Bench bench;
  auto shot = make_one_shot<int>(bench.shard);
  bench.tasks.start("wait", record(shot, SteadyTime::max(), bench.seen));
  bench.shard.step();
  EXPECT_TRUE(shot->set(5));
  EXPECT_TRUE(bench.seen.empty());
  bench.shard.step();
  EXPECT_EQ(bench.seen, std::vector<int>{5});
  EXPECT_FALSE(shot->set(6));
}

TEST(OneShot, EndsTheWaitAtTheDeadline) {
  Bench bench;
  auto shot = make_one_shot<int>(bench.shard);
  bench.tasks.start("wait", record(shot, bench.clock.steady() + Millis{10}, bench.seen));
  bench.shard.step();
  bench.clock.advance(Millis{9});
  bench.shard.step();
  EXPECT_TRUE(bench.seen.empty());
  bench.clock.advance(Millis{1});
  bench.shard.step();
  EXPECT_EQ(bench.seen, std::vector<int>{-1});
  EXPECT_TRUE(shot->is_done());
  EXPECT_FALSE(shot->set(7)) << "too late";
  EXPECT_EQ(bench.tasks.running_count(), 0u);
}

TEST(OneShot, CancelsItsTimerWhenTheValueComes) {
  Bench bench;
  auto shot = make_one_shot<int>(bench.shard);
  bench.tasks.start("wait", record(shot, bench.clock.steady() + Millis{10}, bench.seen));
  bench.shard.step();
  shot->set(8);
  bench.shard.step();
  EXPECT_EQ(bench.seen, std::vector<int>{8});
  EXPECT_EQ(bench.shard.next_deadline(), std::nullopt);
}

TEST(OneShot, OutlivesASetterThatLetsGo) {
  Bench bench;
  auto shot = make_one_shot<int>(bench.shard);
  bench.tasks.start("wait", record(shot, SteadyTime::max(), bench.seen));
  bench.shard.step();
  shot->set(9);
  shot.reset();
  bench.shard.step();
  EXPECT_EQ(bench.seen, std::vector<int>{9});
}

// --- wake signal ---

awaitable<void> count_rings(WakeSignal& signal, int& count) {
  for (;;) {
    co_await signal.wait();
    ++count;
  }
}

TEST(WakeSignal, RemembersOneRing) {
  Bench bench;
  WakeSignal signal(bench.shard);
  int count = 0;
  signal.ring();
  signal.ring();
  bench.tasks.start("count", count_rings(signal, count));
  bench.shard.step();
  EXPECT_EQ(count, 1);
  signal.ring();
  EXPECT_EQ(count, 1) << "in a later turn";
  bench.shard.step();
  EXPECT_EQ(count, 2);
}

// --- task group ---

awaitable<void> mark(std::vector<int>& into, int value) {
  into.push_back(value);
  co_return;
}

awaitable<void> fail_with(const char* words) {
  throw std::runtime_error(words);
  co_return;
}

awaitable<void> wait_for_all(TaskGroup& tasks, std::vector<int>& into) {
  co_await tasks.wait_until_empty();
  into.push_back(100);
}

TEST(TaskGroup, StartsInALaterTurnOrNow) {
  Bench bench;
  bench.shard.post([&] {
    bench.tasks.start("later", mark(bench.seen, 2));
    bench.tasks.start_now("now", mark(bench.seen, 1));
    EXPECT_EQ(bench.seen, std::vector<int>{1});
    EXPECT_EQ(bench.tasks.running_count(), 2u);
  });
  bench.shard.step();
  EXPECT_EQ(bench.seen, (std::vector<int>{1, 2}));
  EXPECT_EQ(bench.tasks.running_count(), 0u);
}

TEST(TaskGroup, SurvivesATaskThatThrows) {
  Bench bench;
  bench.tasks.start("thrower", fail_with("planted"));
  bench.shard.step();
  EXPECT_EQ(bench.tasks.running_count(), 0u);
}

TEST(TaskGroup, WaitsUntilTheLastHasEnded) {
  Bench bench;
  TaskGroup watcher(bench.shard);
  auto first = make_one_shot<int>(bench.shard);
  auto second = make_one_shot<int>(bench.shard);
  std::vector<int> ended;
  bench.tasks.start("first", record(first, SteadyTime::max(), bench.seen));
  bench.tasks.start("second", record(second, SteadyTime::max(), bench.seen));
  watcher.start("watch", wait_for_all(bench.tasks, ended));
  bench.shard.step();
  first->set(1);
  bench.shard.step();
  EXPECT_TRUE(ended.empty());
  second->set(2);
  bench.shard.step();
  EXPECT_EQ(ended, std::vector<int>{100});
}

// --- teardown ---

struct Witness {
  explicit Witness(int& at) : count(at) { ++count; }
  ~Witness() { --count; }
  int& count;
};

awaitable<void> hold(Shard& shard, std::shared_ptr<Witness> witness) {
  auto never = make_one_shot<int>(shard);
  auto held = std::move(witness);
  co_await never->wait(shard.clock().steady() + Millis{1000});
}

TEST(Shard, EndsCoroutinesThatStillWaitWhenItDies) {
  int alive = 0;
  {
    ManualClock clock;
    Shard shard(0, clock);
    TaskGroup tasks(shard);
    for (int i = 0; i < 3; ++i) tasks.start("hold", hold(shard, std::make_shared<Witness>(alive)));
    shard.step();
    tasks.start("never began", hold(shard, std::make_shared<Witness>(alive)));
    EXPECT_EQ(alive, 4);
  }
  EXPECT_EQ(alive, 0);
}

// --- between threads ---

awaitable<int> index_here(Shard& owner, int value) {
  EXPECT_TRUE(owner.is_current());
  co_return static_cast<int>(owner.index()) * 1000 + value;
}

awaitable<void> go_there_and_back(Shard& here, Shard& there, int rounds, std::promise<int>& sum) {
  int total = 0;
  for (int i = 0; i < rounds; ++i) {
    total += co_await run_on(there, index_here(there, i));
    EXPECT_TRUE(here.is_current());
    total += co_await run_on(here, index_here(here, i));
  }
  sum.set_value(total);
}

TEST(RunOn, GoesToTheOwnerAndComesBack) {
  RunningShard one(1);
  RunningShard two(2);
  constexpr int kRounds = 500;
  std::promise<int> first;
  std::promise<int> second;
  TaskGroup on_one(one.shard);
  TaskGroup on_two(two.shard);
  one.shard.post([&] { on_one.start("there", go_there_and_back(one.shard, two.shard, kRounds, first)); });
  two.shard.post([&] { on_two.start("there", go_there_and_back(two.shard, one.shard, kRounds, second)); });
  const int wanted = kRounds * 3000 + kRounds * (kRounds - 1);
  EXPECT_EQ(first.get_future().get(), wanted);
  EXPECT_EQ(second.get_future().get(), wanted);
  one.end();
  two.end();
}

awaitable<int> fail_there(Shard& owner) {
  EXPECT_TRUE(owner.is_current());
  throw std::runtime_error("planted");
  co_return 0;
}

awaitable<void> catch_here(Shard& here, Shard& there, std::promise<std::string>& words) {
  std::string caught;
  try {
    co_await run_on(there, fail_there(there));
  } catch (const std::exception& error) {
    caught = error.what();
  }
  EXPECT_TRUE(here.is_current());
  words.set_value(caught);
}

TEST(RunOn, BringsAnExceptionBack) {
  RunningShard one(1);
  RunningShard two(2);
  std::promise<std::string> words;
  TaskGroup tasks(one.shard);
  one.shard.post([&] { tasks.start("catch", catch_here(one.shard, two.shard, words)); });
  EXPECT_EQ(words.get_future().get(), "planted");
  one.end();
  two.end();
}

awaitable<void> work_elsewhere(Helpers& helpers, Shard& here, std::promise<std::vector<int>>& results) {
  std::vector<int> got;
  for (int i = 0; i < 100; ++i) {
    got.push_back(co_await run_on_helper(helpers, here, [&here, &i] {
      EXPECT_FALSE(here.is_current());
      return i * i;
    }));
    EXPECT_TRUE(here.is_current());
  }
  results.set_value(std::move(got));
}

TEST(RunOnHelper, ResumesOnTheCallersShard) {
  RunningShard running(0);
  HelperThreads helpers(3);  // ends first: its work posts to the shard
  TaskGroup tasks(running.shard);
  std::promise<std::vector<int>> first;
  std::promise<std::vector<int>> second;
  running.shard.post([&] {
    tasks.start("work", work_elsewhere(helpers, running.shard, first));
    tasks.start("work", work_elsewhere(helpers, running.shard, second));
  });
  const auto results = first.get_future().get();
  EXPECT_EQ(results, second.get_future().get());
  ASSERT_EQ(results.size(), 100u);
  EXPECT_EQ(results[99], 99 * 99);
}

TEST(HelperThreads, RunWhatIsQueuedBeforeTheyEnd) {
  std::atomic<int> ran = 0;
  {
    HelperThreads helpers(2);
    for (int i = 0; i < 1000; ++i) helpers.run([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace weir
