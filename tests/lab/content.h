// What the records of a run carry, so that each proves by itself that it is whole: the key is the record's value id
// (u64) and a CRC-32C over id and value; the value is filler that follows from the id, of any size. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::lab {

inline constexpr std::size_t kKeyBytes = 12;

// Half chance, half repeated, so that codecs have work.
[[nodiscard]] Bytes filler(std::uint64_t value_id, std::size_t size_bytes);
[[nodiscard]] std::array<std::uint8_t, kKeyBytes> key_of(std::uint64_t value_id, ByteView value);
// The id of a record that is as it was sent; kCorrupt when any byte is not.
Result<std::uint64_t> value_id_of(ByteView key, ByteView value);

// Sizes from nothing to just under 1 MiB, most of them small; `chance` is any number.
[[nodiscard]] std::size_t size_by_chance(std::uint64_t chance);

}  // namespace weir::lab
