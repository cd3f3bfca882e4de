// Work that belongs elsewhere: on another shard, or on a helper because it blocks. The caller's coroutine stays on its
// own shard for life and resumes there with the result.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"

namespace weir {

// Runs `task` on `owner` and resumes here. No hop when the caller is there already. A round trip costs a wake-up, so
// hop once per owner and request.
template <class T>
boost::asio::awaitable<T> run_on(Shard& owner, boost::asio::awaitable<T> task) {
  if (owner.is_current()) co_return co_await std::move(task);
  co_return co_await boost::asio::co_spawn(owner.executor(), std::move(task), boost::asio::use_awaitable);
}

// Runs `work` on a helper thread and resumes on `here`, the caller's shard, with what it returned. Work that owns
// something is named before the co_await: g++-12 destroys a closure twice that is written inside one.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work>> run_on_helper(Helpers& helpers, Shard& here, Work work) {
  using T = std::invoke_result_t<Work>;
  auto done = make_one_shot<T>(here);
  helpers.run([done, &here, held = std::move(work)]() mutable {
    here.post([done, value = held()]() mutable { done->set(std::move(value)); });
  });
  auto value = co_await done->wait();
  co_return *std::move(value);
}

}  // namespace weir
