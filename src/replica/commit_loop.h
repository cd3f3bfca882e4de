// The commit loop of one shard and log directory: whenever logs hold bytes that are not durable and no round is
// running, one round flushes them all, and what arrives meanwhile is the next round's group (design decision 5).
// Nobody ever waits on purpose: batching comes from the time a flush takes. Owned by its shard.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

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
};

class CommitLoop {
 public:
  // `parallel_flushes` helpers share one round. The references outlive the loop.
  CommitLoop(Shard& shard, Helpers& helpers, storage::GroupCommit& commit, std::uint32_t parallel_flushes);

  // `log` has bytes to flush. It is kept alive until its flush has been completed. Repeating is harmless.
  void mark_dirty(std::shared_ptr<Flushable> log);

  // Returns when everything marked so far, and by then, is flushed.
  boost::asio::awaitable<void> wait_until_idle();

  // Rounds since the start: what group commit saves is appends per round.
  [[nodiscard]] std::uint64_t round_count() const { return round_count_; }

 private:
  struct Round;

  void start_round();
  void finish_part(const std::shared_ptr<Round>& round);
  void finish_round(Round& round);

  Shard& shard_;
  Helpers& helpers_;
  storage::GroupCommit& commit_;
  const std::uint32_t parallel_flushes_;
  std::vector<std::shared_ptr<Flushable>> dirty_;
  bool round_scheduled_ = false;  // from the first mark until its round has ended
  std::uint64_t round_count_ = 0;
  std::shared_ptr<OneShot<bool>> idle_;
};

}  // namespace weir::replica
