#include "replica/steadied_clock.h"

#include <gtest/gtest.h>

namespace weir::replica {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kStartMs = 1'700'000'000'000;

// A machine whose clock somebody sets, asked once a minute.
class Machine {
 public:
  std::int64_t pass(std::int64_t time_ms) {
    for (; time_ms > 0; time_ms -= kMinuteMs) {
      steady_ += Millis(kMinuteMs);
      wall_ms_ += kMinuteMs;
      now_ms_ = clock.now_ms(wall_ms_, steady_);
    }
    return now_ms_ - kStartMs;
  }
  void jump(std::int64_t by_ms) { wall_ms_ += by_ms; }

  SteadiedClock clock{kHourMs};

 private:
  SteadyTime steady_{};
  std::int64_t wall_ms_ = kStartMs - kMinuteMs;
  std::int64_t now_ms_ = 0;
};

TEST(SteadiedClock, FollowsAClockThatDrifts) {
  Machine machine;
  EXPECT_EQ(machine.pass(kMinuteMs), 0);
  for (int i = 1; i <= 1000; ++i) {
    machine.jump(100);
    EXPECT_EQ(machine.pass(kMinuteMs), i * (kMinuteMs + 100));
  }
  machine.jump(-500);
  EXPECT_EQ(machine.pass(kMinuteMs), 1001 * kMinuteMs + 100'000 - 500);
  EXPECT_FALSE(machine.clock.is_ahead());
}

TEST(SteadiedClock, BelievesAJumpOfTenYearsAfterADay) {
  constexpr auto kTenYearsMs = 3650 * kDayMs;
  Machine machine;
  machine.pass(kMinuteMs);
  machine.jump(kTenYearsMs);
  EXPECT_EQ(machine.pass(kDayMs), kDayMs);
  EXPECT_TRUE(machine.clock.is_ahead());
  EXPECT_EQ(machine.pass(kMinuteMs), kTenYearsMs + kDayMs + kMinuteMs);
  EXPECT_FALSE(machine.clock.is_ahead());
}

TEST(SteadiedClock, ForgetsAJumpAheadThatIsTakenBack) {
  Machine machine;
  machine.pass(kMinuteMs);
  machine.jump(10 * kDayMs);
  EXPECT_EQ(machine.pass(23 * kHourMs), 23 * kHourMs);
  machine.jump(-10 * kDayMs);
  EXPECT_EQ(machine.pass(kHourMs), kDayMs);
  EXPECT_FALSE(machine.clock.is_ahead());
  machine.jump(10 * kDayMs);
  EXPECT_EQ(machine.pass(kHourMs), kDayMs + kHourMs) << "the first jump's day counted for the second";
}

TEST(SteadiedClock, ComesBackFromAJumpOfTenDaysWithoutDoubt) {
  Machine machine;
  machine.pass(kMinuteMs);
  machine.jump(-10 * kDayMs);
  EXPECT_EQ(machine.pass(kHourMs), kHourMs - 10 * kDayMs);
  EXPECT_FALSE(machine.clock.is_ahead());
  machine.jump(10 * kDayMs);
  EXPECT_EQ(machine.pass(kMinuteMs), kHourMs + kMinuteMs);
  EXPECT_FALSE(machine.clock.is_ahead());
}

TEST(SteadiedClock, ASecondJumpHasADayOfItsOwn) {
  for (const auto first : {-2 * kHourMs, 2 * kHourMs}) {
    Machine machine;
    machine.pass(kMinuteMs);
    machine.jump(first);
    machine.pass(kDayMs - kMinuteMs);
    machine.jump(3650 * kDayMs);
    EXPECT_LE(machine.pass(kDayMs), 2 * kDayMs);
    EXPECT_TRUE(machine.clock.is_ahead());
    EXPECT_GE(machine.pass(kMinuteMs), 3650 * kDayMs);
  }
}

TEST(SteadiedClock, TakesAClockThatStaysBackForTheRightOne) {
  Machine machine;
  machine.pass(kMinuteMs);
  machine.jump(-10 * kDayMs);
  machine.pass(25 * kHourMs);
  machine.jump(10 * kDayMs);
  EXPECT_EQ(machine.pass(kMinuteMs), 25 * kHourMs + kMinuteMs - 10 * kDayMs);
  EXPECT_TRUE(machine.clock.is_ahead());
}

}  // namespace
}  // namespace weir::replica
