#include "replica/commit_loop.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace weir::replica {

// One part a helper; the parts are disjoint, and joined on the shard.
struct CommitLoop::Round {
  struct Part {
    std::vector<std::shared_ptr<Flushable>> logs;
    std::vector<storage::FlushJob> jobs;
    std::vector<Result<void>> outcomes;
  };
  std::vector<Part> parts;
  std::size_t parts_running = 0;
};

CommitLoop::CommitLoop(Shard& shard, Helpers& helpers, storage::GroupCommit& commit, std::uint32_t parallel_flushes)
    : shard_(shard), helpers_(helpers), commit_(commit), parallel_flushes_(std::max(parallel_flushes, 1U)) {}

void CommitLoop::mark_dirty(std::shared_ptr<Flushable> log) {
  if (std::ranges::find(dirty_, log) == dirty_.end()) dirty_.push_back(std::move(log));
  if (round_scheduled_) return;
  round_scheduled_ = true;
  // In a later turn: every append of this turn shares the round.
  shard_.post([this] { start_round(); });
}

void CommitLoop::start_round() {
  auto round = std::make_shared<Round>();
  const auto part_count = std::min<std::size_t>(parallel_flushes_, dirty_.size());
  round->parts.resize(part_count);
  std::size_t next_part = 0;
  for (auto& log : std::exchange(dirty_, {})) {
    if (!log->needs_flush()) continue;
    auto& part = round->parts[next_part++ % part_count];
    part.jobs.push_back(log->begin_flush());
    part.logs.push_back(std::move(log));
  }
  std::erase_if(round->parts, [](const Round::Part& part) { return part.jobs.empty(); });
  if (round->parts.empty()) {
    finish_round(*round);
    return;
  }
  ++round_count_;
  round->parts_running = round->parts.size();
  for (auto& part : round->parts) {
    helpers_.run([this, round, &part] {
      part.outcomes = commit_.make_durable(part.jobs);
      shard_.post([this, round] { finish_part(round); });
    });
  }
}

void CommitLoop::finish_part(const std::shared_ptr<Round>& round) {
  if (--round->parts_running == 0) finish_round(*round);
}

void CommitLoop::finish_round(Round& round) {
  for (auto& part : round.parts) {
    CHECK(part.outcomes.size() == part.jobs.size(), "a commit answered {} of {} jobs", part.outcomes.size(),
          part.jobs.size());
    for (std::size_t i = 0; i < part.jobs.size(); ++i) part.logs[i]->complete_flush(part.jobs[i], part.outcomes[i]);
  }
  if (!dirty_.empty()) {
    shard_.post([this] { start_round(); });
    return;
  }
  round_scheduled_ = false;
  if (idle_) std::exchange(idle_, nullptr)->set(true);
}

boost::asio::awaitable<void> CommitLoop::wait_until_idle() {
  while (round_scheduled_) {
    if (!idle_) idle_ = make_one_shot<bool>(shard_);
    const auto idle = idle_;
    co_await idle->wait();
  }
}

}  // namespace weir::replica
