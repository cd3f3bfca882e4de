#include "storage/segment_scan.h"

#include <algorithm>
#include <array>

#include "base/crc32c.h"
#include "storage/batch_walker.h"

namespace weir::storage {
namespace {

// find_batch gives up after reading this many times its range for checksums of what only looked like batches.
constexpr std::uint64_t kChecksumBudgetFactor = 4;

}  // namespace

Result<bool> has_valid_checksum(const File& file, std::uint64_t position, const record::BatchHeader& header,
                                MutableByteView buffer) {
  auto at = position + record::kCrcStart;
  const auto end = position + header.size_bytes();
  std::uint32_t crc = 0;
  while (at < end) {
    const auto step = buffer.first(std::min<std::uint64_t>(buffer.size(), end - at));
    WEIR_TRY_ASSIGN(got, file.pread(step, at));
    if (got == 0) return false;
    crc = crc32c(step.first(got), crc);
    at += got;
  }
  return crc == header.crc;
}

Result<std::optional<FoundBatch>> find_batch(const File& file, Offset segment_base, std::uint64_t position,
                                             std::uint64_t end, Offset first, Offset last, MutableByteView buffer) {
  auto checksum_budget = (end - position) * kChecksumBudgetFactor;
  Bytes window(64 * kKiB);
  while (position + record::kBatchHeaderBytes <= end) {
    const auto wanted = MutableByteView(window).first(std::min<std::uint64_t>(window.size(), end - position));
    WEIR_TRY_ASSIGN(got, file.pread(wanted, position));
    if (got < record::kBatchHeaderBytes) return std::nullopt;
    const auto starts = got - record::kBatchHeaderBytes + 1;
    for (std::size_t i = 0; i < starts; ++i) {
      const auto header = record::BatchHeader::read(window.data() + i);
      if (header.base_offset < first || header.base_offset > last) continue;
      if (header_problem(header, segment_base, end - position - i) != nullptr) continue;
      if (header.size_bytes() > checksum_budget) return std::nullopt;
      checksum_budget -= header.size_bytes();
      WEIR_TRY_ASSIGN(valid, has_valid_checksum(file, position + i, header, buffer));
      if (valid) return FoundBatch{position + i, header};
    }
    position += starts;
  }
  return std::nullopt;
}

namespace {

Result<bool> is_intact(const OffsetIndexEntry& entry, const File& file, std::uint64_t size_bytes, Offset segment_base,
                       MutableByteView buffer) {
  // Never written for a segment's first batch; zeros are what a file system leaves of a lost page.
  if (entry.position <= 0 || entry.relative_offset < 0) return false;
  const auto position = static_cast<std::uint64_t>(entry.position);
  if (position + record::kBatchHeaderBytes > size_bytes) return false;
  std::array<std::uint8_t, record::kBatchHeaderBytes> bytes;
  WEIR_TRY_ASSIGN(got, file.pread(bytes, position));
  if (got != bytes.size()) return false;
  const auto header = record::BatchHeader::read(bytes.data());
  if (header_problem(header, segment_base, size_bytes - position) != nullptr) return false;
  if (header.last_offset() != segment_base + entry.relative_offset) return false;
  return has_valid_checksum(file, position, header, buffer);
}

}  // namespace

Result<std::optional<OffsetIndexEntry>> last_intact_entry(const File& index, const File& file, Offset segment_base,
                                                          MutableByteView buffer) {
  constexpr std::uint64_t kBlockEntries = 512;
  std::array<std::uint8_t, kBlockEntries * OffsetIndexEntry::kBytes> block;
  WEIR_TRY_ASSIGN(size, file.size_bytes());
  WEIR_TRY_ASSIGN(index_size, index.size_bytes());
  for (auto end = index_size / OffsetIndexEntry::kBytes; end > 0;) {
    const auto begin = end - std::min(end, kBlockEntries);
    const auto bytes = MutableByteView(block).first((end - begin) * OffsetIndexEntry::kBytes);
    WEIR_TRY_ASSIGN(got, index.pread(bytes, begin * OffsetIndexEntry::kBytes));
    for (auto i = got / OffsetIndexEntry::kBytes; i > 0; --i) {
      const auto entry = OffsetIndexEntry::read(block.data() + (i - 1) * OffsetIndexEntry::kBytes);
      WEIR_TRY_ASSIGN(intact, is_intact(entry, file, size, segment_base, buffer));
      if (intact) return entry;
    }
    end = begin;
  }
  return std::nullopt;
}

void IndexBuilder::add(std::uint64_t position, const record::BatchHeader& header) {
  const auto relative = static_cast<std::int32_t>(header.last_offset() - segment_base_);
  if (header.max_timestamp > largest_.timestamp_ms) largest_ = {header.max_timestamp, relative};
  last_batch_ = {relative, static_cast<std::int32_t>(position)};
  if (bytes_since_entry_ > interval_bytes_) {
    offsets_.push_back(last_batch_);
    add_time();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += static_cast<std::int64_t>(header.size_bytes());
}

void IndexBuilder::add_time() {
  if (largest_.timestamp_ms > (times_.empty() ? kNoTimestamp : times_.back().timestamp_ms)) times_.push_back(largest_);
}

void IndexBuilder::finish() {
  if (last_batch_.position > 0 && (offsets_.empty() || offsets_.back() != last_batch_)) offsets_.push_back(last_batch_);
  add_time();
}

}  // namespace weir::storage
