#include "record/batch_validator.h"

#include <fmt/core.h>

#include <algorithm>

#include "record/batch_builder.h"
#include "record/record_reader.h"

namespace weir::record {

namespace {

// The smallest size field that any format's batch can have, and the bytes up to the magic.
constexpr std::int32_t kLengthFieldMin = 14;
constexpr std::size_t kMagicEnd = 17;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kLengthAt = 8;

constexpr std::int16_t kFirstVersionWithZstd = 7;

// A batch of a megabyte can hold tens of millions of refused records when it is compressed; clients need to hear of
// enough of them to act, not of all.
constexpr std::size_t kRecordFaultsMax = 10'000;

std::unexpected<BatchRefusal> refuse(BatchFault fault, std::string message) {
  return std::unexpected(BatchRefusal{fault, std::move(message), {}});
}

// What stops the reading of records, as the refusal that the client gets.
std::unexpected<BatchRefusal> refuse(Error error) {
  const bool too_large = error.code == Errc::kTooLarge;
  return refuse(too_large ? BatchFault::kTooLarge : BatchFault::kInvalidRecord, std::move(error.context));
}

enum class Front { kBatch, kNothingWhole, kCorrupt };

// What stands at the front of a records field: a whole batch of any format, an incomplete one or nothing, or bytes that
// can't be a batch.
Front look_at_front(ByteView records) {
  if (records.size() < kBatchLengthEnd) return Front::kNothingWhole;
  const auto length = load_be<std::int32_t>(records.data() + kLengthAt);
  if (length < kLengthFieldMin) return Front::kCorrupt;
  if (records.size() < kMagicEnd) return Front::kNothingWhole;
  const auto magic = load_be<std::int8_t>(records.data() + kMagicAt);
  if (magic < 0 || magic > kMagic) return Front::kCorrupt;
  return records.size() - kBatchLengthEnd < static_cast<std::size_t>(length) ? Front::kNothingWhole : Front::kBatch;
}

std::expected<void, BatchRefusal> check_header(ByteView batch, const BatchHeader& header, const BatchRules& rules) {
  if (header.base_offset != Offset{0}) {
    return refuse(BatchFault::kInvalidRecord,
                  fmt::format("a producer's batch starts at offset {}, not 0", header.base_offset.value()));
  }
  if (batch.size() > static_cast<std::uint64_t>(std::max(rules.max_message_bytes, 0))) {
    return refuse(BatchFault::kTooLarge, fmt::format("a batch of {} bytes where max.message.bytes is {}", batch.size(),
                                                     rules.max_message_bytes));
  }
  if (batch.size() < kBatchHeaderBytes) {
    return refuse(BatchFault::kCorrupt, fmt::format("a batch of {} bytes, less than its header", batch.size()));
  }
  if (const auto crc = batch_crc(batch); crc != header.crc) {
    return refuse(BatchFault::kCorrupt, fmt::format("batch CRC is {:#x}, its bytes give {:#x}", header.crc, crc));
  }
  if (header.codec_bits() > kCodecMax) {
    return refuse(BatchFault::kUnsupportedCodec, fmt::format("codec id {} does not exist", header.codec_bits()));
  }
  const std::int64_t offsets_count = std::int64_t{header.last_offset_delta} + 1;
  if (offsets_count <= 0 || header.records_count <= 0 || offsets_count != header.records_count) {
    return refuse(BatchFault::kInvalidRecord, fmt::format("a batch of {} records whose last offset delta is {}",
                                                          header.records_count, header.last_offset_delta));
  }
  if (header.is_control()) return refuse(BatchFault::kInvalidRecord, "clients may not write control records");
  if (header.has_producer() && header.base_sequence < 0) {
    return refuse(BatchFault::kInvalidRecord,
                  fmt::format("producer {} sent base sequence {}", header.producer_id.value(), header.base_sequence));
  }
  return {};
}

// Judges records one by one and keeps what was found.
class RecordJudge {
 public:
  RecordJudge(const BatchRules& rules, const BatchHeader& header, std::int64_t now_ms)
      : rules_(rules),
        now_ms_(now_ms),
        create_time_(rules.timestamp_type == TimestampType::kCreateTime),
        client_says_append_time_(header.timestamp_type() == TimestampType::kLogAppendTime) {}

