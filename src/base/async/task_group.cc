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

void TaskGroup::start(std::string_view name, boost::asio::awaitable<void> task) {
  ++state_->running_count;
  boost::asio::co_spawn(state_->shard.executor(), std::move(task), [state = state_, name](std::exception_ptr thrown) {
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        log_error("task {} ended by an exception: {}", name, error.what());
      }
    }
    if (--state->running_count == 0 && state->empty) state->empty->set(true);
  });
}

std::size_t TaskGroup::running_count() const { return state_->running_count; }

boost::asio::awaitable<void> TaskGroup::wait_until_empty() {
  if (state_->running_count == 0) co_return;
  state_->empty = make_one_shot<bool>(state_->shard);
  co_await state_->empty->wait();
}

}  // namespace weir
