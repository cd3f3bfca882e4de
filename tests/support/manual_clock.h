// A clock that stands until a test moves it.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace weir {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return wall_ms_; }
  [[nodiscard]] SteadyTime steady() const override { return steady_; }

  void advance(Millis by) {
    steady_ += by;
    wall_ms_ += by.count();
  }
  // Somebody sets the machine's clock.
  void jump_wall(Millis by) { wall_ms_ += by.count(); }

 private:
  SteadyTime steady_{Millis{3'600'000}};
  std::int64_t wall_ms_ = 1'700'000'000'000;
};

}  // namespace weir
