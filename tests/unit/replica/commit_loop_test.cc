#include "replica/commit_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/async/task_group.h"
#include "support/manual_clock.h"

namespace weir::replica {
namespace {

// Keeps work until the test lets it run.
class HeldHelpers final : public Helpers {
 public:
  void run(Work work) override { queue_.push_back(std::move(work)); }
  // The oldest, for the test to run when it likes.
  Work take() {
    auto work = std::move(queue_.front());
    queue_.pop_front();
    return work;
  }
  void run_one() { take()(); }
  void run_all() {
    while (!queue_.empty()) run_one();
  }
  [[nodiscard]] std::size_t size() const { return queue_.size(); }

 private:
  std::deque<Work> queue_;
};

class CountingCommit final : public storage::GroupCommit {
 public:
  std::vector<Result<void>> make_durable(std::span<const storage::FlushJob> group) override {
    group_sizes.push_back(group.size());
    std::vector<Result<void>> outcomes(group.size());
    if (fail_next) outcomes.front() = fail(Errc::kIo, "planned");
    fail_next = false;
    return outcomes;
  }
  std::vector<std::size_t> group_sizes;
  bool fail_next = false;
};

// A log that only counts. As a partition does, it asks for the next flush when one is complete.
class CountedLog final : public Flushable, public std::enable_shared_from_this<CountedLog> {
 public:
  explicit CountedLog(CommitLoop& loop) : loop_(loop) {}
  [[nodiscard]] bool needs_flush() const override { return end_ > flushed_ && !out_; }
  [[nodiscard]] storage::FlushJob begin_flush() override {
    out_ = true;
    storage::FlushJob job;
    job.end = end_;
    return job;
  }
  void complete_flush(const storage::FlushJob& job, const Result<void>& outcome) override {
    out_ = false;
    if (outcome) {
      flushed_ = job.end;
    } else {
      ++failures;
    }
    if (outcome && needs_flush()) loop_.mark_dirty(shared_from_this());
  }
  void append() { ++end_; }
  [[nodiscard]] Offset flushed() const { return flushed_; }
  int failures = 0;

 private:
  CommitLoop& loop_;
  Offset end_{0};
  Offset flushed_{0};
  bool out_ = false;
};

class CommitLoopTest : public testing::Test {
 protected:
  ManualClock clock_;
  Shard shard_{0, clock_};
  HeldHelpers helpers_;
  CountingCommit commit_;
  CommitLoop loop_{shard_, helpers_, commit_, 2};
};

TEST_F(CommitLoopTest, AppendsOfOneTurnShareAFlush) {
  auto log = std::make_shared<CountedLog>(loop_);
  for (int i = 0; i < 10; ++i) {
    log->append();
    loop_.mark_dirty(log);
  }
  shard_.step();
  EXPECT_EQ(helpers_.size(), 1U);
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(log->flushed(), Offset(10));
  EXPECT_EQ(loop_.flush_count(), 1U);
}

TEST_F(CommitLoopTest, WhatComesDuringAFlushIsTheNextOne) {
  auto log = std::make_shared<CountedLog>(loop_);
  log->append();
  loop_.mark_dirty(log);
  shard_.step();
  for (int i = 0; i < 10; ++i) {
    log->append();
    loop_.mark_dirty(log);
    shard_.step();
  }
  EXPECT_EQ(helpers_.size(), 1U) << "one flush of a log at a time";
  helpers_.run_one();
  shard_.step();
  EXPECT_EQ(log->flushed(), Offset(1));
  EXPECT_EQ(helpers_.size(), 1U) << "the next one starts when the first is complete";
  helpers_.run_one();
  shard_.step();
  EXPECT_EQ(log->flushed(), Offset(11));
  EXPECT_EQ(loop_.flush_count(), 2U);
}

// Goal: a slow flush of one log holds up nobody else. Method: it stays on its helper while the other log's ends.
TEST_F(CommitLoopTest, NoLogWaitsForAnothersFlush) {
  auto slow = std::make_shared<CountedLog>(loop_);
  auto quick = std::make_shared<CountedLog>(loop_);
  slow->append();
  loop_.mark_dirty(slow);
  shard_.step();
  [[maybe_unused]] const auto held = helpers_.take();
  for (int i = 1; i <= 3; ++i) {
    quick->append();
    loop_.mark_dirty(quick);
    shard_.step();
    helpers_.run_all();
    shard_.step();
    EXPECT_EQ(quick->flushed(), Offset(i));
  }
  EXPECT_EQ(slow->flushed(), Offset(0));
}

TEST_F(CommitLoopTest, AFreeHelperTakesTheLogThatWaitsLongest) {
  std::vector<std::shared_ptr<CountedLog>> logs;
  for (int i = 0; i < 5; ++i) {
    logs.push_back(std::make_shared<CountedLog>(loop_));
    logs.back()->append();
    loop_.mark_dirty(logs.back());
  }
  shard_.step();
  EXPECT_EQ(helpers_.size(), 2U);
  for (std::size_t done = 1; done <= logs.size(); ++done) {
    helpers_.run_one();
    shard_.step();
    EXPECT_EQ(helpers_.size(), std::min<std::size_t>(2, logs.size() - done));
    for (std::size_t i = 0; i < logs.size(); ++i) EXPECT_EQ(logs[i]->flushed(), Offset(i < done ? 1 : 0)) << i;
  }
  EXPECT_EQ(commit_.group_sizes, std::vector<std::size_t>(5, 1));
}

TEST_F(CommitLoopTest, AFailureReachesItsLogAlone) {
  auto bad = std::make_shared<CountedLog>(loop_);
  auto good = std::make_shared<CountedLog>(loop_);
  bad->append();
  good->append();
  commit_.fail_next = true;
  loop_.mark_dirty(bad);
  loop_.mark_dirty(good);
  shard_.step();
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(bad->failures, 1);
  EXPECT_EQ(bad->flushed(), Offset(0));
  EXPECT_EQ(good->failures, 0);
  EXPECT_EQ(good->flushed(), Offset(1));
}

TEST_F(CommitLoopTest, ALogThatIsCleanByThenCostsNoFlush) {
  auto log = std::make_shared<CountedLog>(loop_);
  loop_.mark_dirty(log);
  shard_.step();
  EXPECT_EQ(helpers_.size(), 0U);
  EXPECT_EQ(loop_.flush_count(), 0U);
  log->append();
  loop_.mark_dirty(log);
  shard_.step();
  EXPECT_EQ(helpers_.size(), 1U);
}

boost::asio::awaitable<void> note_when_idle(CommitLoop& loop, bool& idle) {
  co_await loop.wait_until_idle();
  idle = true;
}

TEST_F(CommitLoopTest, IdleIsAfterTheLastFlush) {
  auto log = std::make_shared<CountedLog>(loop_);
  log->append();
  loop_.mark_dirty(log);
  shard_.step();
  bool idle = false;
  TaskGroup tasks(shard_);
  tasks.start("idle", note_when_idle(loop_, idle));
  shard_.step();
  EXPECT_FALSE(idle);
  helpers_.run_all();
  shard_.step();
  EXPECT_TRUE(idle);
  EXPECT_EQ(log->flushed(), Offset(1));
}

}  // namespace
}  // namespace weir::replica
