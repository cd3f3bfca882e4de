#include "base/async/shard.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.h"

namespace weir {

struct Shard::Alarm {
  explicit Alarm(boost::asio::io_context& context) : timer(context), keep_running(context.get_executor()) {}
  boost::asio::steady_timer timer;
  SteadyTime armed_for = SteadyTime::max();
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running;
};

Shard::Shard(std::uint32_t index, const Clock& clock) : index_(index), clock_(clock), context_(1) {}

Shard::~Shard() {
  // One at a time: what a task or a coroutine owns may cancel timers and unpark others as it dies.
  while (!timers_.empty()) {
    auto node = timers_.extract(timers_.begin());
    node.mapped() = nullptr;
  }
  while (first_parked_ != nullptr) {
    auto task = first_parked_->take();
    task = nullptr;
  }
}

Shard::Parked::~Parked() {
  if (!is_empty()) take();
}

void Shard::Parked::park(Shard& shard, Task task) {
  CHECK(is_empty(), "two waiters in one place");
  shard_ = &shard;
  task_ = std::move(task);
  next_ = shard.first_parked_;
  if (next_ != nullptr) next_->previous_ = this;
  shard.first_parked_ = this;
}

Shard::Task Shard::Parked::take() {
  if (next_ != nullptr) next_->previous_ = previous_;
  (previous_ != nullptr ? previous_->next_ : shard_->first_parked_) = next_;
  shard_ = nullptr;
  previous_ = nullptr;
  next_ = nullptr;
  return std::exchange(task_, nullptr);
}

bool Shard::Parked::resume() {
  if (is_empty()) return false;
  auto& shard = *shard_;
  shard.post(take());
  return true;
}

void Shard::post(Task task) {
  boost::asio::post(context_, std::move(task));
}

Shard::TimerId Shard::start_timer(SteadyTime deadline, Task task) {
  const TimerId id{deadline, next_timer_++};
  timers_.emplace(id, std::move(task));
  if (alarm_ != nullptr && deadline < alarm_->armed_for) arm_alarm();
  return id;
}

bool Shard::cancel_timer(TimerId id) {
  return timers_.erase(id) != 0;
}

std::optional<SteadyTime> Shard::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

std::size_t Shard::fire_due_timers() {
  std::size_t fired = 0;
  const auto now = clock_.steady();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto task = std::move(timers_.extract(timers_.begin()).mapped());
    task();
    ++fired;
  }
  return fired;
}

void Shard::arm_alarm() {
  const auto deadline = next_deadline();
  if (!deadline) {
    alarm_->armed_for = SteadyTime::max();
    alarm_->timer.cancel();
    return;
  }
  if (*deadline == alarm_->armed_for) return;
  alarm_->armed_for = *deadline;
  alarm_->timer.expires_at(*deadline);
  alarm_->timer.async_wait([this](const boost::system::error_code& error) {
    if (error || alarm_ == nullptr) return;  // armed anew, or the shard has stopped
    alarm_->armed_for = SteadyTime::max();
    fire_due_timers();
    arm_alarm();
  });
}

void Shard::run() {
  thread_ = std::this_thread::get_id();
  alarm_ = std::make_unique<Alarm>(context_);
  arm_alarm();
  context_.run();
  alarm_.reset();
  thread_ = std::thread::id{};
}

void Shard::stop() {
  context_.stop();
}

std::size_t Shard::step() {
  CHECK(alarm_ == nullptr, "step() on a running shard");
  const auto before = thread_.exchange(std::this_thread::get_id());
  std::size_t total = 0;
  for (;;) {
    context_.restart();
    const auto ran = context_.poll() + fire_due_timers();
    if (ran == 0) break;
    total += ran;
  }
  thread_ = before;
  return total;
}

std::size_t Shard::step_within(Millis limit) {
  const auto stepped = step();
  if (stepped != 0) return stepped;
  const auto before = thread_.exchange(std::this_thread::get_id());
  context_.restart();
  const auto ran = context_.run_one_for(limit);
  thread_ = before;
  return ran + step();
}

}  // namespace weir
