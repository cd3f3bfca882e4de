// One of the broker's log directories (log.dirs): its lock, identity, checkpoints and clean-stop marker, in Apache
// Kafka's formats (kafka-protocol 5.1). Blocking; start-up, stop and helpers only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/uuid.h"
#include "storage/fs.h"
#include "storage/text_formats.h"
#include "storage/weir_stamp.h"

namespace weir::storage {

inline constexpr std::string_view kRecoveryPointFile = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kLogStartFile = "log-start-offset-checkpoint";
inline constexpr std::string_view kHighWatermarkFile = "replication-offset-checkpoint";

// The offsets of a directory's logs, as its checkpoint files hold them.
struct LogOffsets {
  OffsetCheckpoint recovery_points;
  OffsetCheckpoint log_starts;
  OffsetCheckpoint high_watermarks;
  friend bool operator==(const LogOffsets&, const LogOffsets&) = default;
};

class LogDirectory {
 public:
  // Creates `path` (and its parents) if missing, takes the lock and looks for the marker; the names in `path` are
  // durable afterwards. kBusy: another process has it; nothing was touched.
  static Result<std::unique_ptr<LogDirectory>> open(FileSystem& fs, Path path);
  // Removes the marker for good: a cut from here on is no clean stop. Before the first change of anything; who refuses
  // to start does not call it, and the directory stays as cleanly stopped as it was.
  Result<void> begin_changes();

  [[nodiscard]] const Path& path() const { return path_; }
  // Whether the last stop was clean.
  [[nodiscard]] bool was_clean() const { return was_clean_; }

  // nullopt: there is no meta.properties yet.
  [[nodiscard]] Result<std::optional<DirectoryIdentity>> read_identity() const;
  Result<void> write_identity(const DirectoryIdentity& identity);

  // Whose logs lie here: Weir's, if it led in `last_epoch`, the metadata log's last one (weir_stamp.h); 0: nobody has
  // led yet, and there are none. Reads the stamp.
  void look_at_stamp(LeaderEpoch last_epoch);
  // Until then, Weir's.
  [[nodiscard]] bool last_written_by_weir() const { return last_written_by_weir_; }
  // Says that the logs are Weir's, which leads in `epoch`. Where they were before, ahead of the epoch's first change;
  // what Kafka left is Weir's only once it has been recovered.
  Result<void> write_stamp(LeaderEpoch epoch);

  struct Checkpoints {
    LogOffsets offsets;
    bool starts_known = false;  // they are those of the intact copy: what Weir wrote before any file went
    bool agree = true;  // false: something is missing, damaged or says something else; it wants to be written anew
  };
  // The copy with the checksum, if Weir wrote last: a file of Kafka's that says something else is reported, and does
  // not count. Without an intact copy Kafka's files: a missing one is an empty checkpoint, a malformed one is kCorrupt,
  // with its repair, but for the high watermarks, which are for others to read. Kafka makes its files before it has
  // something to write, so that one without a byte is no damage where it wrote last.
  [[nodiscard]] Result<Checkpoints> read_checkpoints() const;
  // The copy first, so that after a stop in between the newer offsets count. After an error the files may disagree.
  Result<void> write_checkpoints(const LogOffsets& offsets);

  // Partition directories by their names; `-delete`, `-future`, `-stray` forms and other names are left out.
  [[nodiscard]] Result<std::vector<TopicPartition>> list_partitions() const;
  [[nodiscard]] Path partition_path(const TopicPartition& of) const;
  // The partition.metadata file: written before a partition's first data.
  Result<void> write_partition_metadata(const TopicPartition& of, const Uuid& topic_id);
  [[nodiscard]] Result<std::optional<Uuid>> read_partition_metadata(const TopicPartition& of) const;
  // Renames to `<topic>-<p>.<hex>-delete` and makes the name durable; the files go later. kNotFound: there
  // is no such directory. Whoever writes the checkpoints leaves the partition out from then on: a topic made anew must
  // not inherit its offsets.
  Result<Path> mark_deleted(const TopicPartition& of);
  // Renames to `<topic>-<p>.<hex>-stray`: a directory that no topic claims. Its files stay for somebody to look at.
  Result<Path> set_aside(const TopicPartition& of);
  // The `-delete` directories, for remove_tree_in_steps.
  [[nodiscard]] Result<std::vector<Path>> list_deleted() const;

  // The last step of a clean stop: everything else is durable by now.
  Result<void> write_clean_marker(std::int64_t broker_epoch);

 private:
  [[nodiscard]] Result<std::optional<std::string>> read_copy() const;
  [[nodiscard]] Result<Checkpoints> read_intact_copy(std::string_view copy) const;
  [[nodiscard]] Result<OffsetCheckpoint> read_checkpoint(std::string_view file) const;
  Result<Path> rename_with_suffix(const TopicPartition& of, std::string_view suffix);
  LogDirectory(FileSystem& fs, Path path) : fs_(fs), path_(std::move(path)) {}

  FileSystem& fs_;
  Path path_;
  std::unique_ptr<DirectoryLock> lock_;
  bool was_clean_ = false;
  std::optional<EpochSpan> stamp_;  // when the logs are Weir's
  bool last_written_by_weir_ = true;
};

}  // namespace weir::storage
