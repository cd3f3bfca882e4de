// A value that one coroutine waits for and somebody on the same shard sets once, or never: then the deadline ends the
// wait. Owned by one shard; shared by pointer between the two sides.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/async/shard.h"

namespace weir {

template <class T>
class OneShot : public std::enable_shared_from_this<OneShot<T>> {
 public:
  explicit OneShot(Shard& shard) : shard_(shard) {}

  // False when a value was set, or the wait timed out, before. The waiter goes on in a later turn of the loop, so a
  // setter may hold references into its own state.
  bool set(T value) {
    if (done_) return false;
    done_ = true;
    value_ = std::move(value);
    waiter_.resume();
    return true;
  }

  [[nodiscard]] bool is_done() const { return done_; }

  // One waiter. nullopt: `deadline` passed first. When the shard dies first, the waiting coroutine is destroyed.
  boost::asio::awaitable<std::optional<T>> wait(SteadyTime deadline = SteadyTime::max()) {
    // Outlives a setter that lets go. In this frame, not in the closure below: rules.py, awaited-temporary.
    const auto self = this->shared_from_this();
    if (!done_) {
      std::optional<Shard::TimerId> timer;
      if (deadline != SteadyTime::max()) {
        timer = shard_.start_timer(deadline, [self] {
          if (self->done_) return;
          self->done_ = true;
          self->waiter_.resume();
        });
      }
      co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
          [this](auto handler) { waiter_.park(shard_, [held = std::move(handler)]() mutable { std::move(held)(); }); },
          boost::asio::use_awaitable);
      if (timer) shard_.cancel_timer(*timer);
    }
    co_return std::move(value_);
  }

 private:
  Shard& shard_;
  bool done_ = false;
  std::optional<T> value_;
  Shard::Parked waiter_;
};

template <class T>
std::shared_ptr<OneShot<T>> make_one_shot(Shard& shard) {
  return std::make_shared<OneShot<T>>(shard);
}

}  // namespace weir
