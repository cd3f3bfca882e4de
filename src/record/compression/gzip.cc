// RFC 1952 members, one after the other (Java reads concatenated ones too). ISA-L inflates, about twice as fast as
// zlib; zlib deflates, since the levels of compression.gzip.level are zlib's.
#include <fmt/core.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>

#include "record/compression/codecs.h"
#include "record/compression/thread_spare.h"

namespace weir::record {

namespace {

class GzipInflater final : public Inflater {
 public:
  GzipInflater(ByteView compressed, std::uint64_t max_inflated_bytes)
      : Inflater(max_inflated_bytes), state_(ThreadSpare<inflate_state>::take()) {
    // ISA-L only reads through next_in. A batch is smaller than 2 GiB, so the size fits.
    state_->next_in = const_cast<std::uint8_t*>(compressed.data());
    state_->avail_in = static_cast<std::uint32_t>(compressed.size());
    begin_member();
  }
  ~GzipInflater() override {
    if (ended_) ThreadSpare<inflate_state>::give(std::move(state_));
  }

 private:
  void begin_member() {
    auto* const next_in = state_->next_in;
    const auto avail_in = state_->avail_in;
    isal_inflate_init(state_.get());  // forgets the window: no member can reach back into an earlier one
    state_->next_in = next_in;
    state_->avail_in = avail_in;
    state_->crc_flag = ISAL_GZIP;
  }

  Result<std::size_t> inflate(MutableByteView out) override {
    while (true) {
      if (state_->block_state == ISAL_BLOCK_FINISH) {
        ended_ = state_->avail_in == 0;
        if (ended_) return std::size_t{0};
        begin_member();
      }
      state_->next_out = out.data();
      state_->avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(out.size(), std::size_t{1} << 30));
      const auto room = state_->avail_out;
      const auto input = state_->avail_in;
      const int outcome = isal_inflate(state_.get());
      if (outcome != ISAL_DECOMP_OK) return fail(Errc::kCorrupt, fmt::format("gzip data is bad (code {})", outcome));
      if (state_->avail_out != room) return std::size_t{room - state_->avail_out};
      const bool stuck = state_->block_state != ISAL_BLOCK_FINISH && state_->avail_in == input;
      if (stuck) return fail(Errc::kCorrupt, "gzip data ends early");
    }
  }

  std::unique_ptr<inflate_state> state_;
  bool ended_ = false;
};

// Resetting zlib's deflater keeps its tables (256 KiB); only another level needs new ones.
struct GzipDeflater {
  GzipDeflater() = default;
  GzipDeflater(const GzipDeflater&) = delete;
  GzipDeflater& operator=(const GzipDeflater&) = delete;
  ~GzipDeflater() { end(); }

  void end() {
    if (ready) deflateEnd(&stream);
    ready = false;
  }
  // False: no memory.
  bool begin(int for_level) {
    constexpr int kGzipWindowBits = 15 + 16;
    constexpr int kMemLevel = 8;
    if (ready && level == for_level) return deflateReset(&stream) == Z_OK;
    end();
    stream = {};
    level = for_level;
    ready = deflateInit2(&stream, level, Z_DEFLATED, kGzipWindowBits, kMemLevel, Z_DEFAULT_STRATEGY) == Z_OK;
    return ready;
  }

  z_stream stream{};
  int level = 0;
  bool ready = false;
};

}  // namespace

Result<std::unique_ptr<Inflater>> make_gzip_inflater(ByteView compressed, std::uint64_t max_inflated_bytes) {
  return std::make_unique<GzipInflater>(compressed, max_inflated_bytes);
}

Result<void> deflate_gzip(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out) {
  auto deflater = ThreadSpare<GzipDeflater>::take();
  if (!deflater->begin(std::clamp(level, -1, 9))) return fail(Errc::kTooLarge, "no memory to deflate");
  z_stream& stream = deflater->stream;
  constexpr std::uint64_t kStep = std::uint64_t{1} << 30;  // zlib counts in 32 bits
  const auto start = out.size();
  out.resize(start + std::min<std::uint64_t>(max_bytes, deflateBound(&stream, plain.size())));
  MutableByteView room = MutableByteView(out).subspan(start);
  int outcome = Z_OK;
  while (outcome == Z_OK) {
    const auto input = std::min<std::uint64_t>(plain.size(), kStep);
    const auto output = std::min<std::uint64_t>(room.size(), kStep);
    stream.next_in = const_cast<Bytef*>(plain.data());
    stream.avail_in = static_cast<uInt>(input);
    stream.next_out = room.data();
    stream.avail_out = static_cast<uInt>(output);
    outcome = ::deflate(&stream, input == plain.size() ? Z_FINISH : Z_NO_FLUSH);
    plain = plain.subspan(input - stream.avail_in);
    room = room.subspan(output - stream.avail_out);
  }
  out.resize(out.size() - room.size());
  if (outcome != Z_STREAM_END) return fail(Errc::kTooLarge, "the records deflate to more than the limit");
  ThreadSpare<GzipDeflater>::give(std::move(deflater));
  return {};
}

}  // namespace weir::record
