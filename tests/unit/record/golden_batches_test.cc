// Batches made by Apache Kafka's classes must read as what was put into them, pass the validator untouched, and be what
// our own builder makes of the same records.
#include "unit/record/golden_batches.h"

#include <gtest/gtest.h>

#include "record/batch_builder.h"
#include "record/batch_validator.h"
#include "record/record_reader.h"
#include "support/batch_factory.h"

namespace weir::record {
namespace {

bool is_control(const std::string& name) {
  return name.starts_with("control");
}
bool is_big(const std::string& name) {
  return name.ends_with("-big");
}

// What a client sends: neither control batches nor LogAppendTime.
bool is_producers(const std::string& name) {
  return !is_control(name) && !name.ends_with("append-time");
}

std::vector<PlainRecord> expected_records(const std::string& name, std::int32_t count) {
  std::vector<PlainRecord> records;
  for (std::int32_t i = 0; i < count; ++i) {
    records.push_back(is_big(name) && i == 1 ? golden_big_record() : golden_record(i));
    if (name.ends_with("append-time")) records.back().timestamp_ms = kGoldenFirstTimestampMs + 99999;
    if (name.ends_with("-1")) records.back() = golden_record(1);
  }
  if (name.ends_with("-1")) records.back().offset_delta = 0;
  return records;
}

TEST(GoldenBatches, AllAreThere) {
  EXPECT_EQ(golden_batches().size(), 45u);
}

TEST(GoldenBatches, HeadersHold) {
  for (const auto& [name, batch] : golden_batches()) {
    const auto header = check_batch(batch);
    ASSERT_TRUE(header.has_value()) << name << ": " << to_string(header.error());
    EXPECT_EQ(header->size_bytes(), batch.size()) << name;
    EXPECT_EQ(header->is_control(), is_control(name)) << name;
  }
}

TEST(GoldenBatches, FieldsAreWhatWasWritten) {
  const auto header = check_batch(golden_batch("zstd-transactional"));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->codec(), Codec::kZstd);
  EXPECT_TRUE(header->is_transactional());
  EXPECT_EQ(header->producer_id, ProducerId{4711});
  EXPECT_EQ(header->producer_epoch, ProducerEpoch{3});
  EXPECT_EQ(header->base_sequence, 0);
  EXPECT_EQ(header->last_offset_delta, 4);
  EXPECT_EQ(header->records_count, 5);
  EXPECT_EQ(header->base_timestamp, kGoldenFirstTimestampMs);
  EXPECT_EQ(header->max_timestamp, kGoldenFirstTimestampMs + 28);

  const auto appended = check_batch(golden_batch("none-append-time"));
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(appended->timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_EQ(appended->max_timestamp, kGoldenFirstTimestampMs + 99999);
  EXPECT_EQ(appended->leader_epoch, LeaderEpoch{12});
}

TEST(GoldenBatches, SequencesWrap) {
  const auto header = check_batch(golden_batch("none-idempotent"));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->base_sequence, 2147483646);
  EXPECT_EQ(header->last_sequence(), 2);
}

TEST(GoldenBatches, RecordsAreWhatWasWritten) {
  for (const auto& [name, batch] : golden_batches()) {
    if (is_control(name)) continue;
    const auto count = BatchHeader::read(batch.data()).records_count;
    EXPECT_EQ(read_all(batch), expected_records(name, count)) << name;
  }
}

TEST(GoldenBatches, ScanAgreesWithNext) {
  for (const auto& [name, batch] : golden_batches()) {
    auto reader = RecordReader::open(batch, {.max_inflated_bytes = kMiB});
    ASSERT_TRUE(reader.has_value()) << name;
    std::vector<RecordShape> shapes;
    ASSERT_TRUE(reader->scan([&](const RecordShape& shape) {
      shapes.push_back(shape);
      return true;
    })) << name;
    const auto records = read_all(batch);
    ASSERT_EQ(shapes.size(), records.size()) << name;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      EXPECT_EQ(shapes[i].offset_delta, records[i].offset_delta) << name;
      EXPECT_EQ(shapes[i].has_key, records[i].key.has_value()) << name;
      EXPECT_EQ(reader->timestamp_ms(shapes[i].timestamp_delta), records[i].timestamp_ms) << name;
    }
  }
}

TEST(GoldenBatches, ValidatorTakesThemUntouched) {
  for (const auto& [name, golden] : golden_batches()) {
    if (!is_producers(name)) continue;
    Bytes batch = golden;
    ASSERT_TRUE(check_produce_shape(batch, 9).has_value()) << name;
    const auto valid = validate_batch(batch, BatchRules{}, kGoldenFirstTimestampMs);
    ASSERT_TRUE(valid.has_value()) << name << ": " << valid.error().message;
    EXPECT_EQ(batch, golden) << name;
    EXPECT_TRUE(valid->rewritten.empty()) << name;
    EXPECT_EQ(valid->bytes.data(), batch.data()) << name;
  }
}

// Builds the records of `batch` anew with our builder.
Result<Bytes> rebuilt(const Bytes& batch, Codec codec) {
  const BatchHeader header = BatchHeader::read(batch.data());
  BatchBuilder builder({.codec = codec,
                        .level = std::nullopt,
                        .timestamp_type = header.timestamp_type(),
                        .log_append_time_ms = header.max_timestamp,
                        .base_offset = header.base_offset,
                        .leader_epoch = header.leader_epoch,
                        .producer_id = header.producer_id,
                        .producer_epoch = header.producer_epoch,
                        .base_sequence = header.base_sequence,
                        .transactional = header.is_transactional(),
                        .control = header.is_control()});
  auto reader = RecordReader::open(batch, {.max_inflated_bytes = kMiB});
  if (!reader) return std::unexpected(reader.error());
  RecordView record;
  while (true) {
    WEIR_TRY_ASSIGN(more, reader->next(record));
    if (!more) break;
    // Not the reader's effective time: Kafka writes LogAppendTime batches with the records' own times inside.
    builder.append(record, header.base_timestamp + record.timestamp_delta);
  }
  return std::move(builder).build();
}

TEST(GoldenBatches, BuilderMakesTheSameUncompressedBytes) {
  for (const auto& [name, golden] : golden_batches()) {
    if (!name.starts_with("none") && !is_control(name)) continue;
    const auto batch = rebuilt(golden, Codec::kNone);
    ASSERT_TRUE(batch.has_value()) << name;
    EXPECT_EQ(*batch, golden) << name;
  }
}

TEST(GoldenBatches, EveryCodecHoldsTheSameRecords) {
  const Bytes& golden = golden_batch("none-100");
  for (const auto codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const auto batch = rebuilt(golden, codec);
    ASSERT_TRUE(batch.has_value());
    EXPECT_LT(batch->size(), golden.size() / 3) << to_string(codec);
    ASSERT_TRUE(check_batch(*batch).has_value());
    EXPECT_EQ(read_all(*batch), read_all(golden)) << to_string(codec);
  }
}

}  // namespace
}  // namespace weir::record
