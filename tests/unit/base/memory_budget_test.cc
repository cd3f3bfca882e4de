#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir {
namespace {

using Reservation = MemoryBudget::Reservation;

// Records who was granted, and holds what he got.
struct Queue {
  MemoryBudget::Ticket wait(MemoryBudget& budget, std::uint64_t size_bytes, char who) {
    return budget.reserve_later(size_bytes, [this, who](Reservation granted) {
      order += who;
      held.push_back(std::move(granted));
    });
  }
  std::string order;
  std::vector<Reservation> held;
};

TEST(MemoryBudget, GrantsWhatFitsAndTakesItBack) {
  const auto budget = std::make_shared<MemoryBudget>(100);
  {
    const auto first = budget->try_reserve(60);
    ASSERT_TRUE(first);
    EXPECT_FALSE(budget->try_reserve(41));
    const auto second = budget->try_reserve(40);
    ASSERT_TRUE(second);
    EXPECT_EQ(budget->reserved_bytes(), 100u);
  }
  EXPECT_EQ(budget->reserved_bytes(), 0u);
}

TEST(MemoryBudget, RefusesMoreThanItsCapacityWithoutOverflow) {
  const auto budget = std::make_shared<MemoryBudget>(100);
  EXPECT_FALSE(budget->try_reserve(101));
  EXPECT_FALSE(budget->try_reserve(~std::uint64_t{0}));
  EXPECT_EQ(budget->reserved_bytes(), 0u);
}

TEST(MemoryBudget, ServesWaitersInArrivalOrder) {
  const auto budget = std::make_shared<MemoryBudget>(100);
  auto all = budget->try_reserve(100);
  Queue queue;
  queue.wait(*budget, 90, 'a');
  queue.wait(*budget, 20, 'b');
  queue.wait(*budget, 5, 'c');
  EXPECT_EQ(queue.order, "");
  all.reset();
  EXPECT_EQ(queue.order, "a");  // b doesn't fit beside a, and c must not overtake b
  EXPECT_FALSE(budget->try_reserve(1)) << "nobody overtakes those who wait";
  auto done = std::exchange(queue.held, {});
  done.clear();
  EXPECT_EQ(queue.order, "abc");
  EXPECT_EQ(budget->reserved_bytes(), 25u);
}

TEST(MemoryBudget, GrantsAtOnceWhenThereIsRoom) {
  const auto budget = std::make_shared<MemoryBudget>(10);
  Queue queue;
  queue.wait(*budget, 10, 'a');
  EXPECT_EQ(queue.order, "a");
}

TEST(MemoryBudget, LetsTheNextGoWhenTheFirstGivesUp) {
  const auto budget = std::make_shared<MemoryBudget>(100);
  const auto half = budget->try_reserve(50);
  Queue queue;
  const auto first = queue.wait(*budget, 60, 'a');
  queue.wait(*budget, 50, 'b');
  budget->cancel(first);
  EXPECT_EQ(queue.order, "b");
  budget->cancel(first);  // gone already
  EXPECT_EQ(budget->reserved_bytes(), 100u);
}

TEST(MemoryBudget, MovesAShareWithoutGivingItBack) {
  const auto budget = std::make_shared<MemoryBudget>(10);
  auto share = *budget->try_reserve(4);
  auto other = *budget->try_reserve(6);
  share = std::move(other);
  EXPECT_EQ(budget->reserved_bytes(), 6u);
}

// Method: threads reserve and release at random; the bound holds at every grant and nobody waits for ever.
TEST(MemoryBudget, HoldsItsBoundUnderThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  const auto budget = std::make_shared<MemoryBudget>(100);
  std::atomic<int> granted_count = 0;
  std::atomic<std::uint64_t> worst_bytes = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const auto size_bytes = static_cast<std::uint64_t>((round * 37 + thread * 11) % 60 + 1);
        budget->reserve_later(size_bytes, [&](Reservation granted) {
          const auto now_bytes = budget->reserved_bytes();
          if (now_bytes > worst_bytes) worst_bytes = now_bytes;
          ++granted_count;
          const auto dies_here = std::move(granted);
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(granted_count, kThreads * kRounds);
  EXPECT_LE(worst_bytes, 100u);
  EXPECT_EQ(budget->reserved_bytes(), 0u);
}

}  // namespace
}  // namespace weir
