#include "metadata/snapshot_keeper.h"

#include <gtest/gtest.h>

#include "image_fixture.h"
#include "memory_snapshot_store.h"
#include "support/manual_clock.h"

namespace weir::metadata {
namespace {

constexpr Millis kMinute{60'000};

class Keeping : public testing::Test {
 protected:
  explicit Keeping(SnapshotPolicy policy = {.record_bytes_max = 100, .interval_max = Millis(0)})
      : keeper_(shard_, helpers_, store_, policy) {
    keeper_.on_failure([this](const Error&) { ++failure_count_; });
    keeper_.on_covered([this](Offset end) { covered_.push_back(end.value()); });
    keeper_.loaded({}, 0);
  }

  // A change of the metadata up to `offset` that took `bytes` in the log.
  void append(std::int64_t offset, std::uint64_t bytes) {
    ImageBuilder builder(base_);
    builder.advance(Offset(offset), LeaderEpoch(1));
    keeper_.on_durable(builder.finish(), bytes, offset);
    step();
  }
  void step() {
    do shard_.step();
    while (helpers_.run_all());
  }
  void advance(Millis by) {
    clock_.advance(by);
    step();
  }
  [[nodiscard]] std::vector<std::int64_t> ends() const {
    std::vector<std::int64_t> ends;
    for (const auto& [id, content] : store_.files) ends.push_back(id.end.value());
    return ends;
  }
  using Ends = std::vector<std::int64_t>;

  ManualClock clock_;
  Shard shard_{0, clock_};
  ManualHelpers helpers_;
  MemorySnapshotStore store_;
  std::shared_ptr<const Image> base_ = one_broker();
  int failure_count_ = 0;
  std::vector<std::int64_t> covered_;
  SnapshotKeeper keeper_;
};

TEST_F(Keeping, WritesWhenTheLogHasGrownEnough) {
  append(1, 60);
  EXPECT_EQ(ends(), Ends{});
  append(2, 60);
  EXPECT_EQ(ends(), Ends{3});
  const auto image = read_snapshot(store_.files.begin()->second, store_.files.begin()->first);
  ASSERT_TRUE(image.has_value()) << to_string(image.error());
  EXPECT_EQ((*image)->offset, Offset(2));
  append(3, 60);
  EXPECT_EQ(ends(), Ends{3});
}

TEST_F(Keeping, TwoAreKept) {
  for (std::int64_t offset = 1; offset <= 5; ++offset) append(offset, 100);
  EXPECT_EQ(ends(), (Ends{5, 6}));
  EXPECT_EQ(covered_, (Ends{2, 3, 4, 5}));
}

TEST_F(Keeping, WhatWasThereCounts) {
  store_.files[{Offset(1), LeaderEpoch(0)}] = {};
  store_.files[{Offset(2), LeaderEpoch(0)}] = {};
  store_.files[{Offset(3), LeaderEpoch(0)}] = {};  // damaged: not among the whole ones
  keeper_.loaded({{Offset(1), LeaderEpoch(0)}, {Offset(2), LeaderEpoch(0)}}, 90);
  append(8, 10);
  EXPECT_EQ(ends(), (Ends{2, 3, 9}));
  append(9, 100);
  EXPECT_EQ(ends(), (Ends{3, 9, 10}));
}

// Goal: what is appended while a snapshot is being written counts for the next one, and there is one at a time.
TEST_F(Keeping, OneIsWrittenAtATime) {
  const auto change = [this](std::int64_t offset) {
    ImageBuilder builder(base_);
    builder.advance(Offset(offset), LeaderEpoch(1));
    keeper_.on_durable(builder.finish(), 100, 0);
    shard_.step();
  };
  for (std::int64_t offset = 1; offset <= 3; ++offset) change(offset);
  EXPECT_EQ(store_.write_count, 0);
  ASSERT_TRUE(helpers_.run_all());
  EXPECT_EQ(store_.write_count, 1);
  EXPECT_EQ(ends(), Ends{2});
  step();
  EXPECT_EQ(ends(), (Ends{2, 4}));
}

TEST_F(Keeping, AFullDiskIsTriedAgainAMinuteLater) {
  store_.fail_with = Errc::kNoSpace;
  append(1, 100);
  EXPECT_EQ(store_.write_count, 1);
  append(2, 100);
  EXPECT_EQ(store_.write_count, 1);
  advance(kMinute);
  EXPECT_EQ(store_.write_count, 2);
  store_.fail_with.reset();
  advance(kMinute);
  EXPECT_EQ(ends(), Ends{3});
  EXPECT_EQ(failure_count_, 0);
}

TEST_F(Keeping, AnyOtherFailureIsTold) {
  store_.fail_with = Errc::kIo;
  append(1, 100);
  EXPECT_EQ(failure_count_, 1);
}

TEST_F(Keeping, AStopWaitsForTheOneUnderWay) {
  ImageBuilder builder(base_);
  builder.advance(Offset(1), LeaderEpoch(1));
  keeper_.on_durable(builder.finish(), 100, 0);
  shard_.step();
  struct Stop {
    static boost::asio::awaitable<void> run(SnapshotKeeper& keeper, bool& done) {
      co_await keeper.stop();
      done = true;
    }
  };
  bool done = false;
  TaskGroup tasks(shard_);
  tasks.start("stop", Stop::run(keeper_, done));
  shard_.step();
  EXPECT_FALSE(done);
  step();
  EXPECT_TRUE(done);
  EXPECT_EQ(ends(), Ends{2});
  append(9, 1000);
  EXPECT_EQ(ends(), Ends{2});
}

class KeepingTime : public Keeping {
 protected:
  KeepingTime() : Keeping({.record_bytes_max = 1'000'000, .interval_max = kMinute}) {}
};

TEST_F(KeepingTime, WritesWhatIsNewOnceAnInterval) {
  append(1, 10);
  advance(kMinute - Millis(1));
  EXPECT_EQ(ends(), Ends{});
  advance(Millis(1));
  EXPECT_EQ(ends(), Ends{2});
  advance(10 * kMinute);  // nothing is new
  EXPECT_EQ(store_.write_count, 1);
  append(2, 10);
  EXPECT_EQ(ends(), (Ends{2, 3}));
}

}  // namespace
}  // namespace weir::metadata
