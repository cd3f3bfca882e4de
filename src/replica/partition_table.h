// The partition manager: which partitions this broker leads, where each one lives, and their logs' opening and closing
// as the cluster's metadata changes. The map is published for any shard; it changes on the home shard (shard 0) only.
//
// Always: every topic of the applied image is in the map; a partition's pointer is null while its log is being opened
// and when it could not be. A partition stays on its shard for life.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "base/published.h"
#include "config/loader.h"
#include "metadata/image.h"
#include "replica/commit_loop.h"
#include "replica/partition.h"
#include "replica/reaper.h"
#include "storage/log_directory.h"

namespace weir::replica {

struct TopicPartitions {
  std::string name;
  Uuid id;
  bool is_internal = false;  // only the broker and its administrators write to it
  std::vector<std::shared_ptr<Partition>> partitions;
  std::vector<PartitionIndex> failed;  // whose log could not be opened

  [[nodiscard]] bool has_partition(PartitionIndex index) const {
    return index.value() >= 0 && static_cast<std::size_t>(index.value()) < partitions.size();
  }
  // Null while it is not served; `index` exists.
  [[nodiscard]] const std::shared_ptr<Partition>& partition(PartitionIndex index) const {
    return partitions[static_cast<std::size_t>(index.value())];
  }
  // Why partition(index) is null.
  [[nodiscard]] ErrorCode reason_unserved(PartitionIndex index) const;
};

// Immutable once published.
class PartitionMap {
 public:
  [[nodiscard]] const TopicPartitions* find(std::string_view name) const;
  [[nodiscard]] const TopicPartitions* find(const Uuid& id) const;
  [[nodiscard]] std::size_t partition_count() const;

  void put(std::shared_ptr<const TopicPartitions> topic);
  void erase(const Uuid& id);
  [[nodiscard]] const auto& topics() const { return by_id_; }

 private:
  std::unordered_map<std::string_view, std::shared_ptr<const TopicPartitions>> by_name_;  // keys live in the values
  std::unordered_map<Uuid, std::shared_ptr<const TopicPartitions>> by_id_;
};

// The offsets of every partition's log, for the checkpoints.
struct LogOffsets {
  storage::OffsetCheckpoint recovery_points;
  storage::OffsetCheckpoint log_starts;
  storage::OffsetCheckpoint high_watermarks;
};

// Why a partition is not served.
struct OpenFailure {
  std::string why;
  bool may_pass = false;  // want of space or descriptors: it is tried again now and then
};

class PartitionTable {
 public:
  // Everything here outlives the table.
  struct Ports {
    const config::LoadedConfig& config;
    const Clock& clock;
    Random& random;
    storage::FileSystem& fs;
    storage::LogDirectory& directory;
    storage::GroupCommit& commit;
    Helpers& helpers;
    Helpers& commit_helpers;  // flushes only
    std::vector<Shard*> shards;
  };

  explicit PartitionTable(Ports ports);
  ~PartitionTable();

  // Any thread.
  [[nodiscard]] std::shared_ptr<const PartitionMap> map() const { return map_.get(); }

  // Home shard, once, before anything is served: opens the partitions of the first image, recovering what the last
  // stop left. `checkpoints` tell what is durable.
  // Directories that no topic of the image claims are set aside: what is in them was somebody's once.
  boost::asio::awaitable<void> open(std::shared_ptr<const metadata::Image> image, LogOffsets checkpoints);

  // Home shard: makes the partitions follow a newly published image, in the background.
  void follow(std::shared_ptr<const metadata::Image> image);

  // Any shard: returns once the image that holds metadata up to `offset` has been applied, or at the deadline (false).
  boost::asio::awaitable<bool> wait_applied(Offset offset, SteadyTime deadline);

