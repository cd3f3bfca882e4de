// Which segments may go, and how a log lets them go (kafka-protocol 6.2).
#include "storage/removal.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::size_t kValueBytes = 400;

// Six segments of one batch with two records each: [0, 2), [2, 4) ... [10, 12), the last one active.
class Retention : public StorageTest {
 protected:
  Retention() : driver_(fs(), root() / "t-0", {.segment_bytes = 500}) {
    EXPECT_OK(driver_.open());
    for (int i = 0; i < 6; ++i) EXPECT_OK(driver_.append(2, kValueBytes, kNowMs - (6 - i) * kHourMs));
    EXPECT_OK(driver_.flush());
    EXPECT_EQ(driver_.log().view()->segments().size(), 6U);
    segment_bytes_ = static_cast<std::int64_t>(driver_.log().view()->size_bytes() / 6);
  }

  std::int64_t retained(const RetentionRules& rules, std::int64_t high_watermark = 12) {
    return driver_.log().retained_start(rules, Offset(high_watermark), kNowMs).value();
  }
  Result<std::vector<Path>> advance_and_mark(std::int64_t start) {
    std::vector<Path> marked;
    const auto gone = driver_.log().advance_start(Offset(start));
    for (const auto& segment : gone) WEIR_TRY(mark_deleted(fs(), *segment, marked));
    return marked;
  }

