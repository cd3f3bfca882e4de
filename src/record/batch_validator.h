// What a producer's batch must hold before it is appended, in Kafka's order of checks (LogValidator, UnifiedLog), and
// what the broker changes in it. Pure: no clock, no log; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"
#include "record/batch_header.h"

namespace weir::record {

// A topic's rules, as its settings have them.
struct BatchRules {
  bool keep_client_codec = true;                           // compression.type=producer
  Codec codec = Codec::kNone;                              // else: what the batch is re-encoded with
  std::optional<std::int32_t> codec_level = std::nullopt;  // as compression.CODEC.level; nullopt: the codec's default
  bool compacted = false;                                  // cleanup.policy holds compact: every record needs a key
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::int64_t timestamp_before_max_ms = INT64_MAX;
  std::int64_t timestamp_after_max_ms = 3600000;
  std::int32_t max_message_bytes = 1048588;
  std::int32_t max_decompressed_message_bytes = 2147483639;  // one record's body in a compressed batch
  std::int32_t segment_bytes = 1073741824;
  std::uint64_t max_inflated_batch_bytes = 256 * kMiB;  // weir.max.inflated.batch.bytes
};

enum class BatchFault {
  kInvalidRecord,
  kCorrupt,
  kTooLarge,
  kLargerThanSegment,
  kInvalidTimestamp,
  kUnsupportedCodec,
};

struct RecordFault {
  std::int32_t index;  // within the batch
  std::string message;
};

struct BatchRefusal {
  BatchFault fault;
  std::string message;               // for error_message where Kafka sends one, and for the log
  std::vector<RecordFault> records;  // for record_errors (Produce v8+): the first 10,000
};

[[nodiscard]] ErrorCode to_error_code(BatchFault fault);

// An accepted batch, still at base offset 0. `bytes` is the input patched in place, or views `rewritten` when the codec
// changed (move a ValidBatch, don't copy it).
struct ValidBatch {
  MutableByteView bytes;
  Bytes rewritten;
  BatchHeader header;                            // as it stands in `bytes` now
  std::int64_t max_timestamp_ms = kNoTimestamp;  // the header's
};

// The checks that need nothing but the field and the request's version: exactly one batch, magic 2, zstd from v7.
// `records` is the whole field of one partition (a null field: empty). kInvalidRecord, kCorrupt, kUnsupportedCodec.
[[nodiscard]] std::expected<void, BatchRefusal> check_produce_shape(ByteView records, std::int16_t produce_version);

// The rest, after leader and acks were checked. `batch` passed check_produce_shape (bytes after its first batch are
// ignored). `now_ms` is wall time. Nothing of `batch` is changed when it is refused. Compressed records are inflated
// through a window; a batch that keeps its codec is never held inflated, one that changes it is (uncompressed, bounded
// by max_inflated_batch_bytes, plus at most max_message_bytes of the new batch).
//
// Where Kafka 4.4 answers UNKNOWN_SERVER_ERROR for bytes that it can't decode, the answer here is INVALID_RECORD
// (undecodable data, overlong varints, offset deltas of a compressed batch that keeps its codec) or
// UNSUPPORTED_COMPRESSION_TYPE (codec ids 5-7).
[[nodiscard]] std::expected<ValidBatch, BatchRefusal> validate_batch(MutableByteView batch, const BatchRules& rules,
                                                                     std::int64_t now_ms);

}  // namespace weir::record
