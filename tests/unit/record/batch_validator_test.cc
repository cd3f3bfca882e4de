// Every check of a produced batch, each with the error that Apache Kafka 4.4's LogValidator and UnifiedLog answer (run
// side by side with them on 140,000 mutated batches), and what is patched in an accepted one.
#include "record/batch_validator.h"

#include <gtest/gtest.h>

#include "record/compression/deflater.h"
#include "record/record_reader.h"
#include "support/batch_factory.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::size_t kAttributesAt = 21;
constexpr std::size_t kLastOffsetDeltaAt = 23;
constexpr std::size_t kProducerIdAt = 43;
constexpr std::size_t kBaseSequenceAt = 53;
constexpr std::size_t kRecordsCountAt = 57;
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

Bytes batch_of(Codec codec, std::int32_t count = 3) {
  test::BatchSpec spec{.count = count, .base_timestamp_ms = kNow};
  spec.options.codec = codec;
  return test::make_batch(spec);
}

// The error of validating `batch`, which must then be as it was; kNone when it is accepted.
ErrorCode refused_with(const Bytes& batch, const BatchRules& rules = {}, std::int64_t now_ms = kNow) {
  Bytes copy = batch;
  const auto valid = validate_batch(copy, rules, now_ms);
  if (valid) return ErrorCode::kNone;
  EXPECT_EQ(copy, batch) << "a refused batch was changed";
  EXPECT_FALSE(valid.error().message.empty());
  return to_error_code(valid.error().fault);
}

BatchRefusal refusal_of(Bytes batch, const BatchRules& rules) {
  auto valid = validate_batch(batch, rules, kNow);
  EXPECT_FALSE(valid.has_value());
  return valid ? BatchRefusal{} : std::move(valid).error();
}

std::vector<std::int32_t> indexes_of(const BatchRefusal& refusal) {
  std::vector<std::int32_t> indexes;
  for (const auto& record : refusal.records) indexes.push_back(record.index);
  return indexes;
}

// ---- shape

ErrorCode shape_of(const Bytes& records, std::int16_t version = 9) {
  const auto shape = check_produce_shape(records, version);
  return shape ? ErrorCode::kNone : to_error_code(shape.error().fault);
}

TEST(ProduceShape, TakesOneBatch) {
  EXPECT_EQ(shape_of(test::make_batch({"a", "b"})), ErrorCode::kNone);
}

TEST(ProduceShape, CutAnywhereThereIsNoBatch) {
  const Bytes batch = test::make_batch({"a", "b"});
  for (std::size_t size = 0; size < batch.size(); ++size) {
    EXPECT_EQ(shape_of(Bytes(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size))),
              ErrorCode::kInvalidRecord)
        << size;
  }
}

