// Zstandard frames, one after the other. A frame may declare its content's size or not; either way nothing is believed
// that was not decoded.
//
// Memory: clients at level 22 declare a window of 2^27 bytes however small their batch is, and Java consumers take
// windows up to that, so windows up to 2^27 are taken and wider ones refused. libzstd reserves the window at once but
// touches only what it decodes into, which the bound on the output covers; a context that grew is not kept.
#include <fmt/core.h>
#include <zstd.h>

#include <algorithm>

#include "record/compression/codecs.h"
#include "record/compression/thread_spare.h"

namespace weir::record {

namespace {

constexpr int kWindowLogMax = 27;
constexpr std::size_t kKeptContextBytesMax = 4 * kMiB;  // level 3 without a content size needs 2.3 MiB

struct InflateContext {
  InflateContext() : context(ZSTD_createDCtx()) {}
  InflateContext(const InflateContext&) = delete;
  InflateContext& operator=(const InflateContext&) = delete;
  ~InflateContext() { ZSTD_freeDCtx(context); }

  ZSTD_DCtx* context;  // null: no memory
};

class ZstdInflater final : public Inflater {
 public:
  ZstdInflater(ByteView compressed, std::unique_ptr<InflateContext> context, std::uint64_t max_inflated_bytes)
      : Inflater(max_inflated_bytes), input_{compressed.data(), compressed.size(), 0}, context_(std::move(context)) {}
  ~ZstdInflater() override {
    if (ended_ && ZSTD_sizeof_DCtx(context_->context) <= kKeptContextBytesMax) {
      ThreadSpare<InflateContext>::give(std::move(context_));
    }
  }

 private:
  Result<std::size_t> inflate(MutableByteView out) override {
    while (input_.pos < input_.size || !between_frames_) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      const auto input_before = input_.pos;
      const auto outcome = ZSTD_decompressStream(context_->context, &output, &input_);
      if (ZSTD_isError(outcome) != 0) {
        return fail(Errc::kCorrupt, fmt::format("zstd data is bad: {}", ZSTD_getErrorName(outcome)));
      }
      between_frames_ = outcome == 0;
      if (output.pos != 0) return output.pos;
      if (!between_frames_ && input_.pos == input_before) return fail(Errc::kCorrupt, "zstd data ends early");
    }
    ended_ = true;
    return std::size_t{0};
  }

  ZSTD_inBuffer input_;
  std::unique_ptr<InflateContext> context_;
  bool between_frames_ = false;
  bool ended_ = false;
};

struct DeflateContext {
  DeflateContext() : context(ZSTD_createCCtx()) {}
  DeflateContext(const DeflateContext&) = delete;
  DeflateContext& operator=(const DeflateContext&) = delete;
  ~DeflateContext() { ZSTD_freeCCtx(context); }

  ZSTD_CCtx* context;  // null: no memory
};

}  // namespace

Result<std::unique_ptr<Inflater>> make_zstd_inflater(ByteView compressed, std::uint64_t max_inflated_bytes) {
  auto context = ThreadSpare<InflateContext>::take();
  if (context->context == nullptr) return fail(Errc::kTooLarge, "no memory to inflate");
  ZSTD_DCtx_reset(context->context, ZSTD_reset_session_and_parameters);
  ZSTD_DCtx_setParameter(context->context, ZSTD_d_windowLogMax, kWindowLogMax);
  return std::make_unique<ZstdInflater>(compressed, std::move(context), max_inflated_bytes);
}

Result<void> deflate_zstd(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out) {
  auto context = ThreadSpare<DeflateContext>::take();
  if (context->context == nullptr) return fail(Errc::kTooLarge, "no memory to deflate");
  ZSTD_CCtx_reset(context->context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context->context, ZSTD_c_compressionLevel,
                         std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel()));
  const auto start = out.size();
  const auto room = std::min<std::uint64_t>(max_bytes, ZSTD_compressBound(plain.size()));
  out.resize(start + room);
  const auto size = ZSTD_compress2(context->context, out.data() + start, room, plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) {
    return fail(Errc::kTooLarge, fmt::format("can't deflate in the limit: {}", ZSTD_getErrorName(size)));
  }
  if (ZSTD_sizeof_CCtx(context->context) <= kKeptContextBytesMax) {
    ThreadSpare<DeflateContext>::give(std::move(context));
  }
  out.resize(start + size);
  return {};
}

}  // namespace weir::record
