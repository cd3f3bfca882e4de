// Hostile record batches: wrong checksums, counts, offsets and lengths, and compressed data that lies or explodes.
#include <fmt/format.h>

#include <utility>

#include "clients/batch_bytes.h"
#include "clients/hostile_case.h"
#include "clients/wire_writer.h"

namespace weir::clients {
namespace {

constexpr std::uint64_t kBombBytes = 128 * kMiB;
constexpr std::uint64_t kLargeBombBytes = 300 * kMiB;
constexpr std::size_t kMessageBytesMax = 1048588;  // max.message.bytes
constexpr Codec kCodecs[] = {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

using enum ErrorCode;

BatchFields good_fields() {
  const auto now_ms = wall_ms();
  return {.base_timestamp_ms = now_ms, .max_timestamp_ms = now_ms};
}

Bytes good_record(std::int32_t offset_delta = 0) {
  return record_bytes(offset_delta, "key", as_bytes("value"));
}

// A good batch but for what `change` does to its fields; the checksum is right.
template <class Change>
BatchCase field_case(std::string name, std::vector<ErrorCode> answers, Change change) {
  return {std::move(name), std::move(answers), [change] {
            auto fields = good_fields();
            change(fields);
            return batch_bytes(fields, good_record());
          }};
}

// A good batch but for its length field, which lies outside the checksum.
BatchCase length_case(std::string name, std::vector<ErrorCode> answers, std::int32_t batch_length) {
  return {std::move(name), std::move(answers), [batch_length] {
            auto batch = batch_bytes(good_fields(), good_record());
            store_be(batch.data() + kBatchLengthAt, batch_length);
            return batch;
          }};
}

// A batch of one record whose bytes are put together by `write`.
template <class Write>
BatchCase record_case(std::string name, std::vector<ErrorCode> answers, Write write) {
  return {std::move(name), std::move(answers), [write] {
            WireWriter record;
            write(record);
            return batch_bytes(good_fields(), record.view());
          }};
}

void add_record_cases(std::vector<BatchCase>& to) {
  to.push_back(record_case("record_longer_than_batch", {}, [](WireWriter& w) {
    w.varint(1000).i8(0).varint(0).varint(0).varint(-1).varint(-1).varint(0);
  }));
  to.push_back(record_case("record_of_negative_length", {}, [](WireWriter& w) {
    w.varint(-7).i8(0).varint(0).varint(0).varint(-1).varint(-1).varint(0);
  }));
  to.push_back(record_case("record_with_key_past_its_end", {}, [](WireWriter& w) {
    w.varint(6).i8(0).varint(0).varint(0).varint(50).varint(-1).varint(0);
  }));
  to.push_back(record_case("record_with_value_of_2_gib", {}, [](WireWriter& w) {
    w.varint(10).i8(0).varint(0).varint(0).varint(-1).varint(0x7fffffff).varint(0);
  }));
  to.push_back(record_case("record_with_a_billion_headers", {}, [](WireWriter& w) {
    w.varint(10).i8(0).varint(0).varint(0).varint(-1).varint(-1).varint(1'000'000'000);
  }));
  to.push_back(record_case("record_with_negative_header_count", {}, [](WireWriter& w) {
    w.varint(6).i8(0).varint(0).varint(0).varint(-1).varint(-1).varint(-3);
  }));
  to.push_back(record_case("record_with_null_header_key", {}, [](WireWriter& w) {
    w.varint(8).i8(0).varint(0).varint(0).varint(-1).varint(-1).varint(1).varint(-1).varint(-1);
  }));
  to.push_back(record_case("record_with_overlong_varint", {}, [](WireWriter& w) { w.i64(-1).i64(-1); }));
  to.push_back(record_case("bytes_after_the_last_record", {}, [](WireWriter& w) { w.raw(good_record()).i32(0); }));
}

void add_length_cases(std::vector<BatchCase>& to) {
  const auto good_length = static_cast<std::int32_t>(batch_bytes(good_fields(), good_record()).size()) - 12;
  to.push_back(length_case("batch_length_negative", {kCorruptMessage, kInvalidRecord}, -1));
  to.push_back(length_case("batch_length_zero", {kCorruptMessage}, 0));
  to.push_back(length_case("batch_length_below_header", {kCorruptMessage}, 48));
  to.push_back(length_case("batch_length_one_less", {kCorruptMessage}, good_length - 1));
  to.push_back(length_case("batch_length_one_more", {kInvalidRecord}, good_length + 1));
  to.push_back(length_case("batch_length_2_gib", {}, 0x7fffffff));
  to.push_back({"records_empty", {kInvalidRecord}, [] { return Bytes{}; }});
  to.push_back({"two_batches", {kInvalidRecord}, [] {
                  auto batches = batch_bytes(good_fields(), good_record());
                  const auto second = batches;
                  batches.insert(batches.end(), second.begin(), second.end());
                  return batches;
                }});
  to.push_back({"batch_over_max_message_bytes", {kMessageTooLarge}, [] {
                  return batch_bytes(good_fields(), record_bytes(0, "", Bytes(kMessageBytesMax)));
                }});
}

// One record whose value is zeros, of about `size_bytes` in all.
Bytes record_of_zeros(std::uint64_t size_bytes) {
  WireWriter head;
  head.i8(0).varint(0).varint(0).varint(-1).varint(static_cast<std::int64_t>(size_bytes));
  WireWriter record;
  record.varint(static_cast<std::int64_t>(head.view().size() + size_bytes + 1)).raw(head.view());
  auto bytes = record.take();
  bytes.resize(bytes.size() + size_bytes + 1);  // the value, and a header count of 0
  return bytes;
}

Bytes compressed_batch(Codec codec, ByteView inflated, BatchFields fields = good_fields()) {
  fields.attributes = static_cast<std::int16_t>(codec);
  return batch_bytes(fields, compress(codec, inflated));
}

// `blob` stands where a codec's data belongs.
BatchCase blob_case(std::string name, Codec codec, Bytes blob) {
  return {std::move(name), {}, [codec, blob = std::move(blob)] {
            auto fields = good_fields();
            fields.attributes = static_cast<std::int16_t>(codec);
            return batch_bytes(fields, blob);
          }};
}

void add_bombs(std::vector<BatchCase>& to, Codec codec, const BrokerLimits& limits) {
  const auto named = [codec](std::string_view what) { return fmt::format("{}_{}", to_string(codec), what); };
  // Snappy packs zeros 21 to 1, so that bombs of this size are over max.message.bytes.
  const bool packs_well = codec != Codec::kSnappy;
  to.push_back({named("bomb_of_zeros"), {}, [codec] { return compressed_batch(codec, Bytes(kBombBytes)); }});
  std::vector<ErrorCode> answers{packs_well ? kNone : kMessageTooLarge};
  to.push_back({named("bomb_in_one_record"), std::move(answers),
                [codec] { return compressed_batch(codec, record_of_zeros(kBombBytes)); }});
  const bool bounded = limits.inflated_batch_bytes_max != 0 && limits.inflated_batch_bytes_max < kLargeBombBytes;
  const bool fits = codec == Codec::kGzip || codec == Codec::kZstd;  // below max.message.bytes, when compressed
  std::vector<ErrorCode> large_answers{fits && !bounded ? kNone : kMessageTooLarge};
  to.push_back({named("large_bomb_in_one_record"), std::move(large_answers),
                [codec] { return compressed_batch(codec, record_of_zeros(kLargeBombBytes)); }});
}

void add_lies(std::vector<BatchCase>& to, Codec codec) {
  const auto named = [codec](std::string_view what) { return fmt::format("{}_{}", to_string(codec), what); };
  to.push_back(blob_case(named("of_garbage"), codec, Bytes(200, 0xa5)));
  to.push_back(blob_case(named("of_nothing"), codec, {}));
  auto cut = compress(codec, good_record());
  cut.resize(cut.size() / 2);
  to.push_back(blob_case(named("cut_in_half"), codec, std::move(cut)));
  to.push_back({named("with_a_billion_records_declared"), {kInvalidRecord}, [codec] {
                  auto fields = good_fields();
                  fields.records_count = 1'000'000'000;
                  fields.last_offset_delta = fields.records_count - 1;
                  return compressed_batch(codec, good_record(), fields);
                }});
  to.push_back({named("with_a_record_less"), {kInvalidRecord}, [codec] {
                  auto fields = good_fields();
                  fields.records_count = 2;
                  fields.last_offset_delta = 1;
                  return compressed_batch(codec, good_record(), fields);
                }});
  to.push_back({named("with_wrong_offset_deltas"), {kInvalidRecord, kUnknownServerError}, [codec] {
                  return compressed_batch(codec, good_record(7));
                }});
}

// Headers that declare sizes which nothing of the data bears out.
void add_declared_sizes(std::vector<BatchCase>& to) {
  to.push_back(blob_case("snappy_declares_4_gib", Codec::kSnappy, {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 'x'}));
  const auto xerial = [](std::int32_t block_bytes) {
    constexpr std::uint8_t kMagic[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
    return WireWriter().raw(kMagic).i32(1).i32(1).i32(block_bytes).i32(0).take();
  };
  to.push_back(blob_case("snappy_block_of_2_gib", Codec::kSnappy, xerial(0x7fffffff)));
  to.push_back(blob_case("snappy_block_of_negative_length", Codec::kSnappy, xerial(-1)));
  constexpr std::uint8_t kWindow2Gib = 21 << 3;  // exponent 21: 2^(10+21) bytes
  to.push_back(
      blob_case("zstd_window_of_2_gib", Codec::kZstd, {0x28, 0xb5, 0x2f, 0xfd, 0x00, kWindow2Gib, 0x01, 0x00, 0x00}));
  to.push_back(blob_case("zstd_declares_4_eib", Codec::kZstd,
                         {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x01, 0x00, 0x00}));
}

// Every one of a million records is wrong: the list of record errors in the answer must not grow without bound.
BatchCase a_million_bad_timestamps() {
  return {"a_million_bad_timestamps", {kInvalidTimestamp}, [] {
            constexpr std::int32_t kRecords = 1'000'000;
            Bytes records;
            for (std::int32_t i = 0; i < kRecords; ++i) {
              const auto record = record_bytes(i, "", {});
              records.insert(records.end(), record.begin(), record.end());
            }
            auto fields = good_fields();
            fields.base_timestamp_ms += 86'400'000;  // a day; message.timestamp.after.max.ms is an hour
            fields.max_timestamp_ms = fields.base_timestamp_ms;
            fields.records_count = kRecords;
            fields.last_offset_delta = kRecords - 1;
            return compressed_batch(Codec::kZstd, records, fields);
          }};
}

}  // namespace

std::vector<BatchCase> batch_cases() {
  std::vector<BatchCase> cases;
  cases.push_back({"wrong_crc", {kCorruptMessage}, [] {
                     auto batch = batch_bytes(good_fields(), good_record());
                     batch[kCrcAt] = static_cast<std::uint8_t>(batch[kCrcAt] ^ 1);
                     return batch;
                   }});
  const auto field = [&cases](std::string name, std::vector<ErrorCode> answers, auto change) {
    cases.push_back(field_case(std::move(name), std::move(answers), change));
  };
  field("count_one_more", {kInvalidRecord}, [](BatchFields& f) { f.records_count = 2; });
  field("count_zero", {kInvalidRecord}, [](BatchFields& f) { f.records_count = 0; });
  field("count_negative", {kInvalidRecord}, [](BatchFields& f) { f.records_count = -1; });
  field("a_record_less_than_declared", {kInvalidRecord},
        [](BatchFields& f) { f.records_count = 2, f.last_offset_delta = 1; });
  field("a_billion_records_declared", {kInvalidRecord},
        [](BatchFields& f) { f.records_count = 1'000'000'000, f.last_offset_delta = 999'999'999; });
  field("last_offset_delta_negative", {kInvalidRecord}, [](BatchFields& f) { f.last_offset_delta = -1; });
  field("last_offset_delta_large", {kInvalidRecord}, [](BatchFields& f) { f.last_offset_delta = 0x7fffffff; });
  field("base_offset_not_zero", {kInvalidRecord}, [](BatchFields& f) { f.base_offset = 5; });
  field("base_offset_negative", {kInvalidRecord}, [](BatchFields& f) { f.base_offset = -1; });
  field("control_batch", {kInvalidRecord}, [](BatchFields& f) { f.attributes = 0x20; });
  field("producer_without_sequence", {kInvalidRecord}, [](BatchFields& f) { f.producer_id = 1, f.producer_epoch = 0; });
  field("timestamp_in_the_future", {kInvalidTimestamp}, [](BatchFields& f) { f.base_timestamp_ms += 86'400'000; });
  field("magic_0", {kInvalidRecord}, [](BatchFields& f) { f.magic = 0; });
  field("magic_1", {kInvalidRecord}, [](BatchFields& f) { f.magic = 1; });
  field("magic_3", {kCorruptMessage}, [](BatchFields& f) { f.magic = 3; });
  field("magic_negative", {}, [](BatchFields& f) { f.magic = -1; });
  for (std::int16_t codec = 5; codec <= 7; ++codec) {
    field(fmt::format("codec_{}", codec), {kUnsupportedCompressionType, kUnknownServerError},
          [codec](BatchFields& f) { f.attributes = codec; });
  }
  cases.push_back({"a_record_more_than_declared", {kInvalidRecord}, [] {
                     auto records = good_record(0);
                     const auto second = good_record(1);
                     records.insert(records.end(), second.begin(), second.end());
                     return batch_bytes(good_fields(), records);
                   }});
  add_length_cases(cases);
  add_record_cases(cases);
  return cases;
}

std::vector<BatchCase> compressed_cases(const BrokerLimits& limits) {
  std::vector<BatchCase> cases;
  for (const auto codec : kCodecs) add_lies(cases, codec);
  add_declared_sizes(cases);
  for (const auto codec : kCodecs) add_bombs(cases, codec, limits);
  cases.push_back(a_million_bad_timestamps());
  return cases;
}

}  // namespace weir::clients
