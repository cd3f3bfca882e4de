#include "storage/log.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <random>
#include <set>
#include <thread>

#include "storage_fixture.h"
#include "support/fault_fs.h"
#include "support/seed.h"

namespace weir::storage {
namespace {

class Logs : public StorageTest {
 protected:
  Path directory() const { return root() / "topic-0"; }
};
INSTANTIATE_TEST_SUITE_P(, Logs, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

constexpr std::int64_t kFirstMs = 1'700'000'000'000;

TEST_P(Logs, StartsEmptyAtZero) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  EXPECT_EQ(driver.log().log_start(), Offset{0});
  EXPECT_EQ(driver.log().log_end(), Offset{0});
  EXPECT_EQ(driver.log().flushed_end(), Offset{0});
  EXPECT_FALSE(driver.log().needs_flush());
  EXPECT_EQ(names_in(directory()), (std::vector<std::string>{"00000000000000000000.log"}));
  EXPECT_TRUE(value_of(driver.read(Offset{0}, Offset{0})).empty());
}

TEST_P(Logs, StartsWhereTheCheckpointSays) {
  LogDriver driver(fs(), directory());
  LogOpenOptions options;
  options.log_start = Offset{500};
  ASSERT_OK(driver.open(options));
  EXPECT_EQ(driver.log().log_start(), Offset{500});
  EXPECT_EQ(driver.log().log_end(), Offset{500});
  EXPECT_EQ(names_in(directory()), (std::vector<std::string>{"00000000000000000500.log"}));
}

TEST_P(Logs, GivesBackTheBytesAppended) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  for (int i = 0; i < 50; ++i) ASSERT_OK(driver.append(1 + i % 5));
  EXPECT_EQ(driver.log().log_end(), Offset{150});
  EXPECT_EQ(value_of(driver.read(Offset{0}, Offset{150})), driver.expected(Offset{0}, Offset{150}));
  EXPECT_EQ(content(driver.file(0, ".log")), driver.expected(Offset{0}, Offset{150}));
  EXPECT_EQ(driver.log().view()->size_bytes(), content(driver.file(0, ".log")).size());
}

TEST_P(Logs, ReadsWholeBatchesWithinTheLimit) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  for (int i = 0; i < 10; ++i) ASSERT_OK(driver.append(10));
  const auto view = driver.log().view();
  const auto batch_bytes = driver.appended().begin()->second.size();
  // From inside a batch: all of that batch. The limit inside a batch: not that one.
  const auto read = value_of(view->read(Offset{25}, Offset{47}, kMiB, true, ReadMode::kIfResident));
  EXPECT_EQ(flatten(read.bytes), driver.expected(Offset{20}, Offset{40}));
  EXPECT_EQ(read.next, Offset{40});
  // The first batch already ends above the limit.
  const auto none = value_of(view->read(Offset{25}, Offset{29}, kMiB, true, ReadMode::kIfResident));
  EXPECT_TRUE(none.bytes.empty());
  EXPECT_EQ(none.next, Offset{25});
  // As many as fit.
  const auto three = value_of(view->read(Offset{0}, Offset{100}, 3 * batch_bytes + 5, true, ReadMode::kIfResident));
  EXPECT_EQ(flatten(three.bytes), driver.expected(Offset{0}, Offset{30}));
  EXPECT_EQ(three.next, Offset{30});
  const auto exactly = value_of(view->read(Offset{0}, Offset{100}, 3 * batch_bytes, true, ReadMode::kIfResident));
  EXPECT_EQ(exactly.next, Offset{30});
  // None fits: the first one all the same, or nothing.
  const auto first = value_of(view->read(Offset{30}, Offset{100}, 1, true, ReadMode::kIfResident));
  EXPECT_EQ(flatten(first.bytes), driver.expected(Offset{30}, Offset{40}));
  EXPECT_EQ(first.next, Offset{40});
  const auto nothing = value_of(view->read(Offset{30}, Offset{100}, 1, false, ReadMode::kIfResident));
  EXPECT_TRUE(nothing.bytes.empty());
  EXPECT_EQ(nothing.next, Offset{30});
  // At the end.
  EXPECT_TRUE(value_of(view->read(Offset{100}, Offset{100}, kMiB, true, ReadMode::kIfResident)).bytes.empty());
}

