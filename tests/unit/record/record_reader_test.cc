#include "record/record_reader.h"

#include <gtest/gtest.h>

#include "record/compression/deflater.h"
#include "support/batch_factory.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

constexpr RecordReader::Limits kNoLimits{.max_inflated_bytes = 256 * kMiB};
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

Bytes batch_with(Codec codec, std::int32_t count, std::size_t value_bytes) {
  test::BatchSpec spec{.count = count, .value_bytes = value_bytes};
  spec.options.codec = codec;
  return test::make_batch(spec);
}

TEST(RecordReader, ViewsPointIntoAnUncompressedBatch) {
  const Bytes batch = test::make_batch({"value"});
  auto reader = RecordReader::open(batch, kNoLimits);
  RecordView record;
  ASSERT_TRUE(reader->next(record).value());
  EXPECT_GE(record.value->data(), batch.data());
  EXPECT_LE(record.value->data() + record.value->size(), batch.data() + batch.size());
  EXPECT_FALSE(record.key.has_value());
  EXPECT_FALSE(reader->next(record).value());
  EXPECT_FALSE(reader->next(record).value());
}

// Values around the window's size, so that records straddle its ends in every way.
TEST(RecordReader, RecordsLargerThanTheWindow) {
  for (const auto codec : kCodecs) {
    for (const std::size_t value_bytes : {40'000, 49'000, 50'000, 98'304, 300'000}) {
      const Bytes batch = batch_with(codec, 5, value_bytes);
      const auto records = read_all(batch);
      ASSERT_EQ(records.size(), 5u);
      for (const auto& record : records) EXPECT_EQ(record.value->size(), value_bytes);
      auto reader = RecordReader::open(batch, kNoLimits);
      std::int32_t seen = 0;
      const auto scanned = reader->scan([&](const RecordShape& shape) {
        EXPECT_EQ(shape.offset_delta, seen++);
        EXPECT_TRUE(shape.has_key);
        return true;
      });
      EXPECT_TRUE(scanned.has_value()) << to_string(codec) << value_bytes;
      EXPECT_EQ(seen, 5);
    }
  }
}

TEST(RecordReader, ScanStopsWhenToldAndGoesOn) {
  for (const auto codec : kCodecs) {
    for (const std::size_t value_bytes : {5, 60'000}) {
      const Bytes batch = batch_with(codec, 10, value_bytes);
      auto reader = RecordReader::open(batch, kNoLimits);
      std::vector<std::int32_t> seen;
      const auto until = [&](std::int32_t last) {
        return reader->scan([&](const RecordShape& shape) {
          seen.push_back(shape.offset_delta);
          return shape.offset_delta != last;
        });
      };
      ASSERT_TRUE(until(0) && until(4));
      RecordView record;
      ASSERT_TRUE(reader->next(record).value());
      EXPECT_EQ(record.offset_delta, 5);
      ASSERT_TRUE(until(-1));
      EXPECT_EQ(seen, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 6, 7, 8, 9})) << to_string(codec) << value_bytes;
    }
  }
}

TEST(RecordReader, RecordLimitIsForCompressedBatchesOnly) {
  constexpr RecordReader::Limits kTight{.max_inflated_bytes = kMiB, .max_inflated_record_bytes = 100};
  const auto scan = [&](Codec codec, std::size_t value_bytes) {
    const Bytes batch = batch_with(codec, 3, value_bytes);
    auto reader = RecordReader::open(batch, kTight);
    RecordView record;
    auto through_next = RecordReader::open(batch, kTight);
    Result<bool> more = true;
    while (more && *more) more = through_next->next(record);
    const auto scanned = reader->scan([](const RecordShape&) { return true; });
    EXPECT_EQ(scanned.has_value(), more.has_value());
    return scanned ? std::nullopt : std::optional(scanned.error().code);
  };
  // attributes, two deltas, key length, "key-0", value length (two bytes from 64 on), headers: 12 or 13 and the value.
  for (const auto codec : kCodecs) {
    EXPECT_EQ(scan(codec, 88), std::nullopt) << to_string(codec);
    EXPECT_EQ(scan(codec, 89), codec == Codec::kNone ? std::nullopt : std::optional(Errc::kCorrupt))
        << to_string(codec);
    EXPECT_EQ(scan(codec, 90'000), codec == Codec::kNone ? std::nullopt : std::optional(Errc::kCorrupt));
  }
}

TEST(RecordReader, InflatedLimit) {
  const Bytes batch = batch_with(Codec::kZstd, 1000, 100);
  const auto scan = [&](std::uint64_t max_inflated_bytes) {
    auto reader = RecordReader::open(batch, {.max_inflated_bytes = max_inflated_bytes});
    return reader->scan([](const RecordShape&) { return true; });
  };
  EXPECT_TRUE(scan(200'000).has_value());
  ASSERT_FALSE(scan(50'000).has_value());
  EXPECT_EQ(scan(50'000).error().code, Errc::kTooLarge);
}

TEST(RecordReader, CodecsThatDontExist) {
  Bytes batch = test::make_batch({"value"});
  batch[22] = 6;
  EXPECT_EQ(RecordReader::open(batch, kNoLimits).error().code, Errc::kUnsupported);
}

TEST(RecordReader, NegativeCount) {
  BatchHeader header;
  header.records_count = -1;
  EXPECT_EQ(RecordReader::open(test::wrap_records(header, {}), kNoLimits).error().code, Errc::kCorrupt);
}

TEST(RecordReader, EmptiedBatchEndsAtOnce) {
  for (std::int16_t codec = 0; codec <= 4; ++codec) {
    BatchHeader header;
    header.attributes = codec;
    const Bytes batch = test::wrap_records(header, {});
    EXPECT_TRUE(read_all(batch).empty());
    auto reader = RecordReader::open(batch, kNoLimits);
    EXPECT_TRUE(reader->scan([](const RecordShape&) { return true; }).has_value());
  }
}

// Data behind zero records is still data left over.
TEST(RecordReader, ZeroRecordsLeaveNothing) {
  for (const auto codec : kCodecs) {
    Bytes batch = batch_with(codec, 1, 5);
    test::poke<std::int32_t>(batch, 57, 0);
    auto reader = RecordReader::open(batch, kNoLimits);
    const auto scanned = reader->scan([](const RecordShape&) { return true; });
    ASSERT_FALSE(scanned.has_value());
    EXPECT_EQ(scanned.error().code, Errc::kCorrupt);
  }
}

}  // namespace
}  // namespace weir::record
