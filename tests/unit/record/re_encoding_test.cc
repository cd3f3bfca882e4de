// compression.type other than `producer`: the broker decodes and encodes anew.
#include <gtest/gtest.h>

#include "record/batch_validator.h"
#include "support/batch_factory.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

constexpr std::int64_t kNow = kGoldenFirstTimestampMs;
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

BatchRules re_encode_as(Codec codec) {
  return {.keep_client_codec = false, .codec = codec};
}

TEST(ReEncoding, EveryCodecIntoEveryCodec) {
  for (const auto& [name, golden] : golden_batches()) {
    if (name.starts_with("control") || name.ends_with("append-time")) continue;
    for (const auto codec : kCodecs) {
      Bytes batch = golden;
      const auto valid = validate_batch(batch, re_encode_as(codec), kNow);
      ASSERT_TRUE(valid.has_value()) << name << ": " << valid.error().message;
      EXPECT_EQ(batch, golden) << name;
      const auto header = check_batch(valid->bytes);
      ASSERT_TRUE(header.has_value()) << name;
      EXPECT_EQ(header->codec(), codec);
      EXPECT_EQ(header->size_bytes(), valid->bytes.size());
      EXPECT_EQ(valid->rewritten.empty(), codec == BatchHeader::read(golden.data()).codec()) << name;
      EXPECT_EQ(read_all(valid->bytes), read_all(golden)) << name << " as " << to_string(codec);
    }
  }
}

TEST(ReEncoding, IntoNoneGivesKafkasBytes) {
  for (const auto* codec : {"gzip", "snappy", "lz4", "zstd"}) {
    for (const auto* kind : {"-1", "-100", "-idempotent", "-transactional"}) {
      Bytes batch = golden_batch(codec + std::string(kind));
      const auto valid = validate_batch(batch, re_encode_as(Codec::kNone), kNow);
      ASSERT_TRUE(valid.has_value());
      EXPECT_EQ(valid->rewritten, golden_batch("none" + std::string(kind))) << codec << kind;
    }
  }
}

TEST(ReEncoding, KeepsTheProducer) {
  Bytes batch = golden_batch("lz4-idempotent");
  const auto valid = validate_batch(batch, re_encode_as(Codec::kZstd), kNow);
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->header.producer_id, ProducerId{4711});
  EXPECT_EQ(valid->header.producer_epoch, ProducerEpoch{3});
  EXPECT_EQ(valid->header.base_sequence, 2147483646);
  EXPECT_EQ(valid->header.base_offset, Offset{0});
}

TEST(ReEncoding, LogAppendTime) {
  Bytes batch = golden_batch("none-100");
  BatchRules rules = re_encode_as(Codec::kGzip);
  rules.timestamp_type = TimestampType::kLogAppendTime;
  const auto valid = validate_batch(batch, rules, kNow + 12345);
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->max_timestamp_ms, kNow + 12345);
  EXPECT_EQ(valid->header.timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_EQ(valid->header.base_timestamp, kGoldenFirstTimestampMs);
}

TEST(ReEncoding, ChecksTheNewSize) {
  Bytes batch = golden_batch("zstd-100");
  BatchRules rules = re_encode_as(Codec::kNone);
  rules.max_message_bytes = static_cast<std::int32_t>(golden_batch("none-100").size());
  EXPECT_TRUE(validate_batch(batch, rules, kNow).has_value());
  rules.max_message_bytes -= 1;
  EXPECT_EQ(validate_batch(batch, rules, kNow).error().fault, BatchFault::kTooLarge);
  rules.max_message_bytes += 1;
  rules.segment_bytes = rules.max_message_bytes - 1;
  EXPECT_EQ(validate_batch(batch, rules, kNow).error().fault, BatchFault::kLargerThanSegment);
}

TEST(ReEncoding, LevelsAreTheTopics) {
  const auto size_at = [](std::int32_t level) {
    Bytes batch = golden_batch("none-100");
    BatchRules rules = re_encode_as(Codec::kGzip);
    rules.codec_level = level;
    return validate_batch(batch, rules, kNow)->bytes.size();
  };
  EXPECT_LT(size_at(9), size_at(1));
}

TEST(ReEncoding, MovedBatchStillHoldsItsBytes) {
  Bytes batch = golden_batch("none-100");
  auto valid = *validate_batch(batch, re_encode_as(Codec::kLz4), kNow);
  const ValidBatch moved = std::move(valid);
  EXPECT_EQ(moved.bytes.data(), moved.rewritten.data());
  EXPECT_TRUE(check_batch(moved.bytes).has_value());
}

}  // namespace
}  // namespace weir::record