TEST_P(Logs, AnyRangeReadsAsAppended) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  LogSettings settings;
  settings.segment_bytes = 20'000;
  settings.index_interval_bytes = 500;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK(driver.append(static_cast<std::int32_t>(1 + random() % 4), random() % 400));
    if (random() % 5 == 0) ASSERT_OK(driver.flush());
  }
  const auto end = driver.log().log_end();
  const auto view = driver.log().view();
  for (int i = 0; i < 400; ++i) {
    const Offset from{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end.value()))};
    const Offset limit{from.value() + static_cast<std::int64_t>(random() % 200)};
    const auto bounded = std::min(limit, end);
    const auto max_bytes = random() % 8000;
    const auto read = value_of(view->read(from, bounded, max_bytes, random() % 2 == 0, ReadMode::kIfResident));
    const auto first = std::prev(driver.appended().upper_bound(from));
    if (read.bytes.empty()) {
      EXPECT_EQ(read.next, from);
      continue;
    }
    EXPECT_LE(read.next, bounded);
    EXPECT_EQ(flatten(read.bytes), driver.expected(first->first, read.next));
    const auto batches = std::distance(first, driver.appended().lower_bound(read.next));
    EXPECT_TRUE(read.bytes.size_bytes() <= max_bytes || batches == 1);
  }
  EXPECT_EQ(value_of(driver.read(Offset{0}, end)), driver.expected(Offset{0}, end));
}

TEST_P(Logs, LargeReadsAreRangesOfTheFile) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  for (int i = 0; i < 20; ++i) ASSERT_OK(driver.append(1, 1000));
  const auto view = driver.log().view();
  const auto large = value_of(view->read(Offset{0}, Offset{20}, kMiB, true, ReadMode::kIfResident));
  ASSERT_EQ(large.bytes.pieces().size(), 1U);
  EXPECT_EQ(std::holds_alternative<FileRange>(large.bytes.pieces()[0]), !on_memory());
  const auto small = value_of(view->read(Offset{0}, Offset{20}, 4000, true, ReadMode::kIfResident));
  EXPECT_TRUE(std::holds_alternative<SharedSlice>(small.bytes.pieces()[0]));
}

TEST_P(Logs, ReadsBelowTheStartAreOutOfRange) {
  LogDriver driver(fs(), directory());
  LogOpenOptions options;
  options.log_start = Offset{10};
  ASSERT_OK(driver.open(options));
  EXPECT_EQ(code_of(driver.log().view()->read(Offset{9}, Offset{10}, 1, true, ReadMode::kMayBlock)), Errc::kOutOfRange);
}

TEST_P(Logs, ColdReadsAreNotReadyUntilWarmed) {
  if (!on_memory()) GTEST_SKIP() << "a kernel's cache does not obey";
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  for (int i = 0; i < 20; ++i) ASSERT_OK(driver.append(1, 1000));
  memory().evict(driver.file(0, ".log"));
  const auto view = driver.log().view();
  EXPECT_EQ(code_of(view->read(Offset{3}, Offset{20}, kMiB, true, ReadMode::kIfResident)), Errc::kNotReady);
  EXPECT_OK(view->warm(Offset{3}, Offset{20}, kMiB));
  const auto read = value_of(view->read(Offset{3}, Offset{20}, kMiB, true, ReadMode::kIfResident));
  EXPECT_EQ(flatten(read.bytes), driver.expected(Offset{3}, Offset{20}));
}