  const std::atomic<bool> never_ = false;
  LogDriver driver_;
  std::int64_t segment_bytes_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, Retention, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(Retention, KeepsEverythingWithoutLimits) {
  EXPECT_EQ(retained({}), 0);
}

TEST_P(Retention, DeletesByTheNewestRecordOfASegment) {
  // The newest record of segment i is one millisecond younger than 6 - i hours.
  EXPECT_EQ(retained({.retention_ms = 6 * kHourMs - 1}), 0);
  EXPECT_EQ(retained({.retention_ms = 6 * kHourMs - 2}), 2);
  EXPECT_EQ(retained({.retention_ms = 3 * kHourMs}), 6);
  EXPECT_EQ(retained({.retention_ms = 0}), 12) << "the active one goes too";
}

TEST_P(Retention, DeletesBySizeWhatWouldStillLeaveTheLimit) {
  EXPECT_EQ(retained({.retention_bytes = 6 * segment_bytes_}), 0);
  EXPECT_EQ(retained({.retention_bytes = 5 * segment_bytes_ + 1}), 0);
  EXPECT_EQ(retained({.retention_bytes = 5 * segment_bytes_}), 2);
  EXPECT_EQ(retained({.retention_bytes = segment_bytes_}), 10);
  EXPECT_EQ(retained({.retention_bytes = 0}), 12);
}

TEST_P(Retention, StopsAtTheFirstSegmentThatStays) {
  // A timestamp far ahead in the second segment keeps all that follow it.
  LogDriver driver(fs(), root() / "u-0", {.segment_bytes = 500});
  ASSERT_OK(driver.open());
  for (const auto at : {kNowMs - kHourMs, kNowMs + 1000 * kHourMs, kNowMs - kHourMs, kNowMs - kHourMs}) {
    ASSERT_OK(driver.append(2, kValueBytes, at));
  }
  ASSERT_OK(driver.flush());
  EXPECT_EQ(driver.log().retained_start({.retention_ms = 1000}, Offset(8), kNowMs), Offset(2));
}

// Compaction leaves gaps: the log goes on where the next segment begins, and so does its start.
TEST_P(Retention, StartsWhereTheNextSegmentBeginsPastAGap) {
  ASSERT_OK(driver_.log().close());
  driver_.drop();
  ASSERT_OK(fs().unlink(driver_.file(2, ".log")));
  LogOpenOptions options;
  options.last_written_by_weir = false;
  ASSERT_OK(driver_.open(options));
  ASSERT_EQ(driver_.log().view()->segments().size(), 5U);
  EXPECT_EQ(retained({.retention_bytes = 4 * segment_bytes_}), 4);
  EXPECT_EQ(retained({.retention_bytes = 4 * segment_bytes_}, 3), 0);
}

TEST_P(Retention, KeepsWhatIsNotCommitted) {
  EXPECT_EQ(retained({.retention_ms = 0}, 7), 6);
  EXPECT_EQ(retained({.retention_bytes = 0}, 2), 2);
}

TEST_P(Retention, WithoutThePolicyOnlyTheLogStartCounts) {
  EXPECT_EQ(retained({.deletes = false, .retention_ms = 0, .retention_bytes = 0}), 0);
  driver_.log().advance_start(Offset(3));
  EXPECT_EQ(driver_.log().log_start(), Offset(3));
  EXPECT_EQ(retained({.deletes = false, .retention_ms = 0, .retention_bytes = 0}), 3);
}

TEST_P(Retention, SizeCountsOnlyWhatTheLogStartLeaves) {
  driver_.log().advance_start(Offset(5));  // inside the third segment, which stays
  EXPECT_EQ(retained({.retention_bytes = 4 * segment_bytes_}), 5);
  EXPECT_EQ(retained({.retention_bytes = 3 * segment_bytes_}), 6);
}

TEST_P(Retention, AgeOfASegmentWithoutTimestampsIsItsFiles) {
  if (!on_memory()) GTEST_SKIP() << "the file's own time can't be set here";
  LogDriver driver(fs(), root() / "u-0", {.segment_bytes = 500});
  ASSERT_OK(driver.open());
  for (int i = 0; i < 2; ++i) ASSERT_OK(driver.append(2, kValueBytes, kNoTimestamp - 1));
  ASSERT_OK(driver.flush());
  memory().set_modified(driver.file(0, ".log"), kNowMs - kHourMs);
  memory().set_modified(driver.file(2, ".log"), kNowMs);
  EXPECT_EQ(driver.log().retained_start({.retention_ms = kHourMs}, Offset(4), kNowMs), Offset(0));
  EXPECT_EQ(driver.log().retained_start({.retention_ms = kHourMs - 1}, Offset(4), kNowMs), Offset(2));
}

TEST_P(Retention, WhatGoesIsReadByOlderViewsOnly) {
  const auto before = driver_.log().view();
  const auto marked = value_of(advance_and_mark(6));
  EXPECT_EQ(driver_.log().view()->segments().size(), 3U);
  EXPECT_EQ(driver_.log().view()->log_start(), Offset(6));
  const auto old = value_of(before->read(Offset(0), Offset(2), kMiB, true, ReadMode::kMayBlock));
  EXPECT_EQ(flatten(old.bytes), driver_.expected(Offset(0), Offset(2)));
  EXPECT_EQ(value_of(driver_.read(Offset(6), Offset(12))), driver_.expected(Offset(6), Offset(12)));
  for (const auto& path : marked) {
    EXPECT_TRUE(path.native().ends_with(".deleted")) << path;
    EXPECT_OK(remove_file_in_steps(fs(), path, never_));
  }
  for (const auto& name : names_in(driver_.directory())) EXPECT_GE(name, "00000000000000000006") << name;
}

TEST_P(Retention, ALogWithoutAnythingLeftGoesOnAtItsEnd) {
  ASSERT_OK(advance_and_mark(12));
  EXPECT_EQ(driver_.log().log_start(), Offset(12));
  EXPECT_EQ(driver_.log().log_end(), Offset(12));
  EXPECT_EQ(driver_.log().view()->segments().size(), 1U);
  ASSERT_OK(driver_.append(2, kValueBytes, kNowMs));
  ASSERT_OK(driver_.flush());
  driver_.drop();
  ASSERT_OK(driver_.open({.log_start = Offset(12)}));
  EXPECT_EQ(driver_.log().log_start(), Offset(12));
  EXPECT_EQ(driver_.log().log_end(), Offset(14));
}

TEST_P(Retention, AStopBeforeTheFilesWentLeavesThemToTheNextCall) {
  driver_.log().advance_start(Offset(6));
  driver_.drop();
  ASSERT_OK(driver_.open({.log_start = Offset(6)}));
  EXPECT_EQ(driver_.log().log_start(), Offset(6));
  EXPECT_TRUE(driver_.log().has_segments_below_start());
  EXPECT_EQ(driver_.log().advance_start(Offset(6)).size(), 3U);
  EXPECT_FALSE(driver_.log().has_segments_below_start());
}

TEST_P(Retention, AStopBeforeMarkedFilesWentClearsThemAtTheStart) {
  ASSERT_OK(advance_and_mark(6));
  driver_.drop();
  ASSERT_OK(driver_.open({.log_start = Offset(6)}));
  EXPECT_FALSE(driver_.log().has_segments_below_start());
  for (const auto& name : names_in(driver_.directory())) EXPECT_GE(name, "00000000000000000006") << name;
  EXPECT_EQ(value_of(driver_.read(Offset(6), Offset(12))), driver_.expected(Offset(6), Offset(12)));
}

TEST_P(Retention, AFullDiskKeepsTheActiveSegment) {
  if (!on_memory()) GTEST_SKIP() << "needs a file system that can be made to fail";
  test::FaultFs faults(fs());
  LogDriver driver(faults, root() / "u-0", {.segment_bytes = 500});
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(2, kValueBytes, kNowMs));
  ASSERT_OK(driver.flush());
  faults.fail_next("open", ENOSPC);
  EXPECT_TRUE(driver.log().advance_start(Offset(2)).empty());
  EXPECT_EQ(driver.log().log_start(), Offset(2));
  EXPECT_EQ(driver.log().fence(), nullptr);
  EXPECT_EQ(driver.log().advance_start(Offset(2)).size(), 1U);
}

