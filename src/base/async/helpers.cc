#include "base/async/helpers.h"

namespace weir {

HelperThreads::~HelperThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void HelperThreads::run(Work work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    // A thread is added only when nobody is free: an idle broker keeps one or none.
    if (idle_count_ < queue_.size() && threads_.size() < thread_count_) threads_.emplace_back([this] { serve(); });
  }
  wake_.notify_one();
}

void HelperThreads::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_count_;
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_count_;
    if (queue_.empty()) return;  // stopping, and nothing is left
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // its captures die outside the lock
    lock.lock();
  }
}

}  // namespace weir
