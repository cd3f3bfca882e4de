// Where a randomised test gets its seed, and how a failure says to repeat it. Any thread; inside a running test.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/random.h"

namespace weir::test {

// WEIR_SEED when it is set, else a new one.
inline std::uint64_t draw_seed() {
  if (const char* asked = std::getenv("WEIR_SEED")) return std::strtoull(asked, nullptr, 10);
  return SystemRandom().next_u64();
}

// For SCOPED_TRACE: the command that runs this test again with the same seed.
inline std::string repeat_with(std::uint64_t seed) {
  const auto* running = testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("repeat: WEIR_SEED={} {} --gtest_filter={}.{}", seed, program_invocation_name,
                     running == nullptr ? "*" : running->test_suite_name(), running == nullptr ? "*" : running->name());
}

}  // namespace weir::test