// The others are given again; those that had got new names are not held back.
TEST_P(Retention, MarksWhatItCanAndSaysWhatStayed) {
  if (!on_memory()) GTEST_SKIP() << "needs a file system that can be made to fail";
  const auto gone = driver_.log().advance_start(Offset(6));
  ASSERT_EQ(gone.size(), 3U);
  test::FaultFs faults(fs());
  faults.applies = [](const std::string& name, const Path& path) {
    return name == "rename" && path.filename() == "00000000000000000002.log";
  };
  faults.fail_from(1, EIO);
  const auto some = mark_deleted_durably(faults, gone);
  EXPECT_FALSE(some.outcome);
  EXPECT_EQ(some.count, 1U);
  EXPECT_FALSE(some.files.empty());
  for (const auto& file : some.files)
    EXPECT_TRUE(file.filename().native().starts_with("00000000000000000000.")) << file;
  faults.heal();
  const auto rest = mark_deleted_durably(faults, {gone.begin() + 1, gone.end()});
  EXPECT_OK(rest.outcome);
  EXPECT_EQ(rest.count, 2U);
  const auto names = names_in(driver_.directory());
  const auto marked_count = std::ranges::count_if(names, [](const auto& name) { return name.ends_with(".deleted"); });
  EXPECT_EQ(some.files.size() + rest.files.size(), static_cast<std::size_t>(marked_count));
  for (const auto& name : names) EXPECT_TRUE(name.ends_with(".deleted") || name >= "00000000000000000006") << name;
}

TEST_P(Retention, NothingIsMarkedWhoseNameIsNotDurable) {
  if (!on_memory()) GTEST_SKIP() << "needs a file system that can be made to fail";
  const auto gone = driver_.log().advance_start(Offset(6));
  test::FaultFs faults(fs());
  faults.fail_next("sync_directory", EIO);
  const auto none = mark_deleted_durably(faults, gone);
  EXPECT_FALSE(none.outcome);
  EXPECT_EQ(none.count, 0U);
  EXPECT_TRUE(none.files.empty());
  EXPECT_EQ(mark_deleted_durably(faults, gone).count, 3U);
}

TEST_P(Retention, ADirectoryThatIsGoneTookItsSegmentsAlong) {
  const auto gone = driver_.log().advance_start(Offset(6));
  driver_.drop();
  ASSERT_OK(remove_tree_in_steps(fs(), root() / "t-0", never_));
  const auto marked = mark_deleted_durably(fs(), gone);
  EXPECT_OK(marked.outcome);
  EXPECT_EQ(marked.count, 3U);
  EXPECT_TRUE(marked.files.empty());
}

}  // namespace
}  // namespace weir::storage