  void judge(const RecordShape& shape, std::int64_t timestamp_ms) {
    const std::int32_t index = count_++;
    in_order_ &= shape.offset_delta == index;
    max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
    if (rules_.compacted && !shape.has_key) [[unlikely]] {
      if (count_fault()) list_fault(index, "a compacted topic takes no record without a key");
      return;
    }
    if (create_time_ && timestamp_ms != kNoTimestamp) {
      if (out_of_range(timestamp_ms)) [[unlikely]]
        add_range_fault(index, timestamp_ms);
    } else if (client_says_append_time_) [[unlikely]] {
      has_bad_timestamp_ = true;
      if (count_fault()) list_fault(index, "a producer may not set the timestamp type LogAppendTime");
    }
  }

  [[nodiscard]] bool clean() const { return faults_count_ == 0; }
  [[nodiscard]] bool in_order() const { return in_order_; }  // offset deltas are 0, 1, 2...
  [[nodiscard]] std::int64_t max_timestamp_ms() const { return max_timestamp_ms_; }

  [[nodiscard]] std::unexpected<BatchRefusal> refusal() && {
    const auto fault = has_bad_timestamp_ ? BatchFault::kInvalidTimestamp : BatchFault::kInvalidRecord;
    const auto why = has_bad_timestamp_ ? "some with a timestamp that is not allowed" : "none with a bad timestamp";
    return std::unexpected(BatchRefusal{
        fault, fmt::format("{} of {} records were refused, {}", faults_count_, count_, why), std::move(faults_)});
  }

 private:
  // Differences wrap as in Java, so that "no limit" (INT64_MAX) holds for every timestamp.
  [[nodiscard]] bool out_of_range(std::int64_t timestamp_ms) const {
    const auto age = static_cast<std::uint64_t>(now_ms_) - static_cast<std::uint64_t>(timestamp_ms);
    return static_cast<std::int64_t>(age) > rules_.timestamp_before_max_ms ||
           static_cast<std::int64_t>(0 - age) > rules_.timestamp_after_max_ms;
  }

  void add_range_fault(std::int32_t index, std::int64_t timestamp_ms) {
    has_bad_timestamp_ = true;
    if (!count_fault()) return;
    list_fault(index, fmt::format("timestamp {} is more than {} ms before or {} ms after the broker's {}", timestamp_ms,
                                  rules_.timestamp_before_max_ms, rules_.timestamp_after_max_ms, now_ms_));
  }

  // True while faults are still listed; beyond that no message is worth making.
  bool count_fault() { return ++faults_count_ <= kRecordFaultsMax; }
  void list_fault(std::int32_t index, std::string message) {
    faults_.push_back(RecordFault{index, std::move(message)});
  }

