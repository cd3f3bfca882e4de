// The codecs behind make_inflater and deflate, one file each. For compression/ alone.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "record/compression/inflater.h"

namespace weir::record {

Result<std::unique_ptr<Inflater>> make_gzip_inflater(ByteView compressed, std::uint64_t max_inflated_bytes);
Result<std::unique_ptr<Inflater>> make_snappy_inflater(ByteView compressed, std::uint64_t max_inflated_bytes);
Result<std::unique_ptr<Inflater>> make_lz4_inflater(ByteView compressed, std::uint64_t max_inflated_bytes);
Result<std::unique_ptr<Inflater>> make_zstd_inflater(ByteView compressed, std::uint64_t max_inflated_bytes);

Result<void> deflate_gzip(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out);
Result<void> deflate_snappy(ByteView plain, std::uint64_t max_bytes, Bytes& out);
Result<void> deflate_lz4(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out);
Result<void> deflate_zstd(std::int32_t level, ByteView plain, std::uint64_t max_bytes, Bytes& out);

}  // namespace weir::record
