// ListOffsets' lookups: by time and the largest time, per record.
#include <limits>
#include <random>

#include "storage/log.h"
#include "storage_fixture.h"
#include "support/seed.h"

namespace weir::storage {
namespace {

constexpr std::int64_t kFirstMs = 1'700'000'000'000;
constexpr std::uint64_t kInflatedMax = 16 * kMiB;

class LogTimes : public StorageTest {
 protected:
  LogTimes() : driver_(fs(), root() / "topic-0", settings()) { EXPECT_OK(driver_.open()); }
  static LogSettings settings() {
    LogSettings settings;
    settings.segment_bytes = 3000;
    settings.index_interval_bytes = 300;
    return settings;
  }
  std::optional<TimestampMatch> find(std::int64_t timestamp_ms, Offset limit) {
    return value_of(driver_.log().view()->find_timestamp(timestamp_ms, limit, kInflatedMax));
  }
  std::optional<TimestampMatch> find_max(Offset limit) {
    return value_of(driver_.log().view()->find_max_timestamp(limit, kInflatedMax));
  }
  LogDriver driver_;
};
INSTANTIATE_TEST_SUITE_P(, LogTimes, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(LogTimes, FindTheFirstRecordNotTheBatch) {
  ASSERT_OK(driver_.append(10, 10, kFirstMs));        // 0..9 at +0..+9
  ASSERT_OK(driver_.append(10, 10, kFirstMs + 100));  // 10..19 at +100..+109
  const auto match = find(kFirstMs + 104, Offset{20});
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->offset, Offset{14});
  EXPECT_EQ(match->timestamp_ms, kFirstMs + 104);
  EXPECT_EQ(match->leader_epoch, LeaderEpoch{7});
  EXPECT_EQ(find(kFirstMs + 50, Offset{20})->offset, Offset{10});
  EXPECT_EQ(find(0, Offset{20})->offset, Offset{0});
  EXPECT_FALSE(find(kFirstMs + 110, Offset{20}).has_value());
}

TEST_P(LogTimes, StopAtTheLimitAndBeginAtTheStart) {
  for (int i = 0; i < 4; ++i) ASSERT_OK(driver_.append(5, 10, kFirstMs + 100 * i));
  EXPECT_FALSE(find(kFirstMs + 300, Offset{15}).has_value());
  EXPECT_EQ(find(kFirstMs + 200, Offset{15})->offset, Offset{10});
  ASSERT_OK(driver_.flush());
  LogOpenOptions options;
  options.log_start = Offset{7};
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(find(0, Offset{20})->offset, Offset{7});
  EXPECT_EQ(find(0, Offset{20})->timestamp_ms, kFirstMs + 102);
}

TEST_P(LogTimes, LargestTimestampIsTheFirstOfEquals) {
  EXPECT_FALSE(find_max(Offset{0}).has_value());
  ASSERT_OK(driver_.append(1, 10, kFirstMs + 5));
  ASSERT_OK(driver_.append(3, 10, kFirstMs + 7));  // 1..3 at +7..+9
  ASSERT_OK(driver_.append(1, 10, kFirstMs + 9));
  EXPECT_EQ(find_max(Offset{5})->offset, Offset{3});
  EXPECT_EQ(find_max(Offset{5})->timestamp_ms, kFirstMs + 9);
  EXPECT_EQ(find_max(Offset{1})->offset, Offset{0});
}

TEST_P(LogTimes, RecordsWithoutTimeAreNotFound) {
  ASSERT_OK(driver_.append(1, 10, kNoTimestamp));
  EXPECT_FALSE(find_max(Offset{1}).has_value());
  EXPECT_FALSE(find(0, Offset{1}).has_value());
}

TEST_P(LogTimes, AgreeWithAScanOfAllRecords) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> times;  // of every record, by offset
  std::vector<std::int64_t> ends;   // of every batch
  for (int i = 0; i < 200; ++i) {
    const auto count = static_cast<std::int32_t>(1 + random() % 4);
    const auto base = kFirstMs + 20 * i + static_cast<std::int64_t>(random() % 400);
    test::BatchSpec spec;
    spec.count = count;
    spec.value_bytes = random() % 100;
    spec.base_timestamp_ms = base;
    spec.timestamp_step_ms = static_cast<std::int64_t>(random() % 30);
    if (random() % 2 == 0) spec.options.codec = Codec::kZstd;
    ASSERT_OK(driver_.append_batch(test::make_batch(spec)));
    for (std::int32_t k = 0; k < count; ++k) times.push_back(base + k * spec.timestamp_step_ms);
    ends.push_back(static_cast<std::int64_t>(times.size()));
    if (random() % 7 == 0) ASSERT_OK(driver_.flush());
  }
  ASSERT_GT(driver_.log().view()->segments().size(), 3U);
  for (int i = 0; i < 300; ++i) {
    const auto limit = ends[random() % ends.size()];
    const auto target = kFirstMs + static_cast<std::int64_t>(random() % 5000);
    std::int64_t expected = 0;
    while (expected < limit && times[static_cast<std::size_t>(expected)] < target) ++expected;
    const auto match = find(target, Offset{limit});
    if (expected == limit) {
      EXPECT_FALSE(match.has_value());
    } else {
      ASSERT_TRUE(match.has_value());
      EXPECT_EQ(match->offset, Offset{expected});
      EXPECT_EQ(match->timestamp_ms, times[static_cast<std::size_t>(expected)]);
    }
    const auto largest = std::max_element(times.begin(), times.begin() + limit);
    const auto max_match = find_max(Offset{limit});
    ASSERT_TRUE(max_match.has_value());
    EXPECT_EQ(max_match->timestamp_ms, *largest);
    EXPECT_EQ(max_match->offset, Offset{largest - times.begin()});
  }
}

TEST_P(LogTimes, ADamagedBatchIsReportedNotReturned) {
  ASSERT_OK(driver_.append(2, 10, kFirstMs));
  const auto file = value_of(fs().open(driver_.file(0, ".log"), OpenMode::kReadWrite));
  const auto flipped = as_bytes("!");
  ASSERT_OK(file->pwritev({&flipped, 1}, 70));
  EXPECT_EQ(code_of(driver_.log().view()->find_timestamp(0, Offset{2}, kInflatedMax)), Errc::kCorrupt);
  EXPECT_EQ(code_of(driver_.log().view()->find_timestamp(0, Offset{2}, 50)), Errc::kTooLarge);
}

}  // namespace
}  // namespace weir::storage
