// What a producer's batch must hold before it is appended, in Kafka's order of checks (LogValidator, UnifiedLog), and
// what the broker changes in it. Pure: no clock, no log; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"
#include "record/batch_header.h"

namespace weir::record {

// A topic's rules, as its settings have them.
struct BatchRules {
  bool keep_client_codec = true;  // compression.type=producer
  Codec codec = Codec::kNone;     // else: what the batch is re-encoded with
  std::int32_t codec_level = 0;   // meaning of the level is the codec's
  bool compacted = false;         // cleanup.policy holds compact: every record needs a key
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::int64_t timestamp_before_max_ms = INT64_MAX;
  std::int64_t timestamp_after_max_ms = 3600000;
  std::int32_t max_message_bytes = 1048588;
  std::int32_t max_decompressed_message_bytes = 2147483639;
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
  std::string message;                // for error_message where Kafka sends one, and for the log
  std::vector<RecordFault> records;   // for record_errors (Produce v8+)
};

[[nodiscard]] ErrorCode to_error_code(BatchFault fault);

// An accepted batch, still at base offset 0. `bytes` is the input patched in place, or `rewritten` when the codec
// changed.
struct ValidBatch {
  MutableByteView bytes;
  Bytes rewritten;
  BatchHeader header;                 // as it stands in `bytes` now
  std::int64_t max_timestamp_ms = kNoTimestamp;
};

// The checks that need nothing but the field and the request's version: exactly one batch, magic 2, zstd from v7.
// `records` is the whole field of one partition; nullopt is fine.
[[nodiscard]] std::expected<void, BatchRefusal> check_produce_shape(ByteView records, std::int16_t produce_version);

// The rest, after leader and acks were checked. `batch` passed check_produce_shape (bytes after its first batch are
// ignored). `now_ms` is wall time. Nothing of `batch` is changed when it is refused.
[[nodiscard]] std::expected<ValidBatch, BatchRefusal> validate_batch(MutableByteView batch, const BatchRules& rules,
                                                                     std::int64_t now_ms);

}  // namespace weir::record
