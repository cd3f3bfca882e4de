// A shard: one thread, one event loop, one timer queue. Connections, partitions and coordinators live on one shard for
// life, and what a shard owns is touched on its thread only. In production run() drives it on its own thread; a test
// drives it by step() with a manual clock, so that nothing depends on real time.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace weir {

class Shard {
 public:
  using Task = std::move_only_function<void()>;
  // Names a running timer; ordered by deadline. Zero is never given out.
  using TimerId = std::pair<SteadyTime, std::uint64_t>;

  // The rest of a suspended coroutine, kept by what will resume it. Coroutine and keeper hold each other, so the shard
  // knows every parked one and ends them when it dies. Touched on the shard's thread only while something is parked.
  class Parked {
   public:
    Parked() = default;
    ~Parked();
    Parked(const Parked&) = delete;
    Parked& operator=(const Parked&) = delete;
    // Nothing may be parked here yet.
    void park(Shard& shard, Task task);
    // Posts what is parked; false when nothing is.
    bool resume();
    [[nodiscard]] bool is_empty() const { return shard_ == nullptr; }

   private:
    friend class Shard;
    Task take();

    Shard* shard_ = nullptr;  // null: nothing is parked
    Parked* previous_ = nullptr;
    Parked* next_ = nullptr;
    Task task_;
  };

  // `clock` outlives the shard.
  Shard(std::uint32_t index, const Clock& clock);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }
  // Whether the caller runs on this shard's thread.
  [[nodiscard]] bool is_current() const {
    return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  // Any thread. Tasks of one thread run in the order they were posted.
  void post(Task task);

  // Owner only. `task` runs once the clock has reached `deadline`, unless cancelled before.
  TimerId start_timer(SteadyTime deadline, Task task);
  // Owner only. False when the timer has fired or never was.
  bool cancel_timer(TimerId id);

  // Runs until stop(). The calling thread becomes the shard's.
  void run();
  // Any thread. What is queued stays unrun.
  void stop();

  // Tests: runs everything that is ready, and every timer that is due by the clock, until nothing is left to do. The
  // calling thread counts as the shard's while it runs. Returns the number of handlers run.
  std::size_t step();
  // Owner, tests: the earliest deadline, for a clock that jumps to it.
  [[nodiscard]] std::optional<SteadyTime> next_deadline() const;
  // Tests: waits up to `limit` of real time for one event from outside (a socket, a post), then goes on like step().
  std::size_t step_within(Millis limit);

 private:
  std::size_t fire_due_timers();
  void arm_alarm();

  const std::uint32_t index_;
  const Clock& clock_;
  std::atomic<std::thread::id> thread_;
  std::map<TimerId, Task> timers_;
  std::uint64_t next_timer_ = 1;
  Parked* first_parked_ = nullptr;
  boost::asio::io_context context_;  // dies before what the coroutines in it may still use
  struct Alarm;                      // the one operating-system timer, armed to the earliest deadline while run() runs
  std::unique_ptr<Alarm> alarm_;
};

}  // namespace weir
