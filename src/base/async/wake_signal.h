// A bell for one coroutine of the same shard: whoever changed something that it may wait for rings, and the coroutine
// looks for itself. A ring before the wait is remembered, once. Owned by one shard.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/async/shard.h"

namespace weir {

class WakeSignal {
 public:
  explicit WakeSignal(Shard& shard) : shard_(shard) {}

  // The waiter goes on in a later turn of the loop.
  void ring() { has_rung_ = !waiter_.resume(); }

  // Returns once rung, perhaps for a reason that is gone: wait in a loop over the condition. The signal lives until
  // the wait is over.
  boost::asio::awaitable<void> wait() {
    if (std::exchange(has_rung_, false)) co_return;
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [this](auto handler) { waiter_.park(shard_, [held = std::move(handler)]() mutable { std::move(held)(); }); },
        boost::asio::use_awaitable);
  }

 private:
  Shard& shard_;
  bool has_rung_ = false;
  Shard::Parked waiter_;
};

}  // namespace weir
