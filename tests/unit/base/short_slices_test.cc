// What the kernel says of a thread's scheduling before and after it asked for short slices.
#include "base/short_slices.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <thread>

namespace weir {
namespace {

// The first version of sched_setattr(2)'s structure.
struct Attributes {
  std::uint32_t size_bytes = 48;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

std::optional<Attributes> try_own_attributes() {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, attributes.size_bytes, 0) != 0) return std::nullopt;
  return attributes;
}

Attributes own_attributes() {
  return try_own_attributes().value();
}

// Of another thread than the suite's, so that nothing is left behind.
template <class Run>
void on_own_thread(Run run) {
  std::thread(run).join();
}

TEST(ShortSlices, AreHandedDownAndChangeNothingElse) {
  on_own_thread([] {
    const auto given = try_own_attributes();
    if (!given || given->policy != SCHED_OTHER) GTEST_SKIP() << "not under the usual policy, or it can't be read";
    const auto nice = std::max(given->nice, 5);
    ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, nice), 0);
    ask_for_short_slices();
    const auto after = own_attributes();
    EXPECT_EQ(after.policy, SCHED_OTHER);
    EXPECT_EQ(after.nice, nice);
    if (given->runtime_ns == 0) GTEST_SKIP() << "this kernel has no slices of a thread's own (Linux 6.12)";
    EXPECT_EQ(after.runtime_ns, 100'000U);
    on_own_thread([] { EXPECT_EQ(own_attributes().runtime_ns, 100'000U); });
  });
}

TEST(ShortSlices, LeaveAThreadUnderAnotherPolicyAlone) {
  on_own_thread([] {
    if (!try_own_attributes()) GTEST_SKIP() << "a thread's scheduling can't be read here";
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_BATCH, &none), 0);
    const auto before = own_attributes();
    ask_for_short_slices();
    EXPECT_EQ(own_attributes().policy, SCHED_BATCH);
    EXPECT_EQ(own_attributes().runtime_ns, before.runtime_ns);
  });
}

}  // namespace
}  // namespace weir
