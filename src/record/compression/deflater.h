// Compression of a batch's records, in the framings that every Kafka client reads. Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "model/codec.h"

namespace weir::record {

// What Kafka's compression.gzip.level, compression.lz4.level and compression.zstd.level are by default; 0 for codecs
// without levels.
[[nodiscard]] std::int32_t default_level(Codec codec);

// Appends `plain`, compressed, to `out`. Levels are Kafka's: gzip -1 or 1-9, lz4 1-17, zstd -131072-22 (others are
// brought into range). kTooLarge: it takes more than `max_bytes`; `out` then holds rubbish after its old end.
// kUnsupported: Codec::kNone or no codec at all.
[[nodiscard]] Result<void> deflate(Codec codec, std::int32_t level, ByteView plain, std::uint64_t max_bytes,
                                   Bytes& out);

}  // namespace weir::record
