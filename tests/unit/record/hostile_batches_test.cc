// Goal: records that lie about themselves under a valid CRC are refused by every way of reading them, small or larger
// than the window, plain or compressed. Method: one flaw at a time, in every place of a record, then random damage.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "record/batch_validator.h"
#include "record/compression/deflater.h"
#include "record/record_reader.h"
#include "record/timestamp_lookup.h"
#include "support/batch_factory.h"
#include "support/seed.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};
constexpr std::int64_t kNow = kGoldenFirstTimestampMs;

// Writes a record number by number, so that a test can put a wrong one anywhere.
class RecordWriter {
 public:
  RecordWriter& number(std::int64_t value) {
    std::uint8_t encoded[10];
    return raw(ByteView(encoded, encode_varlong(encoded, value)));
  }
  RecordWriter& text(std::string_view text) { return raw(as_bytes(text)); }
  RecordWriter& raw(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  // The body behind its length, which is `wrong_by` off.
  [[nodiscard]] Bytes record(int wrong_by = 0) const {
    RecordWriter whole;
    whole.number(static_cast<std::int64_t>(bytes_.size()) + wrong_by).raw(bytes_);
    return whole.bytes();
  }

 private:
  Bytes bytes_;
};

// A body up to and with its value; `value_bytes` decides whether it fits the window.
RecordWriter body(std::int64_t timestamp_delta, std::int64_t offset_delta, std::size_t value_bytes) {
  RecordWriter writer;
  writer.raw(Bytes{0}).number(timestamp_delta).number(offset_delta).number(3).text("key");
  writer.number(static_cast<std::int64_t>(value_bytes)).text(std::string(value_bytes, 'v'));
  return writer;
}

Bytes batch_around(Codec codec, const Bytes& records, std::int32_t count) {
  BatchHeader header;
  header.attributes = static_cast<std::int16_t>(codec);
  header.base_timestamp = kNow;
  header.max_timestamp = kNow;
  header.records_count = count;
  header.last_offset_delta = count - 1;
  if (codec == Codec::kNone) return test::wrap_records(header, records);
  Bytes payload;
  EXPECT_TRUE(deflate(codec, default_level(codec), records, 64 * kMiB, payload));
  return test::wrap_records(header, payload);
}

Result<void> read_by_next(ByteView batch) {
  WEIR_TRY_ASSIGN(reader, RecordReader::open(batch, {.max_inflated_bytes = 16 * kMiB}));
  RecordView record;
  while (true) {
    WEIR_TRY_ASSIGN(more, reader.next(record));
    if (!more) return {};
    HeaderReader headers(record);
    while (headers.next()) {
    }
  }
}

Result<void> read_by_scan(ByteView batch) {
  WEIR_TRY_ASSIGN(reader, RecordReader::open(batch, {.max_inflated_bytes = 16 * kMiB}));
  return reader.scan([](const RecordShape&) { return true; });
}

void expect_refused(const std::string& what, const Bytes& records, std::int32_t count) {
  for (const auto codec : kCodecs) {
    const std::string where = what + ", " + std::string(to_string(codec));
    const Bytes batch = batch_around(codec, records, count);
    const auto by_next = read_by_next(batch);
    const auto by_scan = read_by_scan(batch);
    ASSERT_FALSE(by_next.has_value()) << where;
    ASSERT_FALSE(by_scan.has_value()) << where;
    EXPECT_EQ(by_next.error().code, Errc::kCorrupt) << where;
    EXPECT_EQ(by_scan.error().code, Errc::kCorrupt) << where;
    for (const bool keep : {true, false}) {
      Bytes copy = batch;
      const auto valid = validate_batch(copy, {.keep_client_codec = keep, .codec = Codec::kLz4}, kNow);
      ASSERT_FALSE(valid.has_value()) << where;
      EXPECT_EQ(to_error_code(valid.error().fault), ErrorCode::kInvalidRecord) << where;
      EXPECT_TRUE(valid.error().records.empty()) << where;
      EXPECT_EQ(copy, batch) << where;
    }
  }
}

const Bytes kOverlong32 = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
const Bytes kOverlong64 = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};

class HostileRecords : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(ValueBytes, HostileRecords, testing::Values(5, 60'000, 120'000));

TEST_P(HostileRecords, ControlSampleIsTaken) {
  const Bytes record = body(0, 0, GetParam()).number(1).number(1).text("h").number(-1).record();
  for (const auto codec : kCodecs) {
    Bytes batch = batch_around(codec, record, 1);
    EXPECT_TRUE(read_by_next(batch).has_value());
    EXPECT_TRUE(read_by_scan(batch).has_value());
    EXPECT_TRUE(validate_batch(batch, {}, kNow).has_value());
  }
}