TEST_P(Logs, TailReadsNeedNoWalk) {
  test::FaultFs counting(fs());
  LogDriver driver(counting, directory());
  ASSERT_OK(driver.open());
  for (int i = 0; i < 5; ++i) {
    const auto before = driver.log().flushed_end();
    ASSERT_OK(driver.append(3, 50));
    ASSERT_OK(driver.flush());
    ASSERT_OK(driver.append());  // not flushed, above the limit
    const auto view = driver.log().view();
    const auto calls = counting.calls_count();
    const auto read = value_of(view->read(before, driver.log().flushed_end(), kMiB, true, ReadMode::kIfResident));
    EXPECT_EQ(counting.calls_count() - calls, 1U);  // the bytes themselves
    EXPECT_EQ(read.next, driver.log().flushed_end());
    ASSERT_OK(driver.flush());
  }
}

TEST_P(Logs, RollsBySize) {
  LogSettings settings;
  settings.segment_bytes = 1000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  for (int i = 0; i < 10; ++i) ASSERT_OK(driver.append(1, 300));  // 2 fit
  const auto view = driver.log().view();
  ASSERT_EQ(view->segments().size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(view->segments()[i]->base_offset(), Offset{static_cast<std::int64_t>(2 * i)});
    EXPECT_LE(view->segments()[i]->tail().size_bytes, 1000U);
  }
  EXPECT_EQ(value_of(driver.read(Offset{0}, Offset{10})), driver.expected(Offset{0}, Offset{10}));
}

TEST_P(Logs, ABatchLargerThanASegmentGetsItsOwn) {
  LogSettings settings;
  settings.segment_bytes = 1000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(1, 3000));
  ASSERT_OK(driver.append(1, 3000));
  EXPECT_EQ(driver.log().view()->segments().size(), 2U);
}

TEST_P(Logs, RollsByRecordTime) {
  LogSettings settings;
  settings.segment_ms = 1000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(1, 10, kFirstMs));
  ASSERT_OK(driver.append(1, 10, kFirstMs + 1000));  // as old as allowed
  ASSERT_OK(driver.append(1, 10, kFirstMs - 5000));
  driver.clock().advance(Millis{100'000});  // the wall clock has no say
  ASSERT_OK(driver.append(1, 10, kFirstMs));
  EXPECT_EQ(driver.log().view()->segments().size(), 1U);
  ASSERT_OK(driver.append(1, 10, kFirstMs + 1001));
  ASSERT_EQ(driver.log().view()->segments().size(), 2U);
  EXPECT_EQ(driver.log().view()->segments()[1]->base_offset(), Offset{4});
}

TEST_P(Logs, RollsByTheWallClockWithoutRecordTime) {
  LogSettings settings;
  settings.segment_ms = 1000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(1, 10, kNoTimestamp));
  driver.clock().advance(Millis{1000});
  ASSERT_OK(driver.append(1, 10, kFirstMs));
  EXPECT_EQ(driver.log().view()->segments().size(), 1U);
  driver.clock().advance(Millis{1});
  ASSERT_OK(driver.append(1, 10, kFirstMs));
  EXPECT_EQ(driver.log().view()->segments().size(), 2U);
}

