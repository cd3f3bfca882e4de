#include "record/batch_header.h"

#include <fmt/core.h>

#include <limits>

#include "base/crc32c.h"

namespace weir::record {

namespace {

constexpr std::size_t kBatchLengthAt = 8;
constexpr std::size_t kLeaderEpochAt = 12;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kLastOffsetDeltaAt = 23;
constexpr std::size_t kBaseTimestampAt = 27;
constexpr std::size_t kProducerIdAt = 43;
constexpr std::size_t kProducerEpochAt = 51;
constexpr std::size_t kBaseSequenceAt = 53;
constexpr std::size_t kRecordsCountAt = 57;

// Base offset and delta come from disk or wire: their sum may leave the range, and must then wrap, not trap.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

BatchHeader BatchHeader::read(const std::uint8_t* bytes) {
  BatchHeader header;
  header.base_offset = Offset{load_be<std::int64_t>(bytes)};
  header.batch_length = load_be<std::int32_t>(bytes + kBatchLengthAt);
  header.leader_epoch = LeaderEpoch{load_be<std::int32_t>(bytes + kLeaderEpochAt)};
  header.magic = load_be<std::int8_t>(bytes + kMagicAt);
  header.crc = load_be<std::uint32_t>(bytes + kCrcAt);
  header.attributes = load_be<std::int16_t>(bytes + kCrcStart);
  header.last_offset_delta = load_be<std::int32_t>(bytes + kLastOffsetDeltaAt);
  header.base_timestamp = load_be<std::int64_t>(bytes + kBaseTimestampAt);
  header.max_timestamp = load_be<std::int64_t>(bytes + kMaxTimestampAt);
  header.producer_id = ProducerId{load_be<std::int64_t>(bytes + kProducerIdAt)};
  header.producer_epoch = ProducerEpoch{load_be<std::int16_t>(bytes + kProducerEpochAt)};
  header.base_sequence = load_be<std::int32_t>(bytes + kBaseSequenceAt);
  header.records_count = load_be<std::int32_t>(bytes + kRecordsCountAt);
  return header;
}

void BatchHeader::write(std::uint8_t* bytes) const {
  store_be(bytes, base_offset.value());
  store_be(bytes + kBatchLengthAt, batch_length);
  store_be(bytes + kLeaderEpochAt, leader_epoch.value());
  store_be(bytes + kMagicAt, magic);
  store_be(bytes + kCrcAt, crc);
  store_be(bytes + kCrcStart, attributes);
  store_be(bytes + kLastOffsetDeltaAt, last_offset_delta);
  store_be(bytes + kBaseTimestampAt, base_timestamp);
  store_be(bytes + kMaxTimestampAt, max_timestamp);
  store_be(bytes + kProducerIdAt, producer_id.value());
  store_be(bytes + kProducerEpochAt, producer_epoch.value());
  store_be(bytes + kBaseSequenceAt, base_sequence);
  store_be(bytes + kRecordsCountAt, records_count);
}

Offset BatchHeader::offset_at(std::int32_t delta) const {
  return Offset{wrapping_sum(base_offset.value(), delta)};
}

Offset BatchHeader::next_offset() const {
  return Offset{wrapping_sum(last_offset().value(), 1)};
}

std::int32_t BatchHeader::last_sequence() const {
  if (base_sequence == kNoSequence) return kNoSequence;
  const auto sum = static_cast<std::uint32_t>(base_sequence) + static_cast<std::uint32_t>(last_offset_delta);
  return static_cast<std::int32_t>(sum & 0x7fffffffU);
}

std::uint32_t batch_crc(ByteView batch) {
  return crc32c(batch.subspan(kCrcStart));
}

void stamp_batch(MutableByteView batch, Offset base_offset, LeaderEpoch leader_epoch) {
  store_be(batch.data(), base_offset.value());
  store_be(batch.data() + kLeaderEpochAt, leader_epoch.value());
}

Result<BatchHeader> check_batch(ByteView bytes) {
  if (bytes.size() < kBatchHeaderBytes) return fail(Errc::kOutOfRange, "the bytes end inside a batch header");
  const BatchHeader header = BatchHeader::read(bytes.data());
  // Magic first: in older formats the bytes before it mean something else.
  if (header.magic != kMagic) return fail(Errc::kCorrupt, fmt::format("batch magic is {}, not 2", header.magic));
  if (header.batch_length < static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd)) {
    return fail(Errc::kCorrupt, fmt::format("batch length {} is less than a header's", header.batch_length));
  }
  if (header.size_bytes() > bytes.size()) {
    return fail(Errc::kOutOfRange, fmt::format("a batch of {} bytes in {} bytes", header.size_bytes(), bytes.size()));
  }
  const std::uint32_t crc = batch_crc(bytes.first(header.size_bytes()));
  if (crc != header.crc) {
    return fail(Errc::kCorrupt, fmt::format("batch CRC is {:#x}, its bytes give {:#x}", header.crc, crc));
  }
  // The base offset lies outside the CRC, so this is the only thing that vouches for it.
  constexpr auto kOffsetMax = std::numeric_limits<std::int64_t>::max();
  if (header.base_offset.value() < 0 || header.last_offset_delta < 0 ||
      header.base_offset.value() >= kOffsetMax - header.last_offset_delta) {
    return fail(Errc::kCorrupt, fmt::format("batch at offset {} with last offset delta {}", header.base_offset.value(),
                                            header.last_offset_delta));
  }
  return header;
}

}  // namespace weir::record