TEST_P(HostileRecords, Lengths) {
  const auto whole = body(0, 0, GetParam()).number(0);
  expect_refused("length one more", whole.record(1), 1);
  expect_refused("length one less", whole.record(-1), 1);
  expect_refused("length zero", RecordWriter().number(0).raw(whole.bytes()).bytes(), 1);
  expect_refused("length negative", RecordWriter().number(-5).raw(whole.bytes()).bytes(), 1);
  expect_refused("length of 2 GiB", RecordWriter().number(INT32_MAX).raw(whole.bytes()).bytes(), 1);
  expect_refused("length overlong", RecordWriter().raw(kOverlong32).raw(whole.bytes()).bytes(), 1);
  expect_refused("a byte behind", RecordWriter().raw(whole.record()).raw(Bytes{0}).bytes(), 1);
  expect_refused("a record behind", RecordWriter().raw(whole.record()).raw(whole.record()).bytes(), 1);
  expect_refused("one record for two", whole.record(), 2);
  expect_refused("nothing", {}, 1);
}

TEST_P(HostileRecords, Numbers) {
  const std::string value(GetParam(), 'v');
  const auto rest = [&](RecordWriter writer) {
    return writer.number(-1).number(static_cast<std::int64_t>(value.size())).text(value).number(0).record();
  };
  expect_refused("overlong timestamp", rest(RecordWriter().raw(Bytes{0}).raw(kOverlong64).number(0)), 1);
  expect_refused("overlong offset", rest(RecordWriter().raw(Bytes{0}).number(0).raw(kOverlong32)), 1);
  expect_refused("overlong key", RecordWriter().raw(Bytes{0}).number(0).number(0).raw(kOverlong32).text(value).record(),
                 1);
  expect_refused("overlong value",
                 RecordWriter().raw(Bytes{0}).number(0).number(0).number(-1).raw(kOverlong32).text(value).record(), 1);
  expect_refused("overlong header count", body(0, 0, GetParam()).raw(kOverlong32).record(), 1);
  expect_refused("overlong header key", body(0, 0, GetParam()).number(1).raw(kOverlong32).record(), 1);
  expect_refused("overlong header value", body(0, 0, GetParam()).number(1).number(0).raw(kOverlong32).record(), 1);
  expect_refused("number cut by the record's end", body(0, 0, GetParam()).raw(Bytes{0x80}).record(), 1);
}

TEST_P(HostileRecords, Fields) {
  const std::string value(GetParam(), 'v');
  expect_refused("key past the end",
                 RecordWriter().raw(Bytes{0}).number(0).number(0).number(1 << 20).text(value).number(0).record(), 1);
  expect_refused("value past the end",
                 RecordWriter().raw(Bytes{0}).number(0).number(0).number(-1).number(1 << 20).text(value).record(), 1);
  expect_refused("no header count", body(0, 0, GetParam()).record(), 1);
  expect_refused("negative header count", body(0, 0, GetParam()).number(-1).record(), 1);
  expect_refused("more headers than there are", body(0, 0, GetParam()).number(2).number(0).number(-1).record(), 1);
  expect_refused("2 GiB headers", body(0, 0, GetParam()).number(INT32_MAX).number(0).number(-1).record(), 1);
  expect_refused("fewer headers than there are",
                 body(0, 0, GetParam()).number(1).number(0).number(-1).number(0).number(-1).record(), 1);
  expect_refused("null header key", body(0, 0, GetParam()).number(1).number(-1).number(-1).record(), 1);
  expect_refused("header key past the end", body(0, 0, GetParam()).number(1).number(99).number(-1).record(), 1);
  expect_refused("header value past the end", body(0, 0, GetParam()).number(1).number(0).number(99).record(), 1);
}

TEST_P(HostileRecords, FlawBehindGoodRecords) {
  RecordWriter records;
  for (int i = 0; i < 4; ++i) records.raw(body(i, i, GetParam()).number(0).record());
  records.raw(body(4, 4, GetParam()).number(0).record(-1));
  expect_refused("fifth record", records.bytes(), 5);
}

// Kafka takes any negative length for null.
TEST(OddRecords, NegativeLengthsAreNull) {
  const Bytes record = RecordWriter()
                           .raw(Bytes{0x5a})
                           .number(0)
                           .number(0)
                           .number(-7)
                           .number(INT32_MIN)
                           .number(1)
                           .number(0)
                           .number(-2)
                           .record();
  const auto records = read_all(batch_around(Codec::kNone, record, 1));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key, std::nullopt);
  EXPECT_EQ(records[0].value, std::nullopt);
  EXPECT_EQ(records[0].headers, (std::vector<PlainHeader>{{"", std::nullopt}}));
}