TEST_P(Logs, JitterIsDrawnOnceASegment) {
  LogSettings settings;
  settings.segment_ms = 1'000'000;
  settings.segment_jitter_ms = 900'000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  std::set<std::int64_t> jitters;
  for (std::size_t segments_count = 1; segments_count <= 20; ++segments_count) {
    ASSERT_EQ(driver.log().view()->segments().size(), segments_count);
    const auto jitter = driver.log().view()->segments().back()->jitter_ms();
    EXPECT_GE(jitter, 0);
    EXPECT_LT(jitter, 900'000);
    jitters.insert(jitter);
    // Each batch that rolls is the first of the next segment.
    const auto first_ms = driver.log().view()->segments().back()->first_timestamp_ms().value_or(kFirstMs);
    if (segments_count == 1) ASSERT_OK(driver.append(1, 10, kFirstMs));
    ASSERT_OK(driver.append(1, 10, first_ms + 1'000'000 - jitter));
    EXPECT_EQ(driver.log().view()->segments().size(), segments_count);
    ASSERT_OK(driver.append(1, 10, first_ms + 1'000'001 - jitter));
  }
  EXPECT_GT(jitters.size(), 10U);
}

TEST_P(Logs, RollsWhenAnIndexIsFull) {
  LogSettings settings;
  settings.segment_index_bytes = 8 * 3;
  settings.index_interval_bytes = 0;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  for (int i = 0; i < 6; ++i) ASSERT_OK(driver.append(1, 10, kFirstMs + i));
  // The time index of 24 bytes has room for one entry and the final one.
  ASSERT_GE(driver.log().view()->segments().size(), 2U);
  EXPECT_EQ(driver.log().view()->segments()[1]->base_offset(), Offset{2});
}

TEST_P(Logs, RollsBeforeOffsetsLeave31Bits) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append());
  // A batch that claims very many offsets.
  auto wide = test::make_batch();
  test::poke<std::int32_t>(wide, 23, std::numeric_limits<std::int32_t>::max() - 1);
  ASSERT_OK(driver.append_batch(wide));
  EXPECT_EQ(driver.log().view()->segments().size(), 1U);
  ASSERT_OK(driver.append());
  ASSERT_EQ(driver.log().view()->segments().size(), 2U);
  EXPECT_EQ(driver.log().view()->segments()[1]->base_offset(), Offset{std::numeric_limits<std::int32_t>::max()} + 1);
  EXPECT_EQ(value_of(driver.read(Offset{0}, driver.log().log_end())),
            driver.expected(Offset{0}, driver.log().log_end()));
}

TEST_P(Logs, FlushMovesTheFlushedEnd) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(3));
  EXPECT_TRUE(driver.log().needs_flush());
  const auto job = driver.log().begin_flush();
  EXPECT_FALSE(driver.log().needs_flush());  // one job at a time
  ASSERT_OK(driver.append(2));
  EXPECT_EQ(job.end, Offset{3});
  EXPECT_OK(driver.log().complete_flush(job, run_flush(job)));
  EXPECT_EQ(driver.log().flushed_end(), Offset{3});
  EXPECT_TRUE(driver.log().needs_flush());
  ASSERT_OK(driver.flush());
  EXPECT_EQ(driver.log().flushed_end(), Offset{5});
  EXPECT_FALSE(driver.log().needs_flush());
}

TEST_P(Logs, AJobCoversTheSegmentsRolledSince) {
  LogSettings settings;
  settings.segment_bytes = 1000;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(1, 300));
  auto job = driver.log().begin_flush();
  EXPECT_EQ(job.segments.size(), 1U);
  EXPECT_EQ(job.directories, (std::vector<Path>{directory(), root()}));  // the log's own name is new too
  for (int i = 0; i < 4; ++i) ASSERT_OK(driver.append(1, 300));
  EXPECT_OK(driver.log().complete_flush(job, run_flush(job)));
  job = driver.log().begin_flush();
  EXPECT_EQ(job.segments.size(), 3U);  // the first one has a batch that the first job did not cover
  EXPECT_EQ(job.directories, (std::vector<Path>{directory()}));
  EXPECT_OK(driver.log().complete_flush(job, run_flush(job)));
  EXPECT_EQ(driver.log().flushed_end(), Offset{5});
  job = driver.log().begin_flush();
  EXPECT_TRUE(job.segments.empty());
  EXPECT_OK(driver.log().complete_flush(job, run_flush(job)));
}

TEST_P(Logs, IndexEntriesReachTheFileOnlyWhenDurable) {
  LogSettings settings;
  settings.index_interval_bytes = 0;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  for (int i = 0; i < 100; ++i) ASSERT_OK(driver.append());
  EXPECT_FALSE(value_of(fs().exists(driver.file(0, ".index"))));
  auto job = driver.log().begin_flush();
  for (int i = 0; i < 10; ++i) ASSERT_OK(driver.append());
  EXPECT_FALSE(value_of(fs().exists(driver.file(0, ".index"))));
  EXPECT_OK(driver.log().complete_flush(job, run_flush(job)));
  // All but the first batch of a segment, and none above the flushed end.
  EXPECT_EQ(content(driver.file(0, ".index")).size(), 99 * 8U);
}

