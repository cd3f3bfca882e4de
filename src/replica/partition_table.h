// The partition manager: which partitions this broker leads, where each one lives, and their logs' opening and closing
// as the cluster's metadata changes. The map is published for any shard; it changes on the home shard (shard 0) only.
//
// Always: every topic of the applied image is in the map; a partition's pointer is null while its log is being opened
// and when it could not be. A partition stays on its shard for life.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <functional>
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
#include "metadata/directory_records.h"
#include "metadata/image.h"
#include "replica/log_dir.h"
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

// Why a partition is not served.
struct OpenFailure {
  std::string why;
  LogDir* dir = nullptr;  // null: in none that is here
  bool may_pass = false;  // want of space or descriptors: it is tried again now and then
  bool is_new = false;    // nothing was ever in it: what checkpoints say of its name is of an earlier topic
};

class PartitionTable {
 public:
  struct Directory {
    storage::LogDirectory& files;
    Uuid id;
    Helpers& commit_helpers;  // flushes of this directory only, while anything is served
  };
  // Everything here outlives the table.
  struct Ports {
    const config::LoadedConfig& config;
    const Clock& clock;
    Random& random;
    storage::FileSystem& fs;
    std::vector<Directory> directories;   // log.dirs as far as they could be opened; at least one
    bool is_a_directory_missing = false;  // log.dirs has more than these
    storage::GroupCommit& commit;
    Helpers& helpers;
    storage::OpenSegments* open_segments = nullptr;  // null: nothing limits how many are open
    storage::RecentPages* recent_pages = nullptr;    // null: the kernel decides what stays in the page cache
    std::vector<Shard*> shards;
    // Home shard: a directory is offline from now on, and what lies in it is not served any more.
    std::function<void(const Uuid& directory_id, const Error& why)> on_offline;
  };

  explicit PartitionTable(Ports ports);
  ~PartitionTable();

  // Any thread.
  [[nodiscard]] std::shared_ptr<const PartitionMap> map() const { return map_.get(); }

  // Home shard, once, before open(): looks which logs lie in the directories, and reads the checkpoints. An error:
  // checkpoints that can't be read; nothing was changed.
  boost::asio::awaitable<Result<void>> find_logs();
  // Home shard, after find_logs(): the logs of this node that lie in another directory than `image` says.
  boost::asio::awaitable<metadata::MovedLogs> moved_logs(const metadata::Image& image);

  // Home shard, once, before anything is served: opens the partitions of the first image, recovering what the last
  // stop left. Partition directories that no topic of the image claims are set aside: what is in them was somebody's
  // once. While it takes long it says in the log how far it is.
  boost::asio::awaitable<void> open(std::shared_ptr<const metadata::Image> image);

  // Home shard: makes the partitions follow a newly published image, in the background.
  void follow(std::shared_ptr<const metadata::Image> image);

  // Any shard: returns once the image that holds metadata up to `offset` has been applied, or at the deadline (false).
  boost::asio::awaitable<bool> wait_applied(Offset offset, SteadyTime deadline);

  // Home shard. Writes the offsets of every partition to the checkpoint files of its directory, and what was known of
  // the logs that could not be opened; then log starts that were to move do, and the segments below them go. An entry
  // of a deleted topic must be gone before its name is used again: a stale log start or recovery point would be taken
  // for the new log's. One writer at a time.
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

  // Any thread, during open(): how far it is, for people.
  [[nodiscard]] std::string opening_progress() const;

  // Null: there is no such directory among those that were opened.
  [[nodiscard]] LogDir* find_dir(const Uuid& id) const;
  // Home shard. Whether a log of `dir` was never recovered: its next start must not be taken for one after a clean
  // stop.
  [[nodiscard]] bool has_unopened(const LogDir& dir) const;
  // Home shard. Partitions whose log could not be opened: readiness tells of them.
  [[nodiscard]] const std::map<TopicPartition, OpenFailure>& failures() const { return failures_; }

 private:
  struct Opening;  // one log to open, and what came of it
  struct Change;   // what one image asks for
  struct StartMove {
    std::shared_ptr<Partition> partition;
    Offset start;
  };

