// The partition table's checkpoints: one round at a time asks every owner, writes each directory's files, and only then
// lets the logs start where the files say, and their old segments go. Home shard.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/async/run_on.h"
#include "base/log.h"
#include "replica/owned_partitions.h"
#include "replica/partition_table.h"
#include "storage/removal.h"

namespace weir::replica {

boost::asio::awaitable<void> PartitionTable::collect_offsets(OffsetsByDir& by_dir, std::vector<StartMove>& unsettled) {
  const auto collect = [&](Partition& partition) {
    const auto start = partition.start_to_checkpoint();
    auto& offsets = by_dir[&partition.log_dir()];
    offsets.recovery_points[partition.name()] = partition.log().recovery_point();
    offsets.log_starts[partition.name()] = start;
    offsets.high_watermarks[partition.name()] = partition.high_watermark();
    if (partition.is_start_unsettled()) unsettled.push_back({partition.shared_from_this(), start});
  };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, collect));
}

boost::asio::awaitable<Result<void>> PartitionTable::write_checkpoints() {
  while (writing_checkpoints_) {
    auto turn = make_one_shot<bool>(home());
    checkpoint_turns_.push_back(turn);
    co_await turn->wait();
  }
  writing_checkpoints_ = true;
  // Asked within the turn: an older answer must not overwrite a newer one.
  std::vector<StartMove> unsettled;
  OffsetsByDir current;
  for (auto& dir : dirs_) current[dir.get()] = dir->unopened;  // before: a log may be opened while the owners are asked
  co_await collect_offsets(current, unsettled);
  Result<void> outcome;
  for (auto& dir : dirs_) {
    const auto is_here = [&dir](const StartMove& move) { return &move.partition->log_dir() == dir.get(); };
    if (dir->is_offline()) {
      std::erase_if(unsettled, is_here);
      continue;
    }
    auto& offsets = current[dir.get()];
    auto written = co_await run_on_helper(ports_.helpers, home(),
                                          [&dir, &offsets] { return dir->files().write_checkpoints(offsets); });
    dir->is_checkpointed = written.has_value();
    if (written) {
      dir->durable = std::move(offsets);
      continue;
    }
    // Not even its own directory: it was unmounted, or removed.
    if (written.error().code == Errc::kNotFound) {
      dir->fail(written.error());
    } else {
      dir->report(written.error());
    }
    std::erase_if(unsettled, is_here);
    if (outcome) outcome = std::move(written);
  }
  co_await settle_starts(std::move(unsettled));
  writing_checkpoints_ = false;
  if (!checkpoint_turns_.empty()) {
    checkpoint_turns_.front()->set(true);
    checkpoint_turns_.pop_front();
  }
  co_return outcome;
}

boost::asio::awaitable<void> PartitionTable::settle_starts(std::vector<StartMove> moves) {
  auto leaving = std::exchange(leaving_, {});
  for (auto& move : moves) {
    Leaving next{.partition = move.partition, .segments = {}, .delay = {}};
    auto settle = [](Offset start, Leaving& to) -> boost::asio::awaitable<void> {
      to.segments = to.partition->settle_start(start);
      to.delay = Millis(to.partition->rules().file_delete_delay_ms);
      co_return;
    };
    co_await run_on(move.partition->owner(), settle(move.start, next));
    if (next.segments.empty()) continue;
    const auto earlier = std::ranges::find(leaving, next.partition, &Leaving::partition);
    if (earlier == leaving.end()) {
      leaving.push_back(std::move(next));
    } else {
      std::ranges::move(next.segments, std::back_inserter(earlier->segments));
    }
  }
  co_await take_away(std::move(leaving));
}

boost::asio::awaitable<void> PartitionTable::take_away(std::vector<Leaving> leaving) {
  for (auto& of : leaving) {
    auto& log_dir = of.partition->log_dir();
    // Its directory goes as a whole, or the next start finds what lies below the log's start.
    if (of.partition->is_closed() || log_dir.is_offline()) continue;
    auto mark = [this, &of] { return storage::mark_deleted_durably(ports_.fs, of.segments); };
    auto marked = co_await run_on_helper(ports_.helpers, home(), std::move(mark));
    const auto staying = of.segments.begin() + static_cast<std::ptrdiff_t>(marked.count);
    if (marked.count != 0) {
      reaper_.remove_later({.files = std::move(marked.files),
                            .directories = {},
                            .segments = {std::move_iterator(of.segments.begin()), std::move_iterator(staying)},
                            .due = ports_.clock.steady() + of.delay});
    }
    if (marked.outcome) continue;
    of.segments.erase(of.segments.begin(), staying);
    log_dir.report(marked.outcome.error());
    log_warn("{}-{}: {} deleted segments could not be renamed, tried again soon: {}", of.partition->name().topic,
             of.partition->name().partition, of.segments.size(), to_string(marked.outcome.error()));
    leaving_.push_back(std::move(of));
  }
}

boost::asio::awaitable<Result<void>> PartitionTable::apply_retention(std::int64_t now_ms) {
  bool any = false;
  const auto apply = [now_ms, &any](Partition& partition) {
    partition.apply_retention(now_ms);
    any = any || partition.is_start_unsettled();
  };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, apply));
  if (any) co_return co_await write_checkpoints();
  co_return Result<void>{};
}

}  // namespace weir::replica
