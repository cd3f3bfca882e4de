// Record batches of magic 2 put together by hand, each field open to change, and compressed by the codecs' own
// libraries. Nothing here uses Weir's record code.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/codec.h"

namespace weir::clients {

// One record as it stands in a batch. `offset_delta` is its place in the batch.
[[nodiscard]] Bytes record_bytes(std::int32_t offset_delta, std::string_view key, ByteView value);

// `input` as one compressed blob. Snappy is raw, as librdkafka writes it; kNone returns a copy.
[[nodiscard]] Bytes compress(Codec codec, ByteView input);

struct BatchFields {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::int16_t attributes = 0;  // bits 0-2 are the codec that `records` is already compressed with
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t records_count = 1;
};

// Header, right length, right checksum, and `records` as given.
[[nodiscard]] Bytes batch_bytes(const BatchFields& fields, ByteView records);

// Puts the right checksum into a batch that was changed.
void seal(MutableByteView batch);

// Changes a batch for its next use: the sequence, then the checksum.
void set_base_sequence(MutableByteView batch, std::int32_t base_sequence);

// One uncompressed record in a batch, stamped with the present time.
[[nodiscard]] Bytes single_record_batch(ByteView value);

// The present time as records carry it.
[[nodiscard]] std::int64_t wall_ms();

// Where fields stand in a batch.
inline constexpr std::size_t kBatchLengthAt = 8;
inline constexpr std::size_t kMagicAt = 16;
inline constexpr std::size_t kCrcAt = 17;
inline constexpr std::size_t kCrcStartAt = 21;
inline constexpr std::size_t kBaseSequenceAt = 53;
inline constexpr std::size_t kRecordsAt = 61;

}  // namespace weir::clients