TEST(ProduceShape, AnIncompleteBatchBehindAWholeOneDoesNotCount) {
  const Bytes batch = test::make_batch({"a", "b"});
  for (std::size_t size = 0; size < batch.size(); ++size) {
    Bytes records = batch;
    records.insert(records.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(shape_of(records), ErrorCode::kNone) << size;
  }
}

TEST(ProduceShape, TwoBatchesAreTooMany) {
  Bytes records = test::make_batch({"a"});
  const Bytes second = test::make_batch({"b"});
  records.insert(records.end(), second.begin(), second.end());
  EXPECT_EQ(shape_of(records), ErrorCode::kInvalidRecord);
  // An older second batch counts as well, one that can't be a batch is damage.
  records[second.size() + 16] = 1;
  EXPECT_EQ(shape_of(records), ErrorCode::kInvalidRecord);
  records[second.size() + 16] = 3;
  EXPECT_EQ(shape_of(records), ErrorCode::kCorruptMessage);
  store_be(records.data() + second.size() + 8, std::int32_t{13});
  EXPECT_EQ(shape_of(records), ErrorCode::kCorruptMessage);
}

TEST(ProduceShape, SizeFieldBelowAnyFormats) {
  for (const std::int32_t size : {13, 0, -1, INT32_MIN}) {
    Bytes batch = test::make_batch({"a"});
    store_be(batch.data() + 8, size);
    EXPECT_EQ(shape_of(batch), ErrorCode::kCorruptMessage) << size;
    // Twelve bytes are enough to see it.
    batch.resize(12);
    EXPECT_EQ(shape_of(batch), ErrorCode::kCorruptMessage) << size;
  }
}

TEST(ProduceShape, SizeFieldBeyondTheBytes) {
  Bytes batch = test::make_batch({"a"});
  for (const std::int32_t size : {static_cast<std::int32_t>(batch.size()) - 11, INT32_MAX - 12, INT32_MAX}) {
    store_be(batch.data() + 8, size);
    EXPECT_EQ(shape_of(batch), ErrorCode::kInvalidRecord) << size;
  }
}

TEST(ProduceShape, Magic) {
  Bytes batch = test::make_batch({"a"});
  for (const auto& [magic, error] :
       {std::pair{0, ErrorCode::kInvalidRecord}, std::pair{1, ErrorCode::kInvalidRecord},
        std::pair{3, ErrorCode::kCorruptMessage}, std::pair{255, ErrorCode::kCorruptMessage}}) {
    batch[16] = static_cast<std::uint8_t>(magic);
    EXPECT_EQ(shape_of(batch), error) << magic;
  }
}

TEST(ProduceShape, ZstdFromVersion7On) {
  EXPECT_EQ(shape_of(batch_of(Codec::kZstd), 6), ErrorCode::kUnsupportedCompressionType);
  EXPECT_EQ(shape_of(batch_of(Codec::kZstd), 7), ErrorCode::kNone);
  EXPECT_EQ(shape_of(batch_of(Codec::kLz4), 3), ErrorCode::kNone);
}

// ---- the header's checks, in their order

TEST(BatchValidator, RefusesABaseOffset) {
  Bytes batch = batch_of(Codec::kNone);
  store_be(batch.data(), std::int64_t{1});
  EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord);
  // It comes before the size and the CRC.
  batch[kCrcAt] ^= 1;
  EXPECT_EQ(refused_with(batch, {.max_message_bytes = 10}), ErrorCode::kInvalidRecord);
}

TEST(BatchValidator, RefusesMoreThanMaxMessageBytes) {
  Bytes batch = batch_of(Codec::kNone);
  const auto size = static_cast<std::int32_t>(batch.size());
  EXPECT_EQ(refused_with(batch, {.max_message_bytes = size}), ErrorCode::kNone);
  EXPECT_EQ(refused_with(batch, {.max_message_bytes = size - 1}), ErrorCode::kMessageTooLarge);
  EXPECT_EQ(refused_with(batch, {.max_message_bytes = 0}), ErrorCode::kMessageTooLarge);
  // It comes before the CRC.
  batch[kCrcAt] ^= 1;
  EXPECT_EQ(refused_with(batch, {.max_message_bytes = size - 1}), ErrorCode::kMessageTooLarge);
}

TEST(BatchValidator, RefusesABatchShorterThanItsHeader) {
  for (std::int32_t length = 14; length < 49; ++length) {
    Bytes batch = batch_of(Codec::kNone);
    store_be(batch.data() + 8, length);
    EXPECT_EQ(refused_with(batch), ErrorCode::kCorruptMessage) << length;
    batch.resize(12 + static_cast<std::size_t>(length));
    EXPECT_EQ(refused_with(batch), ErrorCode::kCorruptMessage) << length;
  }
}

