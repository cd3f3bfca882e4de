// One LZ4 frame. What Java's reader refuses (dependent blocks, dictionaries, skippable frames) is refused here too, so
// that no batch is stored which a Java consumer can't read; content size and checksums are accepted and proved.
#include <fmt/core.h>
#include <lz4frame.h>

#include <algorithm>

#include "record/compression/codecs.h"
#include "record/compression/thread_spare.h"

namespace weir::record {

namespace {

constexpr std::size_t kFrameHeaderBytesMin = 7;
constexpr std::uint8_t kMagicBytes[] = {0x04, 0x22, 0x4d, 0x18};
constexpr std::size_t kFlagsAt = 4;
constexpr std::size_t kBlockDescriptorAt = 5;
constexpr std::size_t kBlockBytes = 64 * 1024;

// A context keeps buffers of its last frame's block size: above 256 KiB they are not worth holding.
constexpr unsigned kKeptBlockSizeId = 5;

struct InflateContext {
  InflateContext() { LZ4F_createDecompressionContext(&context, LZ4F_VERSION); }
  InflateContext(const InflateContext&) = delete;
  InflateContext& operator=(const InflateContext&) = delete;
  ~InflateContext() { LZ4F_freeDecompressionContext(context); }

  LZ4F_dctx* context = nullptr;  // null: no memory
};

class Lz4Inflater final : public Inflater {
 public:
  Lz4Inflater(ByteView compressed, std::unique_ptr<InflateContext> context, bool keep, std::uint64_t max_inflated_bytes)
      : Inflater(max_inflated_bytes), input_(compressed), context_(std::move(context)), keep_(keep) {}
  ~Lz4Inflater() override {
    if (ended_ && keep_) ThreadSpare<InflateContext>::give(std::move(context_));
  }

 private:
  Result<std::size_t> inflate(MutableByteView out) override {
    while (!ended_) {
      std::size_t output = out.size();
      std::size_t input = input_.size();
      const auto outcome = LZ4F_decompress(context_->context, out.data(), &output, input_.data(), &input, nullptr);
      if (LZ4F_isError(outcome) != 0) {
        return fail(Errc::kCorrupt, fmt::format("lz4 data is bad: {}", LZ4F_getErrorName(outcome)));
      }
      input_ = input_.subspan(input);
      ended_ = outcome == 0;
      if (output != 0) return output;
      if (!ended_ && input == 0) return fail(Errc::kCorrupt, "lz4 data ends early");
    }
    if (!input_.empty()) return fail(Errc::kCorrupt, "bytes follow the lz4 frame");
    return std::size_t{0};
  }

  ByteView input_;
  std::unique_ptr<InflateContext> context_;
  const bool keep_;
  bool ended_ = false;
};

struct DeflateContext {
  DeflateContext() { LZ4F_createCompressionContext(&context, LZ4F_VERSION); }
  DeflateContext(const DeflateContext&) = delete;
  DeflateContext& operator=(const DeflateContext&) = delete;
  ~DeflateContext() { LZ4F_freeCompressionContext(context); }

  LZ4F_cctx* context = nullptr;  // null: no memory
};

LZ4F_preferences_t preferences_of(std::int32_t level) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.contentChecksumFlag = LZ4F_noContentChecksum;
  preferences.autoFlush = 1;
  // Kafka takes the fast compressor at its default level 9 and the slow one at every other.
  constexpr int kSlowLevelMin = 3;  // below it liblz4 compresses fast
  preferences.compressionLevel = level == 9 ? 0 : std::clamp(level, kSlowLevelMin, LZ4F_compressionLevel_max());
  return preferences;
}

}  // namespace

Result<std::unique_ptr<Inflater>> make_lz4_inflater(ByteView compressed, std::uint64_t max_inflated_bytes) {
  if (compressed.size() < kFrameHeaderBytesMin ||
      !std::equal(std::begin(kMagicBytes), std::end(kMagicBytes), compressed.begin())) {
    return fail(Errc::kCorrupt, "no lz4 frame");
  }
  const std::uint8_t flags = compressed[kFlagsAt];
  constexpr std::uint8_t kVersionAndReserved = 0xc3;  // two bits of version, a reserved one, the dictionary's
  constexpr std::uint8_t kVersion1 = 0x40;
  constexpr std::uint8_t kIndependentBlocks = 0x20;
  if ((flags & kVersionAndReserved) != kVersion1 || (flags & kIndependentBlocks) == 0) {
    return fail(Errc::kCorrupt, fmt::format("lz4 frame flags {:#x} are not served", flags));
  }
  const unsigned block_size_id = (compressed[kBlockDescriptorAt] >> 4) & 0x7;
  auto context = ThreadSpare<InflateContext>::take();
  if (context->context == nullptr) return fail(Errc::kTooLarge, "no memory to inflate");
  LZ4F_resetDecompressionContext(context->context);
  return std::make_unique<Lz4Inflater>(compressed, std::move(context), block_size_id <= kKeptBlockSizeId,
                                       max_inflated_bytes);
}

Result<void> deflate_lz4(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out) {
  const auto start = out.size();
  auto context = ThreadSpare<DeflateContext>::take();
  if (context->context == nullptr) return fail(Errc::kTooLarge, "no memory to deflate");
  const auto preferences = preferences_of(level);
  // Each step writes into room for its worst case, so only memory could make one fail.
  const auto step = [&](std::size_t room, auto&& write) -> Result<void> {
    const auto at = out.size();
    out.resize(at + room);
    const std::size_t size = write(out.data() + at, room);
    if (LZ4F_isError(size) != 0) return fail(Errc::kTooLarge, LZ4F_getErrorName(size));
    out.resize(at + size);
    if (out.size() - start > max_bytes) return fail(Errc::kTooLarge, "the records deflate to more than the limit");
    return {};
  };
  LZ4F_cctx* const lz4 = context->context;
  WEIR_TRY(step(LZ4F_HEADER_SIZE_MAX,
                [&](std::uint8_t* to, std::size_t room) { return LZ4F_compressBegin(lz4, to, room, &preferences); }));
  while (!plain.empty()) {
    const auto block = plain.first(std::min(plain.size(), kBlockBytes));
    plain = plain.subspan(block.size());
    WEIR_TRY(step(LZ4F_compressBound(block.size(), &preferences), [&](std::uint8_t* to, std::size_t room) {
      return LZ4F_compressUpdate(lz4, to, room, block.data(), block.size(), nullptr);
    }));
  }
  WEIR_TRY(step(LZ4F_compressBound(0, &preferences),
                [&](std::uint8_t* to, std::size_t room) { return LZ4F_compressEnd(lz4, to, room, nullptr); }));
  ThreadSpare<DeflateContext>::give(std::move(context));
  return {};
}

}  // namespace weir::record
