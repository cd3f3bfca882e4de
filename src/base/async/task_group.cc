#include "base/async/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/async/one_shot.h"
#include "base/log.h"

namespace weir {

struct TaskGroup::State {
  Shard& shard;
  std::size_t running_count = 0;
  std::shared_ptr<OneShot<bool>> empty;
};

TaskGroup::TaskGroup(Shard& shard) : state_(std::make_shared<State>(shard)) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(std::shared_ptr<State> state, std::string_view name, boost::asio::awaitable<void> task) {
  auto& shard = state->shard;
  boost::asio::co_spawn(shard.executor(), std::move(task), [held = std::move(state), name](std::exception_ptr thrown) {
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        log_error("task {} ended by an exception: {}", name, error.what());
      }
    }
    if (--held->running_count == 0 && held->empty) held->empty->set(true);
  });
}

void TaskGroup::start(std::string_view name, boost::asio::awaitable<void> task) {
  ++state_->running_count;
  // co_spawn alone would run the task's beginning right here.
  state_->shard.post(
      [state = state_, name, held = std::move(task)]() mutable { spawn(std::move(state), name, std::move(held)); });
}

void TaskGroup::start_now(std::string_view name, boost::asio::awaitable<void> task) {
  ++state_->running_count;
  spawn(state_, name, std::move(task));
}

std::size_t TaskGroup::running_count() const {
  return state_->running_count;
}

boost::asio::awaitable<bool> TaskGroup::wait_until_empty(SteadyTime deadline) {
  const auto state = state_;
  if (state->running_count == 0) co_return true;
  const auto empty = make_one_shot<bool>(state->shard);
  state->empty = empty;
  const auto ended = co_await empty->wait(deadline);
  co_return ended.has_value();
}

}  // namespace weir
