// The compression codecs of a record batch, by their attribute bits.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class Codec : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

inline constexpr std::uint8_t kCodecMax = 4;

[[nodiscard]] constexpr std::string_view to_string(Codec codec) {
  constexpr std::string_view kNames[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  return kNames[static_cast<std::size_t>(codec)];
}

}  // namespace weir