  // Home shard. Writes the offsets of every partition to the three checkpoint files, and what was known of the logs
  // that could not be opened; then log starts that were to move do, and the segments below them go. An entry of a
  // deleted topic must be gone before its name is used again: a stale log start or recovery point would be taken for
  // the new log's. One writer at a time.
  boost::asio::awaitable<Result<void>> write_checkpoints();
  // Home shard. Moves the log starts of what the topics' retention no longer keeps at `now_ms` (wall time).
  boost::asio::awaitable<Result<void>> apply_retention(std::int64_t now_ms);
  // Home shard. Tries once more, in the background, to open what failed for a reason that may pass.
  void retry_failed();
  // Home shard. Forgets idle producers; flushes what the rules left to later.
  boost::asio::awaitable<void> expire_producers(std::int64_t before_ms);
  boost::asio::awaitable<void> flush_all();

  // Home shard, at a clean stop: ends waits, finishes flushes, closes every log. The first failure, if any.
  boost::asio::awaitable<Result<void>> close();

  [[nodiscard]] CommitLoop& commit_loop(const Shard& shard) { return *commit_loops_[shard.index()]; }
  // Home shard. Partitions whose log could not be opened: readiness tells of them.
  [[nodiscard]] const std::map<TopicPartition, OpenFailure>& failures() const { return failures_; }

 private:
  struct Opening;  // one log to open, and what came of it
  struct Change;   // what one image asks for
  struct StartMove {
    std::shared_ptr<Partition> partition;
    Offset start;
  };

  boost::asio::awaitable<void> follow_to_the_newest();
  boost::asio::awaitable<void> apply(std::shared_ptr<const metadata::Image> image, const LogOffsets& checkpoints);
  [[nodiscard]] Change plan(const metadata::Image& image, const LogOffsets& checkpoints) const;
  void plan_topic(Change& change, const metadata::Topic& topic, const LogOffsets& checkpoints) const;
  boost::asio::awaitable<void> open_logs(std::vector<Opening>& openings);
  boost::asio::awaitable<void> open_some(std::vector<Opening*> openings);
  void note_failure(const Opening& opening);
  void forget_failure(const TopicPartition& name);
  void set_strays_aside(const PartitionMap& known) const;
  // Asks each owner. `unsettled`: the partitions whose start the checkpoint moves.
  boost::asio::awaitable<LogOffsets> collect_offsets(std::vector<StartMove>& unsettled);
  boost::asio::awaitable<void> settle_starts(std::vector<StartMove> moves);
  [[nodiscard]] Result<void> open_log(Opening& opening) const;
  // True: it was made just now.
  [[nodiscard]] Result<bool> prepare_directory(const Opening& opening) const;
  boost::asio::awaitable<void> remove_topics(std::vector<std::shared_ptr<const TopicPartitions>> topics);
  boost::asio::awaitable<void> close_some(std::vector<std::shared_ptr<Partition>> partitions, Result<void>& outcome);
  boost::asio::awaitable<bool> wait_applied_here(Offset offset, SteadyTime deadline);
  void end_applied_waits();
  [[nodiscard]] Shard& owner_of(const Uuid& topic_id, PartitionIndex index) const;
  [[nodiscard]] Shard& home() const { return *ports_.shards.front(); }

  Ports ports_;
  std::vector<std::unique_ptr<CommitLoop>> commit_loops_;  // by shard index
  Published<PartitionMap> map_;

  // The home shard's.
  std::shared_ptr<const metadata::Image> applied_;
  std::shared_ptr<const metadata::Image> next_;  // the newest image that has not been applied yet
  bool following_ = false;
  bool writing_checkpoints_ = false;
  std::deque<std::shared_ptr<OneShot<bool>>> checkpoint_turns_;  // who waits to write them
  bool closing_ = false;
  std::vector<std::pair<Offset, std::shared_ptr<OneShot<bool>>>> applied_waits_;
  std::map<TopicPartition, OpenFailure> failures_;
  LogOffsets unopened_;  // what the checkpoints say of the logs in failures_
  Reaper reaper_;
  TaskGroup tasks_;
};

}  // namespace weir::replica
