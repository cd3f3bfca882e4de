#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace weir {

std::uint64_t Random::next_u64() {
  std::uint8_t bytes[8];
  fill(bytes);
  return load_be<std::uint64_t>(bytes);
}

void SystemRandom::fill(MutableByteView to) {
  while (!to.empty()) {
    const auto got = ::getrandom(to.data(), to.size(), 0);
    CHECK(got > 0 || errno == EINTR, "getrandom failed, errno {}", errno);
    if (got > 0) to = to.subspan(static_cast<std::size_t>(got));
  }
}

void SeededRandom::fill(MutableByteView to) {
  for (auto& byte : to) byte = static_cast<std::uint8_t>(engine_());
}

}  // namespace weir