TEST(BatchValidator, RefusesWrongCrc) {
  for (const auto codec : kCodecs) {
    const Bytes batch = batch_of(codec);
    for (std::size_t bit = kCrcAt * 8; bit < batch.size() * 8; ++bit) {
      Bytes broken = batch;
      broken[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      EXPECT_EQ(refused_with(broken), ErrorCode::kCorruptMessage) << "bit " << bit;
    }
  }
}

TEST(BatchValidator, RefusesCodecsThatDontExist) {
  for (std::int16_t codec = 5; codec <= 7; ++codec) {
    Bytes batch = batch_of(Codec::kNone);
    test::poke(batch, kAttributesAt, codec);
    EXPECT_EQ(refused_with(batch), ErrorCode::kUnsupportedCompressionType);
    EXPECT_EQ(refused_with(batch, {.keep_client_codec = false}), ErrorCode::kUnsupportedCompressionType);
    // It comes before the counts.
    test::poke<std::int32_t>(batch, kRecordsCountAt, 0);
    EXPECT_EQ(refused_with(batch), ErrorCode::kUnsupportedCompressionType);
  }
}

TEST(BatchValidator, RefusesCountsThatDisagree) {
  for (const auto codec : kCodecs) {
    for (const auto& [delta, count] :
         {std::pair{-1, 0}, std::pair{-1, 3}, std::pair{2, 0}, std::pair{2, -3}, std::pair{2, 2}, std::pair{2, 4},
          std::pair{1, 3}, std::pair{INT32_MAX, INT32_MIN}, std::pair{INT32_MIN, 3}, std::pair{INT32_MAX, INT32_MAX}}) {
      Bytes batch = batch_of(codec);
      store_be(batch.data() + kLastOffsetDeltaAt, delta);
      test::poke(batch, kRecordsCountAt, count);
      EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord) << delta << " " << count;
    }
  }
}

TEST(BatchValidator, RefusesCountsThatTheRecordsDontMeet) {
  for (const auto codec : kCodecs) {
    for (const std::int32_t count : {1, 2, 4, 100, INT32_MAX}) {
      Bytes batch = batch_of(codec);
      store_be(batch.data() + kLastOffsetDeltaAt, count - 1);
      test::poke(batch, kRecordsCountAt, count);
      EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord) << to_string(codec) << count;
      const Codec other = codec == Codec::kLz4 ? Codec::kNone : Codec::kLz4;
      EXPECT_EQ(refused_with(batch, {.keep_client_codec = false, .codec = other}), ErrorCode::kInvalidRecord);
    }
  }
}

TEST(BatchValidator, RefusesControlBatches) {
  EXPECT_EQ(refused_with(golden_batch("control-commit")), ErrorCode::kInvalidRecord);
  for (const auto codec : kCodecs) {
    Bytes batch = batch_of(codec);
    test::poke(batch, kAttributesAt, static_cast<std::int16_t>(0x20 | static_cast<int>(codec)));
    EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord);
  }
}

TEST(BatchValidator, RefusesAProducerWithoutSequence) {
  Bytes batch = batch_of(Codec::kNone);
  test::poke<std::int64_t>(batch, kProducerIdAt, 0);
  EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord);
  test::poke<std::int32_t>(batch, kBaseSequenceAt, 0);
  EXPECT_EQ(refused_with(batch), ErrorCode::kNone);
  test::poke<std::int32_t>(batch, kBaseSequenceAt, INT32_MIN);
  EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidRecord);
  // Without a producer id the sequence means nothing.
  test::poke<std::int64_t>(batch, kProducerIdAt, -1);
  EXPECT_EQ(refused_with(batch), ErrorCode::kNone);
}

TEST(BatchValidator, TakesTransactionalAndDeleteHorizonBits) {
  for (const std::int16_t bits : {std::int16_t{0x10}, std::int16_t{0x40}}) {
    Bytes batch = batch_of(Codec::kNone);
    test::poke(batch, kAttributesAt, bits);
    EXPECT_EQ(refused_with(batch), ErrorCode::kNone);
  }
}

// ---- the records' checks

