// Time is a parameter. Wall time stamps records and files; steady time runs every timer and deadline. The only place
// that asks the operating system for either is clock.cc.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

using Millis = std::chrono::milliseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970 UTC, as records carry them; may jump.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  // Never goes back; its zero means nothing.
  [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override;
  [[nodiscard]] SteadyTime steady() const override;
};

}  // namespace weir
