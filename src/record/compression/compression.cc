#include <fmt/core.h>

#include "record/compression/codecs.h"
#include "record/compression/deflater.h"
#include "record/compression/inflater.h"

namespace weir::record {

Result<std::size_t> Inflater::read(MutableByteView out) {
  auto count = inflate(out);
  if (!count) return count;
  if (*count > left_bytes_) return fail(Errc::kTooLarge, "the records inflate to more than the limit");
  left_bytes_ -= *count;
  return count;
}

Result<std::unique_ptr<Inflater>> make_inflater(Codec codec, ByteView compressed, std::uint64_t max_inflated_bytes) {
  switch (codec) {
    case Codec::kGzip: return make_gzip_inflater(compressed, max_inflated_bytes);
    case Codec::kSnappy: return make_snappy_inflater(compressed, max_inflated_bytes);
    case Codec::kLz4: return make_lz4_inflater(compressed, max_inflated_bytes);
    case Codec::kZstd: return make_zstd_inflater(compressed, max_inflated_bytes);
    case Codec::kNone: break;
  }
  return fail(Errc::kUnsupported, fmt::format("no codec to inflate with has id {}", static_cast<int>(codec)));
}

std::int32_t default_level(Codec codec) {
  switch (codec) {
    case Codec::kGzip: return -1;
    case Codec::kLz4: return 9;
    case Codec::kZstd: return 3;
    case Codec::kNone:
    case Codec::kSnappy: break;
  }
  return 0;
}

Result<void> deflate(Codec codec, std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out) {
  switch (codec) {
    case Codec::kGzip: return deflate_gzip(level, plain, max_bytes, out);
    case Codec::kSnappy: return deflate_snappy(plain, max_bytes, out);
    case Codec::kLz4: return deflate_lz4(level, plain, max_bytes, out);
    case Codec::kZstd: return deflate_zstd(level, plain, max_bytes, out);
    case Codec::kNone: break;
  }
  return fail(Errc::kUnsupported, fmt::format("no codec to deflate with has id {}", static_cast<int>(codec)));
}

}  // namespace weir::record
