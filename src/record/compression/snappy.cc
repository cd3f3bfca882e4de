// Two framings are in use. Xerial: a 16-byte header, then blocks of int32 length and raw snappy (Java, Go and Python
// clients write it); raw: the whole blob as one snappy block (librdkafka). Xerial is written, which every client reads.
#include <fmt/core.h>
#include <snappy.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "record/compression/codecs.h"

namespace weir::record {

namespace {

// Magic, version 1, lowest version that can read it 1.
constexpr std::array<std::uint8_t, 16> kXerialHeader = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr std::size_t kXerialMagicBytes = 8;
constexpr std::size_t kXerialBlockBytes = 32 * 1024;
constexpr std::size_t kBlockLengthBytes = 4;

// The densest snappy element is a copy of 64 bytes in 3, so nothing honest declares more than 22 times its size.
constexpr std::uint64_t kSnappyRatioMax = 22;

const char* as_chars(const std::uint8_t* bytes) {
  return reinterpret_cast<const char*>(bytes);
}

class SnappyInflater final : public Inflater {
 public:
  SnappyInflater(ByteView compressed, bool xerial, std::uint64_t max_inflated_bytes)
      : Inflater(max_inflated_bytes), input_(compressed), xerial_(xerial), max_block_bytes_(max_inflated_bytes) {}

  // Inflates the next block into block_.
  Result<void> next_block() {
    ByteView compressed = input_;
    if (xerial_) {
      if (input_.size() < kBlockLengthBytes) return fail(Errc::kCorrupt, "snappy data ends inside a block's length");
      const auto length = load_be<std::uint32_t>(input_.data());
      if (length > input_.size() - kBlockLengthBytes) return fail(Errc::kCorrupt, "snappy data ends inside a block");
      compressed = input_.subspan(kBlockLengthBytes, length);
    }
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(as_chars(compressed.data()), compressed.size(), &size)) {
      return fail(Errc::kCorrupt, "a snappy block has no length");
    }
    if (size > kSnappyRatioMax * compressed.size()) {
      return fail(Errc::kCorrupt, fmt::format("a snappy block of {} bytes declares {}", compressed.size(), size));
    }
    if (size > max_block_bytes_) return fail(Errc::kTooLarge, "a snappy block declares more than the limit");
    if (size > block_room_) {
      block_ = std::make_unique_for_overwrite<char[]>(size);
      block_room_ = size;
    }
    if (!snappy::RawUncompress(as_chars(compressed.data()), compressed.size(), block_.get())) {
      return fail(Errc::kCorrupt, "a snappy block is bad");
    }
    block_left_ = ByteView(reinterpret_cast<const std::uint8_t*>(block_.get()), size);
    input_ = ByteView(compressed.data() + compressed.size(), input_.data() + input_.size());
    return {};
  }

 private:
  Result<std::size_t> inflate(MutableByteView out) override {
    while (block_left_.empty()) {
      if (input_.empty()) return std::size_t{0};
      WEIR_TRY(next_block());
    }
    const auto count = std::min(out.size(), block_left_.size());
    std::memcpy(out.data(), block_left_.data(), count);
    block_left_ = block_left_.subspan(count);
    return count;
  }

  ByteView input_;
  const bool xerial_;
  const std::uint64_t max_block_bytes_;
  std::unique_ptr<char[]> block_;
  std::size_t block_room_ = 0;
  ByteView block_left_;
};

}  // namespace

Result<std::unique_ptr<Inflater>> make_snappy_inflater(ByteView compressed, std::uint64_t max_inflated_bytes) {
  if (compressed.empty()) return fail(Errc::kCorrupt, "no snappy data");
  const bool xerial = compressed.size() >= kXerialHeader.size() &&
                      std::memcmp(compressed.data(), kXerialHeader.data(), kXerialMagicBytes) == 0;
  if (!xerial) {
    auto inflater = std::make_unique<SnappyInflater>(compressed, false, max_inflated_bytes);
    WEIR_TRY(inflater->next_block());  // says at once that the declared size is out of bounds
    return inflater;
  }
  // As Java's reader: the version must be one, the lowest reader's is not looked at.
  const auto version = load_be<std::int32_t>(compressed.data() + kXerialMagicBytes);
  if (version < 1) return fail(Errc::kCorrupt, fmt::format("xerial snappy of version {}", version));
  return std::make_unique<SnappyInflater>(compressed.subspan(kXerialHeader.size()), true, max_inflated_bytes);
}

Result<void> deflate_snappy(ByteView plain, std::uint64_t max_bytes, Bytes& out) {
  const auto start = out.size();
  out.insert(out.end(), kXerialHeader.begin(), kXerialHeader.end());
  while (!plain.empty()) {
    const auto block = plain.first(std::min(plain.size(), kXerialBlockBytes));
    plain = plain.subspan(block.size());
    const auto length_at = out.size();
    const auto block_at = length_at + kBlockLengthBytes;
    out.resize(block_at + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(as_chars(block.data()), block.size(), reinterpret_cast<char*>(out.data() + block_at), &size);
    store_be(out.data() + length_at, static_cast<std::uint32_t>(size));
    out.resize(block_at + size);
    if (out.size() - start > max_bytes) return fail(Errc::kTooLarge, "the records deflate to more than the limit");
  }
  return {};
}

}  // namespace weir::record
