// Who waits for something to change, from any shard: a parked fetch puts its watch on the partitions it reads, and
// the partition's owner rings when the high watermark moved. A watch rings at most once; it then looks for itself and
// parks anew. The lock is held to change the list only, never while a watcher runs.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/async/one_shot.h"
#include "base/async/shard.h"

namespace weir {

// One parked coroutine. Made, waited for and dropped on its home shard; rung from any.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  explicit Watch(Shard& home) : home_(home), rung_(make_one_shot<bool>(home)) {}

  // Any thread. Only the first ring posts.
  void ring() {
    if (has_rung_.exchange(true, std::memory_order_acq_rel)) return;
    home_.post([rung = rung_] { rung->set(true); });
  }
  // Home shard. False: the deadline passed first.
  boost::asio::awaitable<bool> wait(SteadyTime deadline) {
    const auto rung = co_await rung_->wait(deadline);
    co_return rung.has_value();
  }

 private:
  Shard& home_;
  std::atomic<bool> has_rung_ = false;
  std::shared_ptr<OneShot<bool>> rung_;
};

class WatchList {
 public:
  // Any thread. After adding, look once more at what is watched: it may have changed in between.
  void add(std::shared_ptr<Watch> watch) {
    const std::lock_guard lock(mutex_);
    watches_.push_back(std::move(watch));
  }
  // Any thread. A watch that has rung is gone already.
  void remove(const std::shared_ptr<Watch>& watch) {
    const std::lock_guard lock(mutex_);
    std::erase(watches_, watch);
  }
  // Any thread, after the change. Rings and forgets everybody. Takes the lock even when nobody waits: only the lock
  // orders this change before the second look of somebody who is just adding himself.
  void ring_all() {
    std::vector<std::shared_ptr<Watch>> rung;
    {
      const std::lock_guard lock(mutex_);
      rung.swap(watches_);
    }
    for (const auto& watch : rung) watch->ring();
  }

 private:
  std::mutex mutex_;  // guards watches_
  std::vector<std::shared_ptr<Watch>> watches_;
};

}  // namespace weir
