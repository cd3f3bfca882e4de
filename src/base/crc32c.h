// CRC-32C (Castagnoli), the checksum of record batches and producer snapshots. Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir {

// The checksum of `bytes`, or of what `previous` covered followed by `bytes`.
[[nodiscard]] std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

}  // namespace weir
