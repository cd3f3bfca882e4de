// One bound over bytes that the whole process may hold for one purpose, whoever asks for them. Who doesn't fit waits in
// arrival order, so that somebody who wants much is not starved by those who want little. Any thread.
//
// Always holds: reserved bytes are at most the capacity; while anybody waits nobody overtakes.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace weir {

class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
 public:
  // A share of the budget, given back when it dies.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : budget_(std::move(other.budget_)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { give_back(); }

   private:
    friend class MemoryBudget;
    Reservation(std::shared_ptr<MemoryBudget> budget, std::uint64_t size_bytes)
        : budget_(std::move(budget)), size_bytes_(size_bytes) {}
    void give_back();

    std::shared_ptr<MemoryBudget> budget_;
    std::uint64_t size_bytes_ = 0;
  };

  // Called at most once, on the thread of whoever made room: it does no more than post.
  using Grant = std::move_only_function<void(Reservation)>;
  using Ticket = std::uint64_t;

  // Shares hold the budget: make it by std::make_shared.
  explicit MemoryBudget(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  [[nodiscard]] std::uint64_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const;

  // nullopt: it doesn't fit now, or others wait.
  [[nodiscard]] std::optional<Reservation> try_reserve(std::uint64_t size_bytes);
  // Queues for `size_bytes`, at most the capacity. `grant` may run before this returns.
  Ticket reserve_later(std::uint64_t size_bytes, Grant grant);
  // Leaves the queue. A grant that is on its way still arrives.
  void cancel(Ticket ticket);

 private:
  struct Waiter {
    Ticket ticket;
    std::uint64_t size_bytes;
    Grant grant;
  };

  void give_back(std::uint64_t size_bytes);
  std::list<Waiter> take_fitting();           // under the lock
  void grant_all(std::list<Waiter> fitting);  // outside of it

  const std::uint64_t capacity_bytes_;
  mutable std::mutex mutex_;  // guards all below
  std::uint64_t reserved_bytes_ = 0;
  std::list<Waiter> waiters_;
  Ticket next_ticket_ = 1;
};

}  // namespace weir