  const BatchRules& rules_;
  const std::int64_t now_ms_;
  const bool create_time_;
  const bool client_says_append_time_;
  std::int32_t count_ = 0;
  bool in_order_ = true;
  bool has_bad_timestamp_ = false;
  std::int64_t max_timestamp_ms_ = kNoTimestamp;
  std::uint64_t faults_count_ = 0;
  std::vector<RecordFault> faults_;
};

RecordReader::Limits limits_of(const BatchRules& rules) {
  return {.max_inflated_bytes = rules.max_inflated_batch_bytes,
          .max_inflated_record_bytes = static_cast<std::uint64_t>(std::max(rules.max_decompressed_message_bytes, 0))};
}

std::expected<void, BatchRefusal> check_segment(std::uint64_t size_bytes, const BatchRules& rules) {
  if (size_bytes <= static_cast<std::uint64_t>(std::max(rules.segment_bytes, 0))) return {};
  return refuse(BatchFault::kLargerThanSegment,
                fmt::format("a batch of {} bytes where segment.bytes is {}", size_bytes, rules.segment_bytes));
}

// The timestamp type and max_timestamp are the broker's to say. Like Kafka, a change also clears undefined attribute
// bits, and no change leaves the client's bytes and CRC alone.
void stamp_timestamp(MutableByteView batch, BatchHeader& header, TimestampType type, std::int64_t max_timestamp_ms) {
  if (header.timestamp_type() == type && header.max_timestamp == max_timestamp_ms) return;
  constexpr int kDefinedBitsButType = 0x77;
  const int type_bit = type == TimestampType::kLogAppendTime ? 0x8 : 0;
  header.attributes = static_cast<std::int16_t>((header.attributes & kDefinedBitsButType) | type_bit);
  header.max_timestamp = max_timestamp_ms;
  store_be(batch.data() + kCrcStart, header.attributes);
  store_be(batch.data() + kMaxTimestampAt, header.max_timestamp);
  header.crc = batch_crc(batch);
  store_be(batch.data() + kCrcAt, header.crc);
}

std::expected<ValidBatch, BatchRefusal> keep_batch(MutableByteView batch, const BatchRules& rules,
                                                   std::int64_t now_ms) {
  auto reader = RecordReader::open(batch, limits_of(rules));
  if (!reader) return refuse(std::move(reader).error());
  BatchHeader header = reader->header();
  RecordJudge judge(rules, header, now_ms);
  auto scanned = reader->scan([&](const RecordShape& shape) {
    judge.judge(shape, reader->timestamp_ms(shape.timestamp_delta));
    return true;
  });
  if (!scanned) return refuse(std::move(scanned).error());
  if (!judge.clean()) return std::move(judge).refusal();
  // Consumers read offsets from inside, where they can't be put right without inflating and deflating anew.
  if (header.codec() != Codec::kNone && !judge.in_order()) {
    return refuse(BatchFault::kInvalidRecord, "offset deltas in a compressed batch are not 0, 1, 2...");
  }
  if (auto fits = check_segment(batch.size(), rules); !fits) return std::unexpected(std::move(fits).error());
  const bool append_time = rules.timestamp_type == TimestampType::kLogAppendTime;
  stamp_timestamp(batch, header, rules.timestamp_type, append_time ? now_ms : judge.max_timestamp_ms());
  return ValidBatch{.bytes = batch, .rewritten = {}, .header = header, .max_timestamp_ms = header.max_timestamp};
}

BatchOptions options_of(const BatchHeader& header, const BatchRules& rules, std::int64_t now_ms) {
  return {.codec = rules.codec,
          .level = rules.codec_level,
          .timestamp_type = rules.timestamp_type,
          .log_append_time_ms = now_ms,
          .base_offset = Offset{0},
          .leader_epoch = header.leader_epoch,
          .producer_id = header.producer_id,
          .producer_epoch = header.producer_epoch,
          .base_sequence = header.base_sequence,
          .transactional = header.is_transactional(),
          .control = false};
}

std::expected<ValidBatch, BatchRefusal> re_encode_batch(ByteView batch, const BatchRules& rules, std::int64_t now_ms) {
  auto reader = RecordReader::open(batch, limits_of(rules));
  if (!reader) return refuse(std::move(reader).error());
  const BatchHeader& header = reader->header();
  RecordJudge judge(rules, header, now_ms);
  BatchBuilder builder(options_of(header, rules, now_ms));
  RecordView record;
  while (true) {
    auto more = reader->next(record);
    if (!more) return refuse(std::move(more).error());
    if (!*more) break;
    const std::int64_t timestamp_ms = reader->timestamp_ms(record.timestamp_delta);
    judge.judge({record.timestamp_delta, record.offset_delta, record.key.has_value()}, timestamp_ms);
    if (judge.clean()) builder.append(record, timestamp_ms);
    // Deltas are written anew and may take more bytes than the client's did.
    if (builder.size_bytes() > std::max<std::uint64_t>(rules.max_inflated_batch_bytes, batch.size() * 2)) {
      return refuse(BatchFault::kTooLarge, "the records take more than the limit once they are inflated");
    }
  }
  if (!judge.clean()) return std::move(judge).refusal();
  auto rewritten = std::move(builder).build(static_cast<std::uint64_t>(std::max(rules.max_message_bytes, 0)));
  if (!rewritten) return refuse(std::move(rewritten).error());
  if (auto fits = check_segment(rewritten->size(), rules); !fits) return std::unexpected(std::move(fits).error());
  ValidBatch valid{.bytes = {}, .rewritten = *std::move(rewritten), .header = {}, .max_timestamp_ms = kNoTimestamp};
  valid.bytes = valid.rewritten;
  valid.header = BatchHeader::read(valid.bytes.data());
  valid.max_timestamp_ms = valid.header.max_timestamp;
  return valid;
}

}  // namespace

ErrorCode to_error_code(BatchFault fault) {
  switch (fault) {
    case BatchFault::kInvalidRecord: return ErrorCode::kInvalidRecord;
    case BatchFault::kCorrupt: return ErrorCode::kCorruptMessage;
    case BatchFault::kTooLarge: return ErrorCode::kMessageTooLarge;
    case BatchFault::kLargerThanSegment: return ErrorCode::kRecordListTooLarge;
    case BatchFault::kInvalidTimestamp: return ErrorCode::kInvalidTimestamp;
    case BatchFault::kUnsupportedCodec: return ErrorCode::kUnsupportedCompressionType;
  }
  return ErrorCode::kUnknownServerError;
}

std::expected<void, BatchRefusal> check_produce_shape(ByteView records, std::int16_t produce_version) {
  switch (look_at_front(records)) {
    case Front::kCorrupt: return refuse(BatchFault::kCorrupt, "the records can't be a batch");
    case Front::kNothingWhole: return refuse(BatchFault::kInvalidRecord, "there is no whole batch");
    case Front::kBatch: break;
  }
  if (records[kMagicAt] != kMagic) return refuse(BatchFault::kInvalidRecord, "only batches of magic 2 are taken");
  // Read by hand: the batch may still be shorter than its header.
  const auto codec = static_cast<Codec>(load_be<std::int16_t>(records.data() + kCrcStart) & 0x7);
  if (produce_version < kFirstVersionWithZstd && codec == Codec::kZstd) {
    return refuse(BatchFault::kUnsupportedCodec, "zstd needs Produce version 7 or later");
  }
  const auto length = load_be<std::int32_t>(records.data() + kLengthAt);
  switch (look_at_front(records.subspan(kBatchLengthEnd + static_cast<std::size_t>(length)))) {
    case Front::kCorrupt: return refuse(BatchFault::kCorrupt, "what follows the batch can't be one");
    case Front::kBatch: return refuse(BatchFault::kInvalidRecord, "there is more than one batch");
    case Front::kNothingWhole: break;
  }
  return {};
}

std::expected<ValidBatch, BatchRefusal> validate_batch(MutableByteView batch, const BatchRules& rules,
                                                       std::int64_t now_ms) {
  if (look_at_front(batch) != Front::kBatch) return refuse(BatchFault::kCorrupt, "there is no whole batch");
  batch = batch.first(kBatchLengthEnd + static_cast<std::size_t>(load_be<std::int32_t>(batch.data() + kLengthAt)));
  // A batch shorter than its header is read as if zeros followed; check_header sees its size.
  std::uint8_t padded[kBatchHeaderBytes] = {};
  std::copy_n(batch.begin(), std::min(batch.size(), kBatchHeaderBytes), padded);
  const BatchHeader header = BatchHeader::read(padded);
  if (auto checked = check_header(batch, header, rules); !checked) return std::unexpected(std::move(checked).error());
  const bool same_codec = rules.keep_client_codec || rules.codec == header.codec();
  return same_codec ? keep_batch(batch, rules, now_ms) : re_encode_batch(batch, rules, now_ms);
}

}  // namespace weir::record