TEST_P(Logs, IndexFilesAreKafkas) {
  LogSettings settings;
  settings.index_interval_bytes = 400;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  const std::vector<std::int64_t> times = {kFirstMs, kFirstMs + 5, kFirstMs + 2, kFirstMs + 9, kFirstMs + 8};
  std::vector<std::uint64_t> positions;
  std::uint64_t position = 0;
  for (const auto time : times) {
    ASSERT_OK(driver.append(2, 100, time));
    positions.push_back(position);
    position += driver.appended().rbegin()->second.size();
  }
  const auto batch_bytes = positions[1];
  ASSERT_GT(batch_bytes, 200U);
  ASSERT_LT(batch_bytes, 400U);
  EXPECT_OK(driver.log().close());
  // An entry comes before a batch once more than 400 bytes lie behind the last one: batches 2 and 4.
  const auto index = content(driver.file(0, ".index"));
  ASSERT_EQ(index.size(), 16U);
  EXPECT_EQ(load_be<std::int32_t>(index.data()), 5);  // the last offset of batch 2
  EXPECT_EQ(load_be<std::int32_t>(index.data() + 4), static_cast<std::int32_t>(positions[2]));
  EXPECT_EQ(load_be<std::int32_t>(index.data() + 8), 9);
  EXPECT_EQ(load_be<std::int32_t>(index.data() + 12), static_cast<std::int32_t>(positions[4]));
  // The second record of a batch is one millisecond later.
  const auto time_index = content(driver.file(0, ".timeindex"));
  ASSERT_EQ(time_index.size(), 24U);
  EXPECT_EQ(load_be<std::int64_t>(time_index.data()), kFirstMs + 6);
  EXPECT_EQ(load_be<std::int32_t>(time_index.data() + 8), 3);
  EXPECT_EQ(load_be<std::int64_t>(time_index.data() + 12), kFirstMs + 10);
  EXPECT_EQ(load_be<std::int32_t>(time_index.data() + 20), 7);
}

TEST_P(Logs, ASealedSegmentIsIndexedToItsEnd) {
  LogSettings settings;
  settings.segment_bytes = 2000;
  settings.index_interval_bytes = 0;
  LogDriver driver(fs(), directory(), settings);
  ASSERT_OK(driver.open());
  while (driver.log().view()->segments().size() < 2) ASSERT_OK(driver.append());
  EXPECT_EQ(driver.log().recovery_point(), Offset{0});
  ASSERT_OK(driver.flush());
  const auto base = driver.log().view()->segments()[1]->base_offset();
  EXPECT_EQ(content(driver.file(0, ".index")).size(), 8 * (static_cast<std::size_t>(base.value()) - 1));
  EXPECT_EQ(content(driver.file(0, ".timeindex")).size(), 12U);
  // The checkpoint moves past a segment when its indexes are durable too.
  EXPECT_EQ(driver.log().recovery_point(), Offset{0});
  ASSERT_OK(driver.append());
  ASSERT_OK(driver.flush());
  EXPECT_EQ(driver.log().recovery_point(), driver.log().flushed_end());
}

