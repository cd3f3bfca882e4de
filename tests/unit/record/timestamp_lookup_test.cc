#include "record/timestamp_lookup.h"

#include <gtest/gtest.h>

#include "support/batch_factory.h"

namespace weir::record {
namespace {

constexpr std::uint64_t kNoLimit = 256 * kMiB;

// Timestamps 100, 300, 200, 300, 50 at offsets 1000 to 1004.
Bytes uneven_batch(Codec codec, TimestampType type = TimestampType::kCreateTime) {
  BatchOptions options;
  options.codec = codec;
  options.base_offset = Offset{1000};
  options.timestamp_type = type;
  options.log_append_time_ms = 777;
  BatchBuilder builder(options);
  for (const std::int64_t timestamp_ms : {100, 300, 200, 300, 50}) {
    builder.append(NewRecord{.timestamp_ms = timestamp_ms, .key = {}, .value = as_bytes("v"), .headers = {}});
  }
  return *std::move(builder).build();
}

class TimestampLookup : public testing::TestWithParam<Codec> {};

// "offset@timestamp", "none" or the error's name.
std::string shown(const Result<std::optional<RecordTimestamp>>& found) {
  if (!found) return std::string(to_string(found.error().code));
  if (!*found) return "none";
  return std::to_string((*found)->offset.value()) + "@" + std::to_string((*found)->timestamp_ms);
}

TEST_P(TimestampLookup, FindsTheFirstRecordAtOrAfter) {
  const Bytes batch = uneven_batch(GetParam());
  const auto find = [&](std::int64_t timestamp_ms, std::int64_t from = 0) {
    return shown(find_record_by_timestamp(batch, timestamp_ms, Offset{from}, kNoLimit));
  };
  EXPECT_EQ(find(0), "1000@100");
  EXPECT_EQ(find(100), "1000@100");
  EXPECT_EQ(find(101), "1001@300");
  EXPECT_EQ(find(300), "1001@300");
  EXPECT_EQ(find(301), "none");
  EXPECT_EQ(find(101, 1001), "1001@300");
  EXPECT_EQ(find(101, 1002), "1002@200");
  EXPECT_EQ(find(0, 1004), "1004@50");
  EXPECT_EQ(find(0, 1005), "none");
}

TEST_P(TimestampLookup, FindsTheFirstOfTheLargest) {
  EXPECT_EQ(shown(find_max_timestamp_record(uneven_batch(GetParam()), kNoLimit)), "1001@300");
}

TEST_P(TimestampLookup, AppendTimeIsEveryRecords) {
  const Bytes batch = uneven_batch(GetParam(), TimestampType::kLogAppendTime);
  EXPECT_EQ(shown(find_record_by_timestamp(batch, 777, Offset{0}, kNoLimit)), "1000@777");
  EXPECT_EQ(shown(find_record_by_timestamp(batch, 500, Offset{1003}, kNoLimit)), "1003@777");
  EXPECT_EQ(shown(find_record_by_timestamp(batch, 778, Offset{0}, kNoLimit)), "none");
  EXPECT_EQ(shown(find_max_timestamp_record(batch, kNoLimit)), "1000@777");
}

INSTANTIATE_TEST_SUITE_P(Codecs, TimestampLookup,
                         testing::Values(Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST(TimestampLookupErrors, InflatedLimitHolds) {
  const Bytes batch = uneven_batch(Codec::kZstd);
  EXPECT_EQ(find_max_timestamp_record(batch, 10).error().code, Errc::kTooLarge);
  EXPECT_EQ(find_record_by_timestamp(batch, 999, Offset{0}, 10).error().code, Errc::kTooLarge);
}

TEST(TimestampLookupErrors, DamagedRecordsAreCorrupt) {
  Bytes batch = uneven_batch(Codec::kNone);
  batch.back() = 0x7e;  // the last record's header count
  EXPECT_EQ(find_max_timestamp_record(batch, kNoLimit).error().code, Errc::kCorrupt);
}

// What compaction leaves of a batch all of whose records it removed.
TEST(TimestampLookup, EmptiedBatchHasNothing) {
  BatchHeader header;
  header.last_offset_delta = 9;
  const Bytes batch = test::wrap_records(header, {});
  EXPECT_EQ(shown(find_max_timestamp_record(batch, kNoLimit)), "none");
  EXPECT_EQ(shown(find_record_by_timestamp(batch, 0, Offset{0}, kNoLimit)), "none");
}

// Offset deltas are the client's in an uncompressed batch; near the end of the range their sum must not trap.
TEST(TimestampLookup, OffsetsBeyondTheRangeWrap) {
  Bytes batch = uneven_batch(Codec::kNone);
  store_be(batch.data(), INT64_MAX - 1);
  EXPECT_TRUE(find_max_timestamp_record(batch, kNoLimit).has_value());
}

}  // namespace
}  // namespace weir::record