TEST(HostileBatches, DataThatDoesNotInflate) {
  const Bytes record = body(0, 0, 200).number(0).record();
  for (const auto codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const Bytes good = batch_around(codec, record, 1);
    const Bytes payload(test::records_of(good).begin(), test::records_of(good).end());
    for (std::size_t size = 0; size < payload.size(); ++size) {
      Bytes cut = test::wrap_records(BatchHeader::read(good.data()), ByteView(payload).first(size));
      const auto valid = validate_batch(cut, {}, kNow);
      ASSERT_FALSE(valid.has_value()) << to_string(codec) << " cut at " << size;
      EXPECT_EQ(to_error_code(valid.error().fault), ErrorCode::kInvalidRecord) << to_string(codec) << size;
    }
    Bytes longer = payload;
    longer.push_back(0);
    longer = test::wrap_records(BatchHeader::read(good.data()), longer);
    EXPECT_EQ(to_error_code(validate_batch(longer, {}, kNow).error().fault), ErrorCode::kInvalidRecord);
  }
}

TEST(HostileBatches, BombsAreTooLarge) {
  const Bytes bomb = body(0, 0, 100 * kMiB).number(0).record();
  for (const auto codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    Bytes batch = batch_around(codec, bomb, 1);
    BatchRules rules{.max_message_bytes = 64 * 1024 * 1024, .max_inflated_batch_bytes = 32 * kMiB};
    EXPECT_EQ(validate_batch(batch, rules, kNow).error().fault, BatchFault::kTooLarge) << to_string(codec);
    rules.keep_client_codec = false;
    EXPECT_EQ(validate_batch(batch, rules, kNow).error().fault, BatchFault::kTooLarge) << to_string(codec);
    EXPECT_EQ(find_max_timestamp_record(batch, 32 * kMiB).error().code, Errc::kTooLarge) << to_string(codec);
    rules = {.max_message_bytes = 64 * 1024 * 1024};
    EXPECT_TRUE(validate_batch(batch, rules, kNow).has_value()) << to_string(codec);
  }
}

// Damage under a right CRC: never a crash, and what is accepted can be read again and is stable.
void damage_and_check(std::mt19937_64& random, Bytes batch) {
  const int flips = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < flips; ++i) {
    const std::size_t at = kCrcStart + random() % (batch.size() - kCrcStart);
    batch[at] = random() % 2 == 0 ? static_cast<std::uint8_t>(random())
                                  : static_cast<std::uint8_t>(batch[at] ^ (1 << (random() % 8)));
  }
  if (random() % 4 == 0) {
    batch.resize(kBatchHeaderBytes + random() % (batch.size() - kBatchHeaderBytes));
    store_be(batch.data() + 8, static_cast<std::int32_t>(batch.size() - kBatchLengthEnd));
  }
  test::fix_crc(batch);
  BatchRules rules{.keep_client_codec = random() % 2 == 0,
                   .codec = kCodecs[random() % 5],
                   .codec_level = {},
                   .compacted = random() % 4 == 0,
                   .timestamp_type = random() % 4 == 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime,
                   .max_inflated_batch_bytes = 8 * kMiB};
  (void)find_max_timestamp_record(batch, 8 * kMiB);
  (void)read_by_next(batch);
  const auto valid = validate_batch(batch, rules, kNow);
  if (!valid) return;
  ASSERT_TRUE(check_batch(valid->bytes).has_value());
  ASSERT_TRUE(read_by_next(valid->bytes).has_value());
  ASSERT_TRUE(read_by_scan(valid->bytes).has_value());
}

TEST(HostileBatches, RandomDamageUnderARightCrc) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  std::vector<const Bytes*> goldens;
  for (const auto& [name, batch] : golden_batches()) {
    if (!name.starts_with("control")) goldens.push_back(&batch);
  }
  for (int i = 0; i < 20'000 && !testing::Test::HasFatalFailure(); ++i) {
    damage_and_check(random, *goldens[random() % goldens.size()]);
  }
}

// Without a right CRC nothing is accepted.
TEST(HostileBatches, EveryFlippedBitOfAGoldenBatchIsSeen) {
  for (const auto* name :
       {"none-idempotent", "gzip-idempotent", "snappy-idempotent", "lz4-idempotent", "zstd-idempotent"}) {
    const Bytes& golden = golden_batch(name);
    for (std::size_t bit = 0; bit < golden.size() * 8; ++bit) {
      if (bit / 8 >= kBatchLengthEnd && bit / 8 < 16) continue;  // the leader epoch is the broker's to write
      Bytes broken = golden;
      broken[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      const bool taken = check_produce_shape(broken, 9).has_value() && validate_batch(broken, {}, kNow).has_value();
      EXPECT_FALSE(taken) << name << " bit " << bit;
    }
  }
}

}  // namespace
}  // namespace weir::record