TEST_P(Logs, CloseMakesEverythingDurableAndRefusesMore) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append(3));
  EXPECT_OK(driver.log().close());
  EXPECT_EQ(driver.log().flushed_end(), Offset{3});
  EXPECT_EQ(code_of(driver.append()), Errc::kClosed);
  EXPECT_OK(driver.log().close());
  EXPECT_EQ(names_in(directory()),
            (std::vector<std::string>{"00000000000000000000.index", "00000000000000000000.log",
                                      "00000000000000000000.timeindex", "leader-epoch-checkpoint"}));
  if (on_memory()) {
    auto image = memory().after_power_cut(test::PowerCut::kDrop, 1);
    EXPECT_EQ(value_of(read_whole_file(*image, driver.file(0, ".timeindex"), kMiB)).size(), 12U);
  }
  LogOpenOptions options;
  options.clean = true;
  ASSERT_OK(driver.open(options));
  ASSERT_OK(driver.append(2));
  EXPECT_EQ(value_of(driver.read(Offset{0}, Offset{5})), driver.expected(Offset{0}, Offset{5}));
}

TEST_P(Logs, ReservesSpaceFromTheSecondFlushOnAndGivesItBack) {
  if (on_memory()) GTEST_SKIP() << "memory reserves nothing";
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  const auto allocated = [&] {
    struct stat status{};
    EXPECT_EQ(::stat(driver.file(0, ".log").c_str(), &status), 0);
    return status.st_blocks * 512;
  };
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(driver.append());
    ASSERT_OK(driver.flush());
    EXPECT_LT(allocated(), 1 << 20);
  }
  ASSERT_OK(driver.append());
  if (allocated() < 1 << 20) GTEST_SKIP() << "no fallocate here";
  EXPECT_GE(allocated(), 16 << 20);
  EXPECT_EQ(content(driver.file(0, ".log")).size(), driver.expected(Offset{0}, Offset{3}).size());
  EXPECT_OK(driver.log().close());
  EXPECT_LT(allocated(), 1 << 20);
}

TEST_P(Logs, WritesZerosAheadOfSmallFlushesOnly) {
  LogDriver driver(fs(), directory());
  ASSERT_OK(driver.open());
  const auto zeros_ahead = [&] { return content(driver.file(0, ".log")).size() - driver.log().view()->size_bytes(); };
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK(driver.append());
    ASSERT_OK(driver.flush());
    EXPECT_EQ(zeros_ahead(), 0U);
  }
  ASSERT_OK(driver.append());
  EXPECT_GT(zeros_ahead(), 8 * kKiB);
  EXPECT_LE(zeros_ahead(), 16 * kKiB);
  const auto with_zeros = content(driver.file(0, ".log")).size();
  ASSERT_OK(driver.append());
  EXPECT_EQ(content(driver.file(0, ".log")).size(), with_zeros) << "what they are for";
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(driver.append(1, 100 * kKiB));
    ASSERT_OK(driver.flush());
  }
  EXPECT_EQ(zeros_ahead(), 0U);
  ASSERT_OK(driver.append(1, 100));
  EXPECT_OK(driver.log().close());
  EXPECT_EQ(zeros_ahead(), 0U);
}

// What an owner sees when calls fail.
class LogFaults : public testing::Test {
 protected:
  LogFaults() { EXPECT_OK(memory_.create_directory("/data")); }
  // Makes the next call of the driver's file system fail.
  void fail_next(int os_errno) { faults_.fail_call(faults_.calls_count() + 1, os_errno); }

  test::MemoryFs memory_;
  test::FaultFs faults_{memory_, 3};
  LogDriver driver_{faults_, "/data/topic-0"};
};

TEST_F(LogFaults, AFullDiskLeavesTheLogUsable) {
  ASSERT_OK(driver_.open());
  ASSERT_OK(driver_.append());
  for (std::uint32_t i = 0; i < 20; ++i) {
    fail_next(i % 2 == 0 ? ENOSPC : EDQUOT);
    EXPECT_EQ(code_of(driver_.append(1, 100 + 50 * i)), Errc::kNoSpace);
    EXPECT_EQ(driver_.log().log_end(), Offset{i + 1});
    EXPECT_EQ(value_of(read_whole_file(memory_, driver_.file(0, ".log"), kMiB)),
              driver_.expected(Offset{0}, Offset{i + 1}));
    ASSERT_OK(driver_.append());
  }
  ASSERT_OK(driver_.flush());
  EXPECT_EQ(value_of(read_whole_file(memory_, driver_.file(0, ".log"), kMiB)), driver_.expected(Offset{0}, Offset{21}));
}

