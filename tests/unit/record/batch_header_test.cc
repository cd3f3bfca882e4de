#include "record/batch_header.h"

#include <gtest/gtest.h>

#include "support/batch_factory.h"

namespace weir::record {
namespace {

TEST(BatchHeader, WritesWhatItRead) {
  Bytes bytes(kBatchHeaderBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + 11);
  const BatchHeader header = BatchHeader::read(bytes.data());
  Bytes written(kBatchHeaderBytes);
  header.write(written.data());
  EXPECT_EQ(written, bytes);
}

TEST(BatchHeader, AttributeBits) {
  BatchHeader header;
  header.attributes = 0x8 | 0x3;
  EXPECT_EQ(header.codec(), Codec::kLz4);
  EXPECT_EQ(header.timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_FALSE(header.is_transactional() || header.is_control() || header.has_delete_horizon());
  header.attributes = 0x10;
  EXPECT_TRUE(header.is_transactional());
  header.attributes = 0x20;
  EXPECT_TRUE(header.is_control());
  header.attributes = 0x40;
  EXPECT_TRUE(header.has_delete_horizon());
}

TEST(BatchHeader, LastSequence) {
  BatchHeader header;
  header.last_offset_delta = 4;
  EXPECT_EQ(header.last_sequence(), kNoSequence);
  header.base_sequence = 10;
  EXPECT_EQ(header.last_sequence(), 14);
  header.base_sequence = 2147483647 - 4;
  EXPECT_EQ(header.last_sequence(), 2147483647);
  header.base_sequence = 2147483647 - 3;
  EXPECT_EQ(header.last_sequence(), 0);
}

TEST(CheckBatch, TakesAGoodBatchAndIgnoresWhatFollows) {
  Bytes batch = test::make_stored_batch(Offset{41}, {"a", "b", "c"}, LeaderEpoch{7});
  const auto size = batch.size();
  batch.resize(size + 100, 0xee);
  const auto header = check_batch(batch);
  ASSERT_TRUE(header.has_value()) << to_string(header.error());
  EXPECT_EQ(header->size_bytes(), size);
  EXPECT_EQ(header->base_offset, Offset{41});
  EXPECT_EQ(header->last_offset(), Offset{43});
  EXPECT_EQ(header->next_offset(), Offset{44});
  EXPECT_EQ(header->leader_epoch, LeaderEpoch{7});
}

TEST(CheckBatch, TruncatedAtEveryByteIsOutOfRange) {
  const Bytes batch = test::make_batch({"some", "values"});
  for (std::size_t size = 0; size < batch.size(); ++size) {
    const auto header = check_batch(ByteView(batch).first(size));
    ASSERT_FALSE(header.has_value()) << size;
    EXPECT_EQ(header.error().code, Errc::kOutOfRange) << size;
  }
}

// Base offset and leader epoch lie outside the CRC: flips there show elsewhere (offsets must be continuous, epochs
// known), except a sign.
TEST(CheckBatch, SeesEveryFlippedBitUnderTheCrc) {
  const Bytes batch = test::make_batch({"some", "values"});
  for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
    const std::size_t at = bit / 8;
    const bool outside_crc = at < 8 || (at >= kBatchLengthEnd && at < 16);
    if (outside_crc) continue;
    Bytes broken = batch;
    broken[at] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(check_batch(broken).has_value()) << "bit " << bit;
  }
}

TEST(CheckBatch, RefusesLengthsThatHoldNoHeader) {
  for (const std::int32_t length : {0, 48, -1, INT32_MIN}) {
    Bytes batch = test::make_batch({"value"});
    store_be(batch.data() + 8, length);
    const auto header = check_batch(batch);
    ASSERT_FALSE(header.has_value());
    EXPECT_EQ(header.error().code, Errc::kCorrupt) << length;
  }
}

TEST(CheckBatch, RefusesOtherMagics) {
  for (const int magic : {0, 1, 3, 127, -1}) {
    Bytes batch = test::make_batch({"value"});
    batch[16] = static_cast<std::uint8_t>(magic);
    const auto header = check_batch(batch);
    ASSERT_FALSE(header.has_value());
    EXPECT_EQ(header.error().code, Errc::kCorrupt) << magic;
  }
}

TEST(CheckBatch, RefusesOffsetsOutOfRange) {
  const auto code_at = [](std::int64_t base_offset, std::int32_t last_offset_delta) {
    Bytes batch = test::make_batch({"a", "b"});
    store_be(batch.data(), base_offset);
    test::poke(batch, 23, last_offset_delta);
    const auto header = check_batch(batch);
    return header ? std::nullopt : std::optional(header.error().code);
  };
  EXPECT_EQ(code_at(INT64_MAX - 2, 1), std::nullopt);
  EXPECT_EQ(code_at(INT64_MAX - 1, 1), Errc::kCorrupt);
  EXPECT_EQ(code_at(INT64_MAX, 0), Errc::kCorrupt);
  EXPECT_EQ(code_at(-1, 1), Errc::kCorrupt);
  EXPECT_EQ(code_at(0, -1), Errc::kCorrupt);
}

TEST(BatchHeader, OffsetsOfAnUncheckedHeaderWrap) {
  BatchHeader header;
  header.base_offset = Offset{INT64_MAX};
  header.last_offset_delta = 1;
  EXPECT_EQ(header.last_offset(), Offset{INT64_MIN});
}

TEST(StampBatch, LeavesTheCrcRight) {
  Bytes batch = test::make_batch({"value"});
  stamp_batch(batch, Offset{123456789012}, LeaderEpoch{99});
  const auto header = check_batch(batch);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->base_offset, Offset{123456789012});
  EXPECT_EQ(header->leader_epoch, LeaderEpoch{99});
}

}  // namespace
}  // namespace weir::record
