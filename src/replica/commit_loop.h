// The commit loop of one shard and log directory: a log with bytes that are not durable is flushed as soon as a helper
// is free, and what is appended to it meanwhile is its next flush's group (design decision 5). Nobody ever waits on
// purpose: batching comes from the time a flush takes. No log waits for another's flush either; the file system's own
// journal groups those that run at a time. Owned by its shard.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "storage/commit.h"

namespace weir::replica {

// A log that takes part in the loop; its calls come on the loop's shard.
class Flushable {
 public:
  virtual ~Flushable() = default;
  [[nodiscard]] virtual bool needs_flush() const = 0;
  [[nodiscard]] virtual storage::FlushJob begin_flush() = 0;
  virtual void complete_flush(const storage::FlushJob& job, const Result<void>& outcome) = 0;

 private:
  friend class CommitLoop;
  bool is_queued_ = false;
};

class CommitLoop {
 public:
  // At most `flushes_max` flushes run at a time, each on a helper. The references outlive the loop.
  CommitLoop(Shard& shard, Helpers& helpers, storage::GroupCommit& commit, std::uint32_t flushes_max);

  // `log` has bytes to flush. It is kept alive until its flush has been completed. Repeating is harmless. While its
  // flush runs it needs none, unless that is late (needs_flush()): it asks again when that completes.
  void mark_dirty(std::shared_ptr<Flushable> log);

  // Returns when everything marked so far, and by then, is flushed.
  boost::asio::awaitable<void> wait_until_idle();

  // Flushes since the start: what group commit saves is appends per flush.
  [[nodiscard]] std::uint64_t flush_count() const { return flush_count_; }

 private:
  struct Flush;

  [[nodiscard]] bool is_idle() const { return dirty_.empty() && running_count_ == 0; }
  void start_flushes();
  void finish(const Flush& flush);

  Shard& shard_;
  Helpers& helpers_;
  storage::GroupCommit& commit_;
  const std::uint32_t flushes_max_;
  std::deque<std::shared_ptr<Flushable>> dirty_;  // in the order they were marked
  std::uint32_t running_count_ = 0;
  bool start_posted_ = false;
  std::uint64_t flush_count_ = 0;
  std::shared_ptr<OneShot<bool>> idle_;
};

}  // namespace weir::replica
