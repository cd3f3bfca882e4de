#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>

namespace weir {

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  // ISA-L takes an int length and a non-const pointer, and leaves both inversions to the caller.
  constexpr std::size_t kStep = std::size_t{1} << 30;
  auto crc = ~previous;
  while (!bytes.empty()) {
    const auto step = std::min(bytes.size(), kStep);
    crc = crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(step), crc);
    bytes = bytes.subspan(step);
  }
  return ~crc;
}

}  // namespace weir