TEST(BatchValidator, CompactedTopicsNeedKeys) {
  for (const auto codec : kCodecs) {
    for (const bool keep : {true, false}) {
      BatchRules rules{.keep_client_codec = keep, .codec = Codec::kLz4, .compacted = true};
      EXPECT_EQ(refused_with(batch_of(codec), rules), ErrorCode::kNone);
      BatchOptions options;
      options.codec = codec;
      BatchBuilder builder(options);
      for (int i = 0; i < 6; ++i) {
        const auto key = i % 2 == 0 ? std::optional(as_bytes("k")) : std::nullopt;
        builder.append(NewRecord{.timestamp_ms = kNow, .key = key, .value = {}, .headers = {}});
      }
      const auto refusal = refusal_of(*std::move(builder).build(), rules);
      EXPECT_EQ(to_error_code(refusal.fault), ErrorCode::kInvalidRecord);
      EXPECT_EQ(indexes_of(refusal), (std::vector<std::int32_t>{1, 3, 5})) << to_string(codec) << keep;
      for (const auto& record : refusal.records) {
        EXPECT_EQ(record.message, "a compacted topic takes no record without a key");
      }
    }
  }
}

TEST(BatchValidator, TimestampLimits) {
  for (const auto codec : kCodecs) {
    const auto refused = [&](std::int64_t timestamp_ms) {
      test::BatchSpec spec{.base_timestamp_ms = timestamp_ms};
      spec.options.codec = codec;
      const BatchRules rules{.timestamp_before_max_ms = 1000, .timestamp_after_max_ms = 500};
      return refused_with(test::make_batch(spec), rules);
    };
    EXPECT_EQ(refused(kNow), ErrorCode::kNone);
    EXPECT_EQ(refused(kNow - 1000), ErrorCode::kNone);
    EXPECT_EQ(refused(kNow - 1001), ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(refused(kNow + 500), ErrorCode::kNone);
    EXPECT_EQ(refused(kNow + 501), ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(refused(-1), ErrorCode::kNone);  // no timestamp
    EXPECT_EQ(refused(-2), ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(refused(INT64_MAX), ErrorCode::kInvalidTimestamp);
  }
}

TEST(BatchValidator, DefaultTimestampLimits) {
  const auto refused = [](std::int64_t timestamp_ms) {
    return refused_with(test::make_batch(test::BatchSpec{.base_timestamp_ms = timestamp_ms}));
  };
  EXPECT_EQ(refused(0), ErrorCode::kNone);
  EXPECT_EQ(refused(kNow + 3'600'000), ErrorCode::kNone);
  EXPECT_EQ(refused(kNow + 3'600'001), ErrorCode::kInvalidTimestamp);
}

TEST(BatchValidator, NoTimestampLimitTakesEveryTimestamp) {
  const BatchRules rules{.timestamp_before_max_ms = INT64_MAX, .timestamp_after_max_ms = INT64_MAX};
  for (const std::int64_t timestamp_ms : {INT64_MIN + 1, std::int64_t{-2}, std::int64_t{0}, INT64_MAX}) {
    EXPECT_EQ(refused_with(test::make_batch(test::BatchSpec{.base_timestamp_ms = timestamp_ms}), rules),
              ErrorCode::kNone);
  }
}

TEST(BatchValidator, TimestampLimitsDontHoldOnLogAppendTimeTopics) {
  const Bytes batch = test::make_batch(test::BatchSpec{.base_timestamp_ms = 5});
  const BatchRules rules{.timestamp_type = TimestampType::kLogAppendTime, .timestamp_before_max_ms = 1000};
  EXPECT_EQ(refused_with(batch, rules), ErrorCode::kNone);
}

TEST(BatchValidator, ABadTimestampOutranksAMissingKey) {
  BatchBuilder builder({});
  builder.append(NewRecord{.timestamp_ms = kNow, .key = {}, .value = {}, .headers = {}});
  builder.append(NewRecord{.timestamp_ms = kNow, .key = as_bytes("k"), .value = {}, .headers = {}});
  builder.append(NewRecord{.timestamp_ms = kNow + 9'999'999, .key = as_bytes("k"), .value = {}, .headers = {}});
  builder.append(NewRecord{.timestamp_ms = kNow + 9'999'999, .key = {}, .value = {}, .headers = {}});
  const auto refusal = refusal_of(*std::move(builder).build(), {.compacted = true});
  EXPECT_EQ(to_error_code(refusal.fault), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(indexes_of(refusal), (std::vector<std::int32_t>{0, 2, 3}));
  // A record has one fault: the key's, when both are bad.
  EXPECT_EQ(refusal.records[2].message, refusal.records[0].message);
  EXPECT_NE(refusal.records[1].message.find("1700009999999"), std::string::npos) << refusal.records[1].message;
}

TEST(BatchValidator, ABrokenRecordOutranksRefusedOnes) {
  Bytes batch = test::make_batch(test::BatchSpec{.count = 3, .keys = false});
  batch.back() = 0x01;  // the last record's header count: -1
  test::fix_crc(batch);
  const auto refusal = refusal_of(batch, {.compacted = true});
  EXPECT_EQ(to_error_code(refusal.fault), ErrorCode::kInvalidRecord);
  EXPECT_TRUE(refusal.records.empty());
}

TEST(BatchValidator, ListsAtMostTenThousandRefusedRecords) {
  test::BatchSpec spec{.count = 50'000, .keys = false};
  spec.options.codec = Codec::kZstd;
  const auto refusal = refusal_of(test::make_batch(spec), {.compacted = true});
  ASSERT_EQ(refusal.records.size(), 10'000u);
  EXPECT_EQ(refusal.records.back().index, 9'999);
  EXPECT_EQ(refusal.message, "50000 of 50000 records were refused, none with a bad timestamp");
}

TEST(BatchValidator, OneRecordsSizeIsLimitedInCompressedBatches) {
  for (const auto codec : kCodecs) {
    const Bytes batch = batch_of(codec);
    const auto error = codec == Codec::kNone ? ErrorCode::kNone : ErrorCode::kInvalidRecord;
    EXPECT_EQ(refused_with(batch, {.max_decompressed_message_bytes = 19}), ErrorCode::kNone) << to_string(codec);
    EXPECT_EQ(refused_with(batch, {.max_decompressed_message_bytes = 10}), error) << to_string(codec);
  }
}

TEST(BatchValidator, InflatedSizeIsLimited) {
  for (const auto codec : kCodecs) {
    for (const bool keep : {true, false}) {
      const Bytes batch = batch_of(codec, 1000);
      const BatchRules rules{.keep_client_codec = keep, .codec = Codec::kLz4, .max_inflated_batch_bytes = 10'000};
      const auto error = codec == Codec::kNone ? ErrorCode::kNone : ErrorCode::kMessageTooLarge;
      if (!keep && codec == Codec::kNone) continue;  // held as it came: bounded by max.message.bytes
      EXPECT_EQ(refused_with(batch, rules), error) << to_string(codec);
    }
  }
}

TEST(BatchValidator, OddOffsetDeltas) {
  for (const auto codec : kCodecs) {
    Bytes batch = batch_of(Codec::kNone, 2);
    Bytes records(test::records_of(batch).begin(), test::records_of(batch).end());
    ASSERT_EQ(records[3], 0);
    records[3] = 14;  // record 0 says offset delta 7
    Bytes payload = records;
    if (codec != Codec::kNone) {
      payload.clear();
      ASSERT_TRUE(deflate(codec, default_level(codec), records, kMiB, payload));
    }
    BatchHeader header = BatchHeader::read(batch.data());
    header.attributes = static_cast<std::int16_t>(codec);
    batch = test::wrap_records(header, payload);
    // Stored as sent when that is uncompressed, refused when it is compressed and stays so.
    EXPECT_EQ(refused_with(batch), codec == Codec::kNone ? ErrorCode::kNone : ErrorCode::kInvalidRecord);
    // A change of codec puts them right.
    const Codec other = codec == Codec::kZstd ? Codec::kNone : Codec::kZstd;
    const auto valid = validate_batch(batch, {.keep_client_codec = false, .codec = other}, kNow);
    ASSERT_TRUE(valid.has_value()) << valid.error().message;
    const auto read = read_all(valid->bytes);
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read[0].offset_delta, 0);
    EXPECT_EQ(read[1].offset_delta, 1);
  }
}

TEST(BatchValidator, RefusesMoreThanASegment) {
  for (const auto codec : kCodecs) {
    const Bytes batch = batch_of(codec);
    const auto size = static_cast<std::int32_t>(batch.size());
    EXPECT_EQ(refused_with(batch, {.segment_bytes = size}), ErrorCode::kNone);
    EXPECT_EQ(refused_with(batch, {.segment_bytes = size - 1}), ErrorCode::kRecordListTooLarge);
    // It comes after the records.
    EXPECT_EQ(refused_with(batch, {.timestamp_after_max_ms = -1, .segment_bytes = 1}), ErrorCode::kInvalidTimestamp);
  }
}

// ---- what is patched

TEST(BatchValidator, LeavesAnHonestBatchAlone) {
  for (const auto codec : kCodecs) {
    const Bytes batch = batch_of(codec);
    Bytes patched = batch;
    const auto valid = validate_batch(patched, {}, kNow);
    ASSERT_TRUE(valid.has_value());
    EXPECT_EQ(patched, batch);
    EXPECT_EQ(valid->max_timestamp_ms, kNow + 2);
    EXPECT_EQ(valid->header.max_timestamp, kNow + 2);
  }
}

TEST(BatchValidator, RecomputesMaxTimestamp) {
  for (const auto codec : kCodecs) {
    Bytes batch = batch_of(codec);
    test::poke<std::int64_t>(batch, kMaxTimestampAt, kNow + 1000);
    const Bytes sent = batch;
    const auto valid = validate_batch(batch, {}, kNow);
    ASSERT_TRUE(valid.has_value());
    EXPECT_EQ(valid->max_timestamp_ms, kNow + 2) << to_string(codec);
    const auto header = check_batch(batch);
    ASSERT_TRUE(header.has_value()) << "the CRC is wrong";
    EXPECT_EQ(header->max_timestamp, kNow + 2);
    EXPECT_EQ(header->crc, valid->header.crc);
    // Nothing but max_timestamp and the CRC.
    EXPECT_EQ(batch, batch_of(codec));
  }
}

TEST(BatchValidator, MaxTimestampWithoutTimestamps) {
  Bytes batch = test::make_batch(test::BatchSpec{.base_timestamp_ms = -1, .timestamp_step_ms = 0});
  const auto valid = validate_batch(batch, {}, kNow);
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->max_timestamp_ms, kNoTimestamp);
}

TEST(BatchValidator, LogAppendTimeTopic) {
  for (const auto codec : kCodecs) {
    const Bytes sent = batch_of(codec);
    Bytes batch = sent;
    const auto valid = validate_batch(batch, {.timestamp_type = TimestampType::kLogAppendTime}, kNow + 777);
    ASSERT_TRUE(valid.has_value());
    EXPECT_EQ(valid->max_timestamp_ms, kNow + 777);
    const auto header = check_batch(batch);
    ASSERT_TRUE(header.has_value()) << "the CRC is wrong";
    EXPECT_EQ(header->timestamp_type(), TimestampType::kLogAppendTime);
    EXPECT_EQ(header->max_timestamp, kNow + 777);
    // The base timestamp and the records are untouched.
    EXPECT_EQ(header->base_timestamp, kNow);
    EXPECT_TRUE(std::ranges::equal(test::records_of(batch), test::records_of(sent)));
    for (const auto& record : read_all(batch)) EXPECT_EQ(record.timestamp_ms, kNow + 777);
  }
}

TEST(BatchValidator, AClientMaySayLogAppendTimeOnlyWithATimeOnACreateTimeTopic) {
  for (const auto codec : kCodecs) {
    Bytes batch = batch_of(codec);
    const auto bits = static_cast<std::int16_t>(0x8 | static_cast<int>(codec));
    store_be(batch.data() + kMaxTimestampAt, kNow + 5);
    test::poke(batch, kAttributesAt, bits);
    const BatchRules append_time{.timestamp_type = TimestampType::kLogAppendTime};
    const auto refusal = refusal_of(batch, append_time);
    EXPECT_EQ(to_error_code(refusal.fault), ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(indexes_of(refusal), (std::vector<std::int32_t>{0, 1, 2}));

    Bytes patched = batch;
    const auto valid = validate_batch(patched, {}, kNow);
    ASSERT_TRUE(valid.has_value());
    EXPECT_EQ(valid->header.timestamp_type(), TimestampType::kCreateTime);
    EXPECT_EQ(valid->header.max_timestamp, kNow + 5);  // what every record was said to have
    EXPECT_TRUE(check_batch(patched).has_value());

    test::poke<std::int64_t>(batch, kMaxTimestampAt, kNoTimestamp);
    EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidTimestamp);
    test::poke<std::int64_t>(batch, kMaxTimestampAt, kNow + 3'600'001);
    EXPECT_EQ(refused_with(batch), ErrorCode::kInvalidTimestamp);
  }
}

TEST(BatchValidator, UndefinedBitsGoWhenTheBatchIsPatched) {
  Bytes batch = batch_of(Codec::kLz4);
  test::poke<std::int16_t>(batch, kAttributesAt, static_cast<std::int16_t>(0xff93));
  Bytes untouched = batch;
  ASSERT_TRUE(validate_batch(untouched, {}, kNow).has_value());
  EXPECT_EQ(untouched, batch);
  test::poke<std::int64_t>(batch, kMaxTimestampAt, 5);
  const auto valid = validate_batch(batch, {}, kNow);
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->header.attributes, 0x13);
}

TEST(BatchValidator, IgnoresWhatFollowsTheBatch) {
  Bytes records = batch_of(Codec::kNone);
  const auto size = records.size();
  records.resize(size + 10, 0xaa);
  const auto valid = validate_batch(records, {.timestamp_type = TimestampType::kLogAppendTime}, kNow);
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->bytes.size(), size);
  EXPECT_TRUE(check_batch(valid->bytes).has_value());
}

TEST(BatchValidator, AnyBytesAreSafe) {
  Bytes nothing;
  EXPECT_EQ(refused_with(nothing), ErrorCode::kCorruptMessage);
  const Bytes batch = batch_of(Codec::kNone);
  for (std::size_t size = 0; size < batch.size(); ++size) {
    EXPECT_EQ(refused_with(Bytes(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size))),
              ErrorCode::kCorruptMessage);
  }
}

TEST(BatchFaults, HaveTheirCodes) {
  EXPECT_EQ(to_error_code(BatchFault::kInvalidRecord), ErrorCode::kInvalidRecord);
  EXPECT_EQ(to_error_code(BatchFault::kCorrupt), ErrorCode::kCorruptMessage);
  EXPECT_EQ(to_error_code(BatchFault::kTooLarge), ErrorCode::kMessageTooLarge);
  EXPECT_EQ(to_error_code(BatchFault::kLargerThanSegment), ErrorCode::kRecordListTooLarge);
  EXPECT_EQ(to_error_code(BatchFault::kInvalidTimestamp), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(to_error_code(BatchFault::kUnsupportedCodec), ErrorCode::kUnsupportedCompressionType);
}

}  // namespace
}  // namespace weir::record
