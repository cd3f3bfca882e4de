#include "replica/commit_loop.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/async/task_group.h"
#include "support/manual_clock.h"

namespace weir::replica {
namespace {

// Keeps work until the test lets it run.
class HeldHelpers final : public Helpers {
 public:
  void run(Work work) override { queue_.push_back(std::move(work)); }
  void run_all() {
    while (!queue_.empty()) {
      auto work = std::move(queue_.front());
      queue_.pop_front();
      work();
    }
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

// A log that only counts.
class CountedLog final : public Flushable {
 public:
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
  }
  void append() { ++end_; }
  [[nodiscard]] Offset flushed() const { return flushed_; }
  int failures = 0;

 private:
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

TEST_F(CommitLoopTest, AppendsOfOneTurnShareARound) {
  auto log = std::make_shared<CountedLog>();
  for (int i = 0; i < 10; ++i) {
    log->append();
    loop_.mark_dirty(log);
  }
  shard_.step();
  EXPECT_EQ(helpers_.size(), 1U);
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(log->flushed(), Offset(10));
  EXPECT_EQ(loop_.round_count(), 1U);
}

TEST_F(CommitLoopTest, WhatComesDuringARoundIsTheNextOne) {
  auto first = std::make_shared<CountedLog>();
  auto second = std::make_shared<CountedLog>();
  first->append();
  loop_.mark_dirty(first);
  shard_.step();
  second->append();
  loop_.mark_dirty(second);
  shard_.step();
  EXPECT_EQ(helpers_.size(), 1U) << "one round at a time";
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(first->flushed(), Offset(1));
  EXPECT_EQ(second->flushed(), Offset(0));
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(second->flushed(), Offset(1));
  EXPECT_EQ(loop_.round_count(), 2U);
}

TEST_F(CommitLoopTest, ARoundIsSharedByTheHelpersAndJoined) {
  std::vector<std::shared_ptr<CountedLog>> logs;
  for (int i = 0; i < 5; ++i) {
    logs.push_back(std::make_shared<CountedLog>());
    logs.back()->append();
    loop_.mark_dirty(logs.back());
  }
  shard_.step();
  EXPECT_EQ(helpers_.size(), 2U);
  helpers_.run_all();
  shard_.step();
  EXPECT_EQ(commit_.group_sizes, (std::vector<std::size_t>{3, 2}));
  for (const auto& log : logs) EXPECT_EQ(log->flushed(), Offset(1));
}

TEST_F(CommitLoopTest, AFailureReachesItsLogAlone) {
  auto bad = std::make_shared<CountedLog>();
  auto good = std::make_shared<CountedLog>();
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

TEST_F(CommitLoopTest, ALogThatIsCleanByThenCostsNoRound) {
  auto log = std::make_shared<CountedLog>();
  loop_.mark_dirty(log);
  shard_.step();
  EXPECT_EQ(helpers_.size(), 0U);
  EXPECT_EQ(loop_.round_count(), 0U);
  log->append();
  loop_.mark_dirty(log);
  shard_.step();
  EXPECT_EQ(helpers_.size(), 1U);
}

boost::asio::awaitable<void> note_when_idle(CommitLoop& loop, bool& idle) {
  co_await loop.wait_until_idle();
  idle = true;
}

TEST_F(CommitLoopTest, IdleIsAfterTheLastRound) {
  auto log = std::make_shared<CountedLog>();
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
