#include "replica/steadied_clock.h"

#include <algorithm>
#include <cstdlib>

namespace weir::replica {
namespace {

constexpr Millis kBelievedAfter{std::int64_t{24} * 60 * 60 * 1000};

}  // namespace

std::int64_t SteadiedClock::now_ms(std::int64_t wall_ms, SteadyTime steady) {
  if (!expected_ms_)
    expected_ms_ = wall_ms;
  else
    *expected_ms_ += std::chrono::duration_cast<Millis>(steady - last_).count();
  last_ = steady;

  const auto off_ms = wall_ms - *expected_ms_;
  if (off_ms <= jump_max_ms_ && off_ms >= -jump_max_ms_) {
    expected_ms_ = wall_ms;
    off_since_.reset();
  } else if (!off_since_ || std::abs(off_ms - off_ms_) > jump_max_ms_) {
    off_since_ = steady;  // another jump has a day of its own to stand
    off_ms_ = off_ms;
  } else if (steady - *off_since_ >= kBelievedAfter) {
    expected_ms_ = wall_ms;
    off_since_.reset();
  }
  is_ahead_ = wall_ms > *expected_ms_;
  return std::min(wall_ms, *expected_ms_);
}

}  // namespace weir::replica
