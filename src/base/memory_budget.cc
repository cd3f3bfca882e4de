#include "base/memory_budget.h"

#include "base/check.h"

namespace weir {

MemoryBudget::Reservation& MemoryBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  budget_ = std::move(other.budget_);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  return *this;
}

void MemoryBudget::Reservation::give_back() {
  if (budget_ == nullptr) return;
  budget_->give_back(std::exchange(size_bytes_, 0));
  budget_ = nullptr;
}

std::uint64_t MemoryBudget::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return reserved_bytes_;
}

std::optional<MemoryBudget::Reservation> MemoryBudget::try_reserve(std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  if (!waiters_.empty() || size_bytes > capacity_bytes_ - reserved_bytes_) return std::nullopt;
  reserved_bytes_ += size_bytes;
  return Reservation(shared_from_this(), size_bytes);
}

MemoryBudget::Ticket MemoryBudget::reserve_later(std::uint64_t size_bytes, Grant grant) {
  CHECK(size_bytes <= capacity_bytes_, "{} bytes never fit a budget of {}", size_bytes, capacity_bytes_);
  Ticket ticket = 0;
  std::list<Waiter> fitting;
  {
    const std::lock_guard lock(mutex_);
    ticket = next_ticket_++;
    waiters_.push_back(Waiter{ticket, size_bytes, std::move(grant)});
    fitting = take_fitting();
  }
  grant_all(std::move(fitting));
  return ticket;
}

void MemoryBudget::cancel(Ticket ticket) {
  std::list<Waiter> fitting;
  std::list<Waiter> cancelled;
  {
    const std::lock_guard lock(mutex_);
    for (auto waiter = waiters_.begin(); waiter != waiters_.end(); ++waiter) {
      if (waiter->ticket != ticket) continue;
      cancelled.splice(cancelled.begin(), waiters_, waiter);
      break;
    }
    fitting = take_fitting();
  }
  grant_all(std::move(fitting));
}

void MemoryBudget::give_back(std::uint64_t size_bytes) {
  std::list<Waiter> fitting;
  {
    const std::lock_guard lock(mutex_);
    reserved_bytes_ -= size_bytes;
    fitting = take_fitting();
  }
  grant_all(std::move(fitting));
}

std::list<MemoryBudget::Waiter> MemoryBudget::take_fitting() {
  std::list<Waiter> fitting;
  while (!waiters_.empty() && waiters_.front().size_bytes <= capacity_bytes_ - reserved_bytes_) {
    reserved_bytes_ += waiters_.front().size_bytes;
    fitting.splice(fitting.end(), waiters_, waiters_.begin());
  }
  return fitting;
}

void MemoryBudget::grant_all(std::list<Waiter> fitting) {
  for (auto& waiter : fitting) waiter.grant(Reservation(shared_from_this(), waiter.size_bytes));
}

}  // namespace weir