  boost::asio::awaitable<void> tell_progress();
  boost::asio::awaitable<void> follow_to_the_newest();
  boost::asio::awaitable<void> apply(std::shared_ptr<const metadata::Image> image);
  [[nodiscard]] Change plan(const metadata::Image& image) const;
  void plan_topic(Change& change, const metadata::Topic& topic) const;
  // Where a partition's log lies, or is to lie. Null: in a directory that is not here.
  [[nodiscard]] LogDir* place_of(const TopicPartition& name, const metadata::Partition& partition) const;
  [[nodiscard]] bool is_a_directory_missing() const;
  [[nodiscard]] bool is_where_it_should_be(const TopicPartition& name, const std::vector<LogDir*>& found,
                                           const metadata::Image& image) const;
  [[nodiscard]] Result<std::map<TopicPartition, std::vector<LogDir*>>> read_directories();
  static Result<void> read_directory(LogDir& dir, std::map<TopicPartition, std::vector<LogDir*>>& found);
  boost::asio::awaitable<void> forget_predecessors(std::vector<Opening>& openings);
  void take_offline(const LogDir& dir, const Error& why);
  // Publishes `map` without what lies in directories that are offline, and fails that.
  void publish(std::shared_ptr<PartitionMap> map);
  boost::asio::awaitable<void> open_logs(std::vector<Opening>& openings);
  [[nodiscard]] Helpers& lane_helpers(const LogDir* dir) const;
  [[nodiscard]] std::size_t lane_count() const;
  boost::asio::awaitable<void> open_some(Helpers& helpers, std::vector<Opening*> openings);
  void note_failure(const Opening& opening);
  void forget_failure(const TopicPartition& name);
  void forget_checkpoints(const TopicPartition& name);
  void set_strays_aside(const metadata::Image& known) const;
  // Asks each owner; what it says counts for more than what `by_dir` holds. `unsettled`: the partitions whose start the
  // checkpoints move.
  using OffsetsByDir = std::map<LogDir*, storage::LogOffsets>;
  boost::asio::awaitable<void> collect_offsets(OffsetsByDir& by_dir, std::vector<StartMove>& unsettled);
  boost::asio::awaitable<void> settle_starts(std::vector<StartMove> moves);
  // Segments that a log's start has passed, on their way to the reaper.
  struct Leaving {
    std::shared_ptr<Partition> partition;
    std::vector<std::shared_ptr<storage::Segment>> segments;
    Millis delay;  // from the new names' being durable until the files go
  };
  boost::asio::awaitable<void> take_away(std::vector<Leaving> leaving);
  [[nodiscard]] Result<void> open_log(Opening& opening) const;
  // True: it was made just now.
  [[nodiscard]] Result<bool> prepare_directory(const Opening& opening) const;
  boost::asio::awaitable<void> remove_topics(std::vector<std::shared_ptr<const TopicPartitions>> topics);
  boost::asio::awaitable<void> close_some(Helpers& helpers, std::vector<std::shared_ptr<Partition>> partitions,
                                          Result<void>& outcome);
  boost::asio::awaitable<bool> wait_applied_here(Offset offset, SteadyTime deadline);
  void end_applied_waits();
  [[nodiscard]] Shard& owner_of(const Uuid& topic_id, PartitionIndex index) const;
  [[nodiscard]] Shard& home() const { return *ports_.shards.front(); }

  Ports ports_;
  std::vector<std::unique_ptr<LogDir>> dirs_;
  Published<PartitionMap> map_;

  // Counted on helpers while open() runs.
  std::atomic<std::uint64_t> logs_to_open_{0};
  std::atomic<std::uint64_t> logs_opened_{0};
  std::atomic<std::uint64_t> scanned_bytes_{0};

  // The home shard's.
  std::shared_ptr<const metadata::Image> applied_;
  std::shared_ptr<const metadata::Image> next_;  // the newest image that has not been applied yet
  bool following_ = false;
  bool writing_checkpoints_ = false;
  std::deque<std::shared_ptr<OneShot<bool>>> checkpoint_turns_;  // who waits to write them
  bool serving_ = false;  // from the end of open() until close() has ended every wait
  bool closing_ = false;
  std::vector<std::pair<Offset, std::shared_ptr<OneShot<bool>>>> applied_waits_;
  std::map<TopicPartition, OpenFailure> failures_;
  // Where partition directories lie: all at the start, later those that are not where the metadata says.
  std::map<TopicPartition, std::vector<LogDir*>> on_disk_;
  bool is_starting_ = false;
  Reaper reaper_;
  std::vector<Leaving> leaving_;  // what could not be renamed, or not durably: tried again with the next checkpoints
  std::shared_ptr<OneShot<bool>> opened_;  // what tell_progress() sleeps on; set when open() is done
  TaskGroup tasks_;
};

}  // namespace weir::replica
