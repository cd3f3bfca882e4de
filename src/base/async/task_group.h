// The only place where a coroutine is started without being awaited. It knows how many still run, logs what one
// throws, and lets a stop wait for the rest. Owned by one shard.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string_view>

#include "base/async/shard.h"

namespace weir {

class TaskGroup {
 public:
  explicit TaskGroup(Shard& shard);
  // Every task must have ended, or the shard's loop must never run again.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` on the shard, in a later turn of its loop. `name` is a literal, for the log.
  void start(std::string_view name, boost::asio::awaitable<void> task);
  // The same without the turn: what `task` does before its first wait is done before this returns. On the shard only.
  void start_now(std::string_view name, boost::asio::awaitable<void> task);
  [[nodiscard]] std::size_t running_count() const;
  // Returns when nothing runs any more, or at `deadline` (false); tasks must have been told to end. One caller.
  boost::asio::awaitable<bool> wait_until_empty(SteadyTime deadline = SteadyTime::max());

 private:
  struct State;
  static void spawn(std::shared_ptr<State> state, std::string_view name, boost::asio::awaitable<void> task);
  std::shared_ptr<State> state_;
};

}  // namespace weir
