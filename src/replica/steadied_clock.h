// Wall time for whatever deletes by age: a clock that jumps must not empty the logs. Pure, a step at a time; the caller
// passes in what the clocks say. One thread.
//
// A jump ahead is not believed until it has stood for a day of steady time; meanwhile time goes on as if it had not
// happened. A jump back is believed at once, since it only keeps things longer, but what was known before it is not
// forgotten for a day: coming back from it is no jump ahead.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace weir::replica {

class SteadiedClock {
 public:
  // `jump_max_ms`: how far wall time may run ahead of steady time between two calls and still be believed at once.
  explicit SteadiedClock(std::int64_t jump_max_ms) : jump_max_ms_(jump_max_ms) {}

  // The time to judge ages by, in milliseconds since 1970; never above `wall_ms`.
  std::int64_t now_ms(std::int64_t wall_ms, SteadyTime steady);

  // Whether wall time stands ahead and is not believed yet.
  [[nodiscard]] bool is_ahead() const { return is_ahead_; }

 private:
  const std::int64_t jump_max_ms_;
  std::optional<std::int64_t> expected_ms_;  // at last_
  SteadyTime last_;
  std::optional<SteadyTime> off_since_;  // wall time and what we expect have differed since then, by about off_ms_
  std::int64_t off_ms_ = 0;
  bool is_ahead_ = false;
};

}  // namespace weir::replica
