#include "record/batch_builder.h"

#include <gtest/gtest.h>

#include "record/compression/deflater.h"
#include "support/batch_factory.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

TEST(BatchBuilder, CountsAndTimestamps) {
  BatchBuilder builder({});
  for (const std::int64_t timestamp_ms : {500, 700, 600}) {
    builder.append(NewRecord{.timestamp_ms = timestamp_ms, .key = {}, .value = {}, .headers = {}});
  }
  EXPECT_EQ(builder.count(), 3);
  const auto size = builder.size_bytes();
  const Bytes batch = *std::move(builder).build();
  EXPECT_EQ(batch.size(), size);
  const auto header = check_batch(batch);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->base_timestamp, 500);
  EXPECT_EQ(header->max_timestamp, 700);
  EXPECT_EQ(header->records_count, 3);
  EXPECT_EQ(header->last_offset_delta, 2);
}

TEST(BatchBuilder, NeedsARecord) {
  EXPECT_EQ(BatchBuilder({}).build().error().code, Errc::kInvalidArgument);
}

TEST(BatchBuilder, LimitHoldsForEveryCodec) {
  for (const auto codec : {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const auto build = [&](std::uint64_t max_bytes) {
      BatchOptions options;
      options.codec = codec;
      BatchBuilder builder(options);
      builder.append(NewRecord{.timestamp_ms = 1, .key = {}, .value = as_bytes("some value"), .headers = {}});
      return std::move(builder).build(max_bytes);
    };
    const auto size = build(1000)->size();
    EXPECT_TRUE(build(size + 64).has_value()) << to_string(codec);
    for (const std::uint64_t max_bytes : {std::uint64_t{0}, std::uint64_t{60}, std::uint64_t{size - 1}}) {
      const auto refused = build(max_bytes);
      ASSERT_FALSE(refused.has_value()) << to_string(codec) << max_bytes;
      EXPECT_EQ(refused.error().code, Errc::kTooLarge) << to_string(codec);
    }
  }
}

TEST(BatchBuilder, TimestampsAtTheEndsOfTheRange) {
  BatchBuilder builder({});
  for (const std::int64_t timestamp_ms : {INT64_MIN, INT64_MAX, std::int64_t{0}}) {
    builder.append(NewRecord{.timestamp_ms = timestamp_ms, .key = {}, .value = {}, .headers = {}});
  }
  const auto records = read_all(*std::move(builder).build());
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].timestamp_ms, INT64_MIN);
  EXPECT_EQ(records[1].timestamp_ms, INT64_MAX);
  EXPECT_EQ(records[2].timestamp_ms, 0);
}

TEST(BatchBuilder, LevelsChangeTheSize) {
  const auto size_at = [](Codec codec, std::optional<std::int32_t> level) {
    test::BatchSpec spec{.count = 2000};
    spec.options.codec = codec;
    spec.options.level = level;
    return test::make_batch(spec).size();
  };
  EXPECT_LT(size_at(Codec::kGzip, 9), size_at(Codec::kGzip, 1));
  EXPECT_LT(size_at(Codec::kLz4, 17), size_at(Codec::kLz4, 9));
  EXPECT_LT(size_at(Codec::kZstd, 19), size_at(Codec::kZstd, -100));
  for (const auto codec : {Codec::kGzip, Codec::kLz4, Codec::kZstd}) {
    EXPECT_EQ(size_at(codec, std::nullopt), size_at(codec, default_level(codec))) << to_string(codec);
  }
}

}  // namespace
}  // namespace weir::record