TEST_F(LogFaults, AFullDiskAtARollLeavesTheLogUsable) {
  ASSERT_OK(driver_.open());
  driver_.settings().segment_bytes = 1000;
  driver_.log().set_settings(driver_.settings());
  std::int64_t refused = 0;
  for (int i = 0; i < 40; ++i) {
    const bool rolls = driver_.log().view()->segments().back()->tail().size_bytes + 400 > 1000;
    if (rolls && refused < 10) {
      fail_next(refused % 2 == 0 ? ENOSPC : EMFILE);
      const auto code = code_of(driver_.append(1, 300));
      EXPECT_TRUE(code == Errc::kNoSpace || code == Errc::kTooManyFiles);
      ++refused;
    }
    ASSERT_OK(driver_.append(1, 300));
  }
  EXPECT_EQ(refused, 10);
  ASSERT_OK(driver_.flush());
  EXPECT_EQ(value_of(driver_.read(Offset{0}, Offset{40})), driver_.expected(Offset{0}, Offset{40}));
}

TEST_F(LogFaults, AnyOtherWriteErrorFencesTheLog) {
  ASSERT_OK(driver_.open());
  ASSERT_OK(driver_.append());
  ASSERT_OK(driver_.flush());
  fail_next(EIO);
  EXPECT_EQ(code_of(driver_.append()), Errc::kIo);
  ASSERT_NE(driver_.log().fence(), nullptr);
  EXPECT_EQ(code_of(driver_.append()), Errc::kIo);
  EXPECT_FALSE(driver_.log().needs_flush());
  EXPECT_FALSE(driver_.log().close().has_value());
  // What is durable stays readable.
  EXPECT_EQ(value_of(driver_.read(Offset{0}, Offset{1})), driver_.expected(Offset{0}, Offset{1}));
}

TEST_F(LogFaults, AFailedSyncFencesForGoodAndIsNotRetried) {
  ASSERT_OK(driver_.open());
  ASSERT_OK(driver_.append());
  faults_.on_failed_datasync = [&](const Path& path) { memory_.lose_writeback(path); };
  const auto job = driver_.log().begin_flush();
  fail_next(EIO);
  EXPECT_EQ(code_of(driver_.log().complete_flush(job, run_flush(job))), Errc::kIo);
  EXPECT_EQ(driver_.log().flushed_end(), Offset{0});
  EXPECT_FALSE(driver_.log().needs_flush());
  EXPECT_EQ(code_of(driver_.append()), Errc::kIo);
  const auto calls = faults_.calls_count();
  EXPECT_FALSE(driver_.flush().has_value());
  EXPECT_EQ(faults_.calls_count(), calls);
  // The cache still shows the batch. A restart reads the disk.
  ASSERT_OK(driver_.open());
  EXPECT_EQ(driver_.log().log_end(), Offset{0});
}

TEST_F(LogFaults, AFullDiskDelaysIndexesButNotAcks) {
  driver_.settings().segment_bytes = 2000;
  driver_.settings().index_interval_bytes = 0;
  ASSERT_OK(driver_.open());
  while (driver_.log().view()->segments().size() < 2) ASSERT_OK(driver_.append());
  const auto job = driver_.log().begin_flush();
  const auto outcome = run_flush(job);
  fail_next(ENOSPC);
  EXPECT_OK(driver_.log().complete_flush(job, outcome));
  EXPECT_EQ(driver_.log().flushed_end(), driver_.log().log_end());
  EXPECT_EQ(driver_.log().recovery_point(), Offset{0});
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(driver_.append());
    ASSERT_OK(driver_.flush());
  }
  EXPECT_EQ(driver_.log().recovery_point(), driver_.log().log_end());
}

