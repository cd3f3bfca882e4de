// The 61-byte header of a v2 record batch, read and patched in place. Plain values and pure functions: any thread.
//
//   0 base_offset i64 | 8 batch_length i32 | 12 leader_epoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16
//   23 last_offset_delta i32 | 27 base_timestamp i64 | 35 max_timestamp i64 | 43 producer_id i64
//   51 producer_epoch i16 | 53 base_sequence i32 | 57 records_count i32 | 61 records (compressed as one blob)
//
// The CRC covers byte 21 to the end: offset, length, epoch and magic lie outside it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "model/codec.h"
#include "model/ids.h"

namespace weir::record {

inline constexpr std::size_t kBatchHeaderBytes = 61;
inline constexpr std::size_t kBatchLengthEnd = 12;  // a batch is 12 + batch_length bytes long
inline constexpr std::size_t kCrcAt = 17;
inline constexpr std::size_t kCrcStart = 21;
inline constexpr std::size_t kMaxTimestampAt = 35;
inline constexpr std::int8_t kMagic = 2;

enum class TimestampType : std::uint8_t { kCreateTime = 0, kLogAppendTime = 1 };

struct BatchHeader {
  Offset base_offset;
  std::int32_t batch_length = 0;
  LeaderEpoch leader_epoch;
  std::int8_t magic = kMagic;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp = kNoTimestamp;
  std::int64_t max_timestamp = kNoTimestamp;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t base_sequence = kNoSequence;
  std::int32_t records_count = 0;

  // Reads without judging; `bytes` holds at least kBatchHeaderBytes.
  static BatchHeader read(const std::uint8_t* bytes);
  void write(std::uint8_t* bytes) const;

  [[nodiscard]] std::uint64_t size_bytes() const { return kBatchLengthEnd + static_cast<std::uint64_t>(batch_length); }
  // Offsets are exact for a header that check_batch let through; they wrap for one that only was read.
  [[nodiscard]] Offset offset_at(std::int32_t delta) const;
  [[nodiscard]] Offset last_offset() const { return offset_at(last_offset_delta); }
  [[nodiscard]] Offset next_offset() const;
  [[nodiscard]] std::uint8_t codec_bits() const { return static_cast<std::uint8_t>(attributes & 0x7); }
  [[nodiscard]] Codec codec() const {
    return static_cast<Codec>(codec_bits());
  }  // valid when codec_bits() <= kCodecMax
  [[nodiscard]] TimestampType timestamp_type() const {
    return (attributes & 0x8) != 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
  }
  [[nodiscard]] bool is_transactional() const { return (attributes & 0x10) != 0; }
  [[nodiscard]] bool is_control() const { return (attributes & 0x20) != 0; }
  [[nodiscard]] bool has_delete_horizon() const { return (attributes & 0x40) != 0; }
  [[nodiscard]] bool has_producer() const { return producer_id > kNoProducerId; }
  // Sequences wrap from 2147483647 to 0; kNoSequence without one.
  [[nodiscard]] std::int32_t last_sequence() const;
};

// The CRC as it should stand in a batch whose whole bytes these are (size >= kBatchHeaderBytes).
[[nodiscard]] std::uint32_t batch_crc(ByteView batch);

// Writes what the broker assigns at append; both fields lie outside the CRC.
void stamp_batch(MutableByteView batch, Offset base_offset, LeaderEpoch leader_epoch);

// Reads one whole batch at the front of `bytes` and proves size, magic, CRC, and that its offsets lie in
// [0, INT64_MAX). Its records are not looked at. kOutOfRange: `bytes` end before the batch does. kCorrupt: it can't be
// a batch.
[[nodiscard]] Result<BatchHeader> check_batch(ByteView bytes);

}  // namespace weir::record
