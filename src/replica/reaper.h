// Removes the files of deleted segments and partitions: once their delay has passed, in steps, on a helper, one after
// another, and never while an answer under way still reads them (design decision 12). Owned by the home shard.
//
// What is left at a stop carries the name of something deleted, and goes at the next start.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "storage/fs.h"
#include "storage/segment.h"

namespace weir::replica {

// Renamed already, so that no start takes it for something alive.
struct Doomed {
  std::vector<storage::Path> files;
  std::vector<storage::Path> directories;
  std::vector<std::shared_ptr<storage::Segment>> segments;  // whose files these are; the log no longer holds them
  SteadyTime due;                                           // not before
};

class Reaper {
 public:
  // The references outlive the reaper.
  Reaper(Shard& home, Helpers& helpers, storage::FileSystem& fs);

  void remove_later(Doomed doomed);
  // Returns when nothing is being removed any more; what waits stays where it is.
  boost::asio::awaitable<void> stop();

  [[nodiscard]] std::size_t waiting_count() const { return waiting_.size(); }

 private:
  boost::asio::awaitable<void> reap();
  // Moves what is due and unread out of waiting_.
  [[nodiscard]] std::vector<Doomed> take_due();
  [[nodiscard]] SteadyTime next_look() const;

  Shard& home_;
  Helpers& helpers_;
  storage::FileSystem& fs_;
  std::list<Doomed> waiting_;
  std::shared_ptr<OneShot<bool>> wake_;  // while reap() waits
  bool is_reaping_ = false;
  std::atomic<bool> is_stopping_ = false;  // looked at by the helper between two steps
  TaskGroup tasks_;
};

}  // namespace weir::replica
