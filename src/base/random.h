// Chance is a parameter: the operating system's in production, a seed's in tests.
#pragma once

#include <cstdint>
#include <random>

#include "base/bytes.h"

namespace weir {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView to) = 0;
  [[nodiscard]] std::uint64_t next_u64();
};

// getrandom(2). Any thread.
class SystemRandom final : public Random {
 public:
  void fill(MutableByteView to) override;
};

// The same seed gives the same bytes on every machine. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(MutableByteView to) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace weir
