#include "replica/commit_loop.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir::replica {

// One log's, from its start to its completion.
struct CommitLoop::Flush {
  std::shared_ptr<Flushable> log;
  storage::FlushJob job;
  std::vector<Result<void>> outcomes;
};

CommitLoop::CommitLoop(Shard& shard, Helpers& helpers, storage::GroupCommit& commit, std::uint32_t flushes_max)
    : shard_(shard), helpers_(helpers), commit_(commit), flushes_max_(std::max(flushes_max, 1U)) {}

void CommitLoop::mark_dirty(std::shared_ptr<Flushable> log) {
  if (std::exchange(log->is_queued_, true)) return;
  dirty_.push_back(std::move(log));
  if (start_posted_ || running_count_ == flushes_max_) return;
  start_posted_ = true;
  // In a later turn: every append of this turn shares the flush.
  shard_.post([this] {
    start_posted_ = false;
    start_flushes();
  });
}

void CommitLoop::start_flushes() {
  while (!dirty_.empty() && running_count_ < flushes_max_) {
    auto log = std::move(dirty_.front());
    dirty_.pop_front();
    log->is_queued_ = false;
    if (!log->needs_flush()) continue;
    auto flush = std::make_shared<Flush>();
    flush->job = log->begin_flush();
    flush->log = std::move(log);
    ++running_count_;
    ++flush_count_;
    helpers_.run([this, flush = std::move(flush)] {
      flush->outcomes = commit_.make_durable({&flush->job, 1});
      shard_.post([this, flush] { finish(*flush); });
    });
  }
  if (is_idle() && idle_) std::exchange(idle_, nullptr)->set(true);
}

void CommitLoop::finish(const Flush& flush) {
  CHECK(flush.outcomes.size() == 1, "a commit answered {} of 1 jobs", flush.outcomes.size());
  --running_count_;
  flush.log->complete_flush(flush.job, flush.outcomes.front());
  // At once: the disk works while the answers that were waiting go out.
  start_flushes();
}

boost::asio::awaitable<void> CommitLoop::wait_until_idle() {
  while (!is_idle()) {
    if (!idle_) idle_ = make_one_shot<bool>(shard_);
    const auto idle = idle_;
    co_await idle->wait();
  }
}

}  // namespace weir::replica
