// A producer's batch of one codec, from any bytes: made whole (magic, length, codec, CRC) and then validated,
// re-encoded, read and searched. Checked: a refused batch is untouched; an accepted one has a right CRC, reads alike by
// both ways, and is accepted again unchanged. At exit it prints how often the validator accepted ("decoded") and
// refused.
//
//   byte 0: rules (bits below)   byte 1: bits 0-2 the codec to re-encode with, bit 3: the payload is plain records,
//   to be compressed first, so that mutations reach the records   then the batch: 61 bytes of header, payload
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fuzz/seeds.h"
#include "record/batch_builder.h"
#include "record/batch_validator.h"
#include "record/compression/deflater.h"
#include "record/control_batch.h"
#include "record/record_reader.h"
#include "record/timestamp_lookup.h"
#include "support/batch_factory.h"
#include "unit/record/golden_lines.h"

namespace weir::record {
namespace {

// Wide enough for the reader's window to grow, and no wider: a few bytes that inflate to it take all of an execution's
// time.
constexpr std::uint64_t kMaxInflatedBytes = 256 * kKiB;
constexpr std::int64_t kNow = 1'700'000'000'000;

enum RuleBits : std::uint8_t {
  kReEncode = 1,
  kCompacted = 2,
  kAppendTime = 4,
  kTightTimes = 8,
  kTightRecords = 16,
  kTightMessage = 32,
  kTightSegment = 64,
  kAsSent = 128,  // nothing is put right
};

constexpr Codec codec_named(std::string_view name) {
  for (std::uint8_t id = 0; id <= kCodecMax; ++id) {
    if (to_string(static_cast<Codec>(id)) == name) return static_cast<Codec>(id);
  }
  return Codec::kNone;
}
constexpr Codec kCodec = codec_named(WEIR_FUZZ_CODEC);

BatchRules rules_of(std::uint8_t bits, std::uint8_t target) {
  BatchRules rules;
  rules.keep_client_codec = (bits & kReEncode) == 0;
  rules.codec = static_cast<Codec>((target & 7) % (kCodecMax + 1));
  rules.compacted = (bits & kCompacted) != 0;
  rules.timestamp_type = (bits & kAppendTime) != 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
  if ((bits & kTightTimes) != 0) rules.timestamp_before_max_ms = 1000;
  if ((bits & kTightRecords) != 0) rules.max_decompressed_message_bytes = 100;
  if ((bits & kTightMessage) != 0) rules.max_message_bytes = 1000;
  if ((bits & kTightSegment) != 0) rules.segment_bytes = 500;
  rules.max_inflated_batch_bytes = kMaxInflatedBytes;
  return rules;
}

// What a zstd frame declares is reserved at once, and under ASan each reservation is paid for in full, 128 MiB with
// 20 ms and all above 128 KiB with a system call: the first frame's window is brought below 32 KiB. What wide ones do
// is left to the unit tests.
void narrow_zstd_window(Bytes& payload) {
  constexpr std::size_t kFlagsAt = 4;
  constexpr std::size_t kWindowAt = 5;
  constexpr std::uint8_t kWindow16Kib = 4 << 3;
  constexpr std::uint8_t kSingleSegment = 0x20;  // no window is declared: the content's size stands for it
  constexpr std::size_t kDictionaryIdBytes[] = {0, 1, 2, 4};
  constexpr std::size_t kContentSizeBytes[] = {1, 2, 4, 8};
  if (payload.size() <= kWindowAt) return;
  const std::uint8_t flags = payload[kFlagsAt];
  if ((flags & kSingleSegment) == 0) {
    payload[kWindowAt] = std::min(payload[kWindowAt], kWindow16Kib);
    return;
  }
  const std::size_t size_at = kWindowAt + kDictionaryIdBytes[flags & 3];
  const std::size_t size_end = std::min(payload.size(), size_at + kContentSizeBytes[flags >> 6]);
  if (size_at + 1 < size_end) payload[size_at + 1] &= 0x7f;
  for (std::size_t i = size_at + 2; i < size_end; ++i) payload[i] = 0;
}

// The input's batch with what a validator would stop at first put right.
Bytes made_whole(ByteView input, bool plain_payload) {
  Bytes padded(std::max(input.size(), kBatchHeaderBytes));
  std::copy(input.begin(), input.end(), padded.begin());
  const ByteView sent_payload = ByteView(padded).subspan(kBatchHeaderBytes);
  Bytes payload;
  if (plain_payload && kCodec != Codec::kNone) {
    CHECK(deflate(kCodec, default_level(kCodec), sent_payload, 64 * kMiB, payload).has_value());
  } else {
    payload.assign(sent_payload.begin(), sent_payload.end());
    if (kCodec == Codec::kZstd) narrow_zstd_window(payload);
  }
  BatchHeader header = BatchHeader::read(padded.data());
  header.base_offset = Offset{0};
  header.magic = kMagic;
  header.attributes = static_cast<std::int16_t>((header.attributes & ~7) | static_cast<int>(kCodec));
  if (header.records_count > 0 && header.records_count < 1'000'000) {
    header.last_offset_delta = header.records_count - 1;
  }
  return test::wrap_records(header, payload);
}

// Reads every record both ways; they must agree. False: the batch does not read.
bool reads_alike(ByteView batch) {
  auto by_next = RecordReader::open(batch, {.max_inflated_bytes = kMaxInflatedBytes});
  auto by_scan = RecordReader::open(batch, {.max_inflated_bytes = kMaxInflatedBytes});
  CHECK(by_next.has_value() == by_scan.has_value());
  if (!by_next) return false;
  RecordView record;
  Result<bool> more = true;
  const auto scanned = by_scan->scan([&](const RecordShape& shape) {
    more = by_next->next(record);
    CHECK(more.has_value() && *more, "scan reads a record that next does not");
    CHECK(shape.offset_delta == record.offset_delta && shape.timestamp_delta == record.timestamp_delta &&
          shape.has_key == record.key.has_value());
    if (record.key) (void)read_control_type(*record.key);
    if (record.value) (void)read_marker_epoch(*record.value);
    HeaderReader headers(record);
    while (headers.next()) {
    }
    return true;
  });
  more = by_next->next(record);
  CHECK(more.has_value() == scanned.has_value() && (!more || !*more), "next ends otherwise than scan");
  return scanned.has_value();
}

void check_lookups(ByteView batch) {
  const auto latest = find_max_timestamp_record(batch, kMaxInflatedBytes);
  if (!latest || !*latest) return;
  const auto found = find_record_by_timestamp(batch, (*latest)->timestamp_ms, Offset{INT64_MIN}, kMaxInflatedBytes);
  CHECK(found.has_value() && found->has_value() && (*found)->timestamp_ms == (*latest)->timestamp_ms &&
        (*found)->offset == (*latest)->offset);
}

std::uint64_t accepted_count = 0;
std::uint64_t refused_count = 0;

void check_validator(const Bytes& batch, const BatchRules& rules) {
  constexpr std::int16_t kBeforeZstd = 6;
  const auto shape = check_produce_shape(batch, 9);
  CHECK(shape.has_value() || !check_produce_shape(batch, kBeforeZstd), "an older Produce takes more");
  if (!shape) return void(++refused_count);
  Bytes patched = batch;
  const auto valid = validate_batch(patched, rules, kNow);
  ++(valid ? accepted_count : refused_count);
  if (!valid) {
    CHECK(patched == batch, "a refused batch was changed");
    CHECK(valid.error().records.size() <= 10'000);
    CHECK(to_error_code(valid.error().fault) != ErrorCode::kUnknownServerError);
    return;
  }
  const auto header = check_batch(valid->bytes);
  CHECK(header.has_value() && header->size_bytes() == valid->bytes.size());
  CHECK(header->max_timestamp == valid->max_timestamp_ms && header->crc == valid->header.crc);
  CHECK(reads_alike(valid->bytes), "an accepted batch does not read");
  if (rules.timestamp_type == TimestampType::kLogAppendTime) return;  // a client may not send its like again
  Bytes again(valid->bytes.begin(), valid->bytes.end());
  BatchRules same = rules;
  same.timestamp_before_max_ms = INT64_MAX;
  same.timestamp_after_max_ms = INT64_MAX;
  same.max_decompressed_message_bytes = INT32_MAX;  // did not hold while the batch was uncompressed
  const auto repeated = validate_batch(again, same, kNow);
  CHECK(repeated.has_value(), "an accepted batch is refused: {}", repeated.error().message);
  CHECK(repeated->rewritten.empty());
}

void run_one(ByteView input) {
  (void)check_batch(input);
  if (input.size() < 2) return;
  const BatchRules rules = rules_of(input[0], input[1]);
  const bool as_sent = (input[0] & kAsSent) != 0;
  const bool plain_payload = (input[1] & 8) != 0;
  input = input.subspan(2);
  const Bytes batch = as_sent ? Bytes(input.begin(), input.end()) : made_whole(input, plain_payload);
  check_validator(batch, rules);
  if (const auto header = check_batch(batch)) {
    (void)header->next_offset();  // sums of a client's numbers
    (void)header->last_sequence();
    (void)reads_alike(batch);
    check_lookups(batch);
  }
}

void add_seed(fuzz::SeedFolder& seeds, const std::string& name, std::uint8_t rules, std::uint8_t target,
              ByteView batch) {
  Bytes input{rules, target};
  input.insert(input.end(), batch.begin(), batch.end());
  seeds.add(name, input);
}

// A record of zeros, too large for the reader to parse it side by side, with a header behind them.
Bytes large_record_batch() {
  const Bytes zeros(60 * kKiB);
  const RecordHeader header{.key = "h", .value = ByteView(zeros).first(1)};
  BatchBuilder builder({.codec = kCodec});
  builder.append(
      NewRecord{.timestamp_ms = kNow, .key = std::nullopt, .value = ByteView(zeros), .headers = {&header, 1}});
  auto batch = std::move(builder).build();
  CHECK(batch.has_value());
  return *std::move(batch);
}

// Each golden batch of this codec as it is, and the uncompressed ones as records to compress.
void write_seeds(fuzz::SeedFolder& seeds) {
  if (kCodec != Codec::kNone) add_seed(seeds, "large-record", 0, 0, large_record_batch());
  for (const auto& [name, batch] : read_golden_lines()) {
    const BatchHeader header = BatchHeader::read(batch.data());
    if (header.codec() == kCodec) {
      add_seed(seeds, name, 0, 0, batch);
      add_seed(seeds, name + "-as-sent", kAsSent, 0, batch);
      for (std::uint8_t target = 0; target <= kCodecMax; ++target) {
        add_seed(seeds, name + "-re-encoded-" + std::to_string(target), kReEncode, target, batch);
      }
    }
    if (header.codec() == Codec::kNone) {
      add_seed(seeds, name + "-plain", kCompacted | kTightTimes, 8, batch);
      add_seed(seeds, name + "-append-time", kAppendTime | kTightRecords, 8, batch);
      add_seed(seeds, name + "-tight-message", kTightMessage, 8, batch);
      add_seed(seeds, name + "-tight-segment", kTightSegment, 8, batch);
    }
  }
}

void print_counts() {
  std::fprintf(stderr, "decoded batches of codec %s: %llu, refused %llu\n", WEIR_FUZZ_CODEC,
               static_cast<unsigned long long>(accepted_count), static_cast<unsigned long long>(refused_count));
}

}  // namespace
}  // namespace weir::record

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  weir::fuzz::write_seeds_if_asked(weir::record::write_seeds);
  return std::atexit(weir::record::print_counts);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::record::run_one({data, size});
  return 0;
}
