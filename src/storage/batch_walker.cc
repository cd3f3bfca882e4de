#include "storage/batch_walker.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace weir::storage {

const char* header_problem(const record::BatchHeader& header, Offset segment_base, std::uint64_t size_bytes) {
  constexpr std::int64_t kRelativeMax = std::numeric_limits<std::int32_t>::max();
  constexpr auto kLengthMin = static_cast<std::int32_t>(record::kBatchHeaderBytes - record::kBatchLengthEnd);
  if (header.magic != record::kMagic) return "its magic is not 2";
  if (header.batch_length < kLengthMin) return "its length is shorter than a header";
  if (header.size_bytes() > size_bytes) return "it reaches past the end of the file";
  if (header.last_offset_delta < 0) return "its last offset is below its first";
  if (header.base_offset < segment_base) return "its offset is below the segment's";
  if (header.base_offset - segment_base > kRelativeMax - header.last_offset_delta) {
    return "its offset is too far above the segment's";
  }
  return nullptr;
}

BatchWalker::BatchWalker(const File& file, Offset segment_base, std::uint64_t position, std::uint64_t end,
                         ReadMode mode, MutableByteView window)
    : file_(file), segment_base_(segment_base), position_(position), end_(end), mode_(mode), window_(window) {
  CHECK(window.size() >= record::kBatchHeaderBytes);
}

void BatchWalker::move_to(std::uint64_t position) {
  position_ = position;
  skipping_ = position_ >= window_position_ + window_size_ + window_.size();
}

ByteView BatchWalker::in_window(std::uint64_t position, std::uint64_t size_bytes) const {
  const bool is_there = position >= window_position_ && position + size_bytes <= window_position_ + window_size_;
  if (!is_there) return {};
  return window_.subspan(position - window_position_, size_bytes);
}

Result<std::optional<record::BatchHeader>> BatchWalker::peek() {
  if (position_ >= end_) return std::nullopt;
  const auto left = end_ - position_;
  if (left < record::kBatchHeaderBytes) {
    return fail(Errc::kCorrupt, fmt::format("at {}: {} bytes are too few for a batch", position_, left));
  }
  const bool in_window =
      position_ >= window_position_ && position_ + record::kBatchHeaderBytes <= window_position_ + window_size_;
  if (!in_window) {
    const auto wanted = skipping_ ? record::kBatchHeaderBytes : window_.size();
    const auto size = std::min<std::uint64_t>(wanted, left);
    WEIR_TRY_ASSIGN(got, read_at(file_, window_.first(size), position_, mode_));
    if (got < record::kBatchHeaderBytes) {
      return fail(Errc::kCorrupt, fmt::format("at {}: the file is shorter than it was", position_));
    }
    window_position_ = position_;
    window_size_ = got;
  }
  const auto header = record::BatchHeader::read(window_.data() + (position_ - window_position_));
  if (const auto* problem = header_problem(header, segment_base_, left)) {
    return fail(Errc::kCorrupt, fmt::format("at {}: {}", position_, problem));
  }
  return header;
}

}  // namespace weir::storage