TEST_F(LogFaults, AnAppendIsOneCall) {
  ASSERT_OK(driver_.open());
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(driver_.append());
    ASSERT_OK(driver_.flush());
  }
  ASSERT_OK(driver_.append());  // reserves
  const auto calls = faults_.calls_count();
  for (int i = 0; i < 100; ++i) ASSERT_OK(driver_.append());
  EXPECT_EQ(faults_.calls_count() - calls, 100U);
}

// Zeros are a gift: without room for them the append itself still decides.
TEST_F(LogFaults, AnAppendDoesNotNeedItsZeros) {
  ASSERT_OK(driver_.open());
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK(driver_.append());
    ASSERT_OK(driver_.flush());
  }
  fail_next(ENOSPC);
  ASSERT_OK(driver_.append());
  ASSERT_OK(driver_.flush());
  EXPECT_EQ(value_of(driver_.read(Offset{0}, Offset{9})), driver_.expected(Offset{0}, Offset{9}));
  const auto calls = faults_.calls_count();
  ASSERT_OK(driver_.append());
  EXPECT_EQ(faults_.calls_count() - calls, 1U) << "not tried again in this segment";
}

TEST(LogReaders, SeeWholeBatchesWhileTheOwnerAppends) {
  test::MemoryFs fs;
  ASSERT_OK(fs.create_directory("/data"));
  LogSettings settings;
  settings.segment_bytes = 5000;
  settings.index_interval_bytes = 300;
  LogDriver driver(fs, "/data/topic-0", settings);
  ASSERT_OK(driver.open());
  std::atomic<std::int64_t> flushed{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    Offset next{0};
    while (!done.load() || next.value() < flushed.load()) {
      const Offset limit{flushed.load()};
      const auto view = driver.log().view();
      auto read = view->read(next, limit, 2000, true, ReadMode::kIfResident);
      if (!read) {
        ADD_FAILURE() << to_string(read.error());
        return;
      }
      for (ByteView left = std::get_if<SharedSlice>(read->bytes.pieces().data()) == nullptr
                               ? ByteView()
                               : std::get<SharedSlice>(read->bytes.pieces()[0]).view;
           !left.empty();) {
        const auto header = record::check_batch(left);
        if (!header || header->base_offset != next) {
          ADD_FAILURE() << "a reader saw something else than the next batch";
          return;
        }
        next = header->next_offset();
        left = left.subspan(header->size_bytes());
      }
    }
  });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_OK(driver.append(1 + i % 3, 50));
    if (i % 3 == 0) {
      ASSERT_OK(driver.flush());
      flushed.store(driver.log().flushed_end().value());
    }
  }
  ASSERT_OK(driver.flush());
  flushed.store(driver.log().flushed_end().value());
  done.store(true);
  reader.join();
}

// One of a segment's two indexes gets its file, the other has to wait for a descriptor.
TEST(IndexNames, AreMadeDurableThoughTheOtherIndexCouldNotBeMade) {
  test::MemoryFs memory;
  test::FaultFs faults(memory, 1);
  LogSettings settings;
  settings.segment_bytes = 100;
  LogDriver driver(faults, "/topic-0", settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(driver.append());
  ASSERT_OK(driver.append());  // rolls
  const auto job = driver.log().begin_flush();
  faults.applies = [](const std::string&, const Path& path) { return path.extension() == ".timeindex"; };
  faults.fail_from(1, EMFILE);
  ASSERT_OK(driver.log().complete_flush(job, run_flush(job)));
  ASSERT_TRUE(faults.fired());
  ASSERT_TRUE(value_of(memory.exists(driver.file(0, ".index"))));
  faults.heal();
  settings.segment_bytes = 1'000'000;
  driver.log().set_settings(settings);
  ASSERT_OK(driver.append());
  const auto next = driver.log().begin_flush();
  EXPECT_EQ(next.directories, std::vector<Path>{driver.directory()});
  EXPECT_OK(driver.log().complete_flush(next, run_flush(next)));
}

}  // namespace
}  // namespace weir::storage
