#include "storage/log_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "model/topic_name.h"
#include "storage/checkpoint_copy.h"

namespace weir::storage {
namespace {

constexpr std::string_view kLockFile = ".lock";
constexpr std::string_view kCleanMarkerFile = ".kafka_cleanshutdown";
constexpr std::string_view kIdentityFile = "meta.properties";
constexpr std::string_view kPartitionMetadataFile = "partition.metadata";
constexpr std::string_view kDeleteSuffix = "-delete";
constexpr std::string_view kStraySuffix = "-stray";

constexpr std::size_t kFileNameBytesMax = 255;
constexpr std::uint64_t kSmallFileBytesMax = 64 * kKiB;
// A million partitions with the longest names.
constexpr std::uint64_t kCheckpointBytesMax = 300 * kMiB;

struct CheckpointFile {
  std::string_view name;
  OffsetCheckpoint LogOffsets::* offsets;
};
// In the order of CheckpointTexts.
constexpr std::array<CheckpointFile, 3> kCheckpoints = {{{kRecoveryPointFile, &LogOffsets::recovery_points},
                                                         {kLogStartFile, &LogOffsets::log_starts},
                                                         {kHighWatermarkFile, &LogOffsets::high_watermarks}}};

Result<void> create_with_parents(FileSystem& fs, const Path& path) {
  WEIR_TRY_ASSIGN(found, fs.exists(path));
  if (found) return {};
  const auto parent = path.parent_path();
  if (!parent.empty() && parent != path) WEIR_TRY(create_with_parents(fs, parent));
  if (auto created = fs.create_directory(path); !created && created.error().code != Errc::kAlreadyExists) {
    return created;
  }
  return fs.sync_directory(parent);
}

std::string_view repair_of(std::string_view checkpoint) {
  if (checkpoint == kLogStartFile) {
    return "to repair: put it right, or remove the file, and each log starts at its first segment again";
  }
  return "to repair: remove the file, and each log is checked from its start";
}

// A first start that was killed may have made directories whose names are not durable yet.
Result<void> sync_names_up(FileSystem& fs, const Path& path) {
  for (auto parent = path.parent_path();; parent = parent.parent_path()) {
    auto synced = fs.sync_directory(parent);
    // Whose directory that is, who may not even list it, did not make it.
    if (!synced && synced.error().os_errno != EACCES) return synced;
    if (parent.empty() || parent == parent.parent_path()) return {};
  }
}

std::optional<TopicPartition> parse_partition_name(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto topic = name.substr(0, dash);
  const auto number = name.substr(dash + 1);
  if (topic_name_problem(topic)) return std::nullopt;
  const bool canonical = std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; }) &&
                         (number.size() == 1 || !number.starts_with('0'));
  std::int32_t partition = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), partition);
  if (!canonical || parsed.ec != std::errc{}) return std::nullopt;
  return TopicPartition{std::string(topic), PartitionIndex{partition}};
}

std::string partition_name(const TopicPartition& of) {
  return fmt::format("{}-{}", of.topic, of.partition.value());
}

std::string to_hex(const Uuid& id) {
  std::string hex;
  for (const auto byte : id.bytes) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

// nullopt when there is no such file.
Result<std::optional<std::string>> read_text(FileSystem& fs, const Path& path, std::uint64_t limit_bytes) {
  auto content = read_whole_file(fs, path, limit_bytes);
  if (!content && content.error().code == Errc::kNotFound) return std::nullopt;
  if (!content) return std::unexpected(std::move(content).error());
  return std::string(as_text(*content));
}

}  // namespace

Result<std::unique_ptr<LogDirectory>> LogDirectory::open(FileSystem& fs, Path path) {
  WEIR_TRY(create_with_parents(fs, path));
  WEIR_TRY_ASSIGN(lock, fs.lock(path / kLockFile));
  std::unique_ptr<LogDirectory> directory(new LogDirectory(fs, std::move(path)));
  directory->lock_ = std::move(lock);
  WEIR_TRY_ASSIGN(has_identity, fs.exists(directory->path_ / kIdentityFile));
  if (!has_identity) WEIR_TRY(sync_names_up(fs, directory->path_));
  WEIR_TRY_ASSIGN(was_clean, fs.exists(directory->path_ / kCleanMarkerFile));
  directory->was_clean_ = was_clean;
  // Settles partition directories that were made, but not made durable, before a kill.
  WEIR_TRY(fs.sync_directory(directory->path_));
  return directory;
}

Result<void> LogDirectory::begin_changes() {
  if (!was_clean_) return {};
  if (auto removed = fs_.unlink(path_ / kCleanMarkerFile); !removed && removed.error().code != Errc::kNotFound) {
    return removed;
  }
  return fs_.sync_directory(path_);
}

Result<std::optional<DirectoryIdentity>> LogDirectory::read_identity() const {
  const auto file = path_ / kIdentityFile;
  WEIR_TRY_ASSIGN(text, read_text(fs_, file, kSmallFileBytesMax));
  if (!text) return std::nullopt;
  return parse_identity(*text, file.native());
}

Result<void> LogDirectory::write_identity(const DirectoryIdentity& identity) {
  return write_file_atomically(fs_, path_ / kIdentityFile, as_bytes(format_identity(identity)));
}

void LogDirectory::look_at_stamp(LeaderEpoch last_epoch) {
  if (last_epoch == LeaderEpoch(0)) return;
  const auto text = read_text(fs_, path_ / kStampFile, kSmallFileBytesMax);
  const auto span = text && *text ? parse_stamp(**text) : std::nullopt;
  last_written_by_weir_ = span && span->contains(last_epoch);
  if (last_written_by_weir_) stamp_ = span;
}

Result<void> LogDirectory::write_stamp(LeaderEpoch epoch) {
  const EpochSpan span{stamp_ ? stamp_->first : epoch, epoch};
  return write_file_atomically(fs_, path_ / kStampFile, as_bytes(format_stamp(span)));
}

// nullopt: there is none, or none that counts.
Result<std::optional<std::string>> LogDirectory::read_copy() const {
  const auto at = path_ / kCheckpointCopyFile;
  auto copy = read_text(fs_, at, 3 * kCheckpointBytesMax);
  if (copy && *copy) {
    if (const auto parsed = parse_checkpoint_copy(**copy, at.native()); !parsed) copy = std::unexpected(parsed.error());
  }
  if (copy || (copy.error().code != Errc::kCorrupt && copy.error().code != Errc::kTooLarge)) return copy;
  log_warn("{}: the files that it copies count, and it will be written anew", copy.error().context);
  return std::nullopt;
}

Result<LogDirectory::Checkpoints> LogDirectory::read_checkpoints() const {
  if (last_written_by_weir_) {
    WEIR_TRY_ASSIGN(copy, read_copy());
    if (copy) return read_intact_copy(*copy);
  }
  Checkpoints read;
  WEIR_TRY_ASSIGN(recovery_points, read_checkpoint(kRecoveryPointFile));
  WEIR_TRY_ASSIGN(log_starts, read_checkpoint(kLogStartFile));
  auto high_watermarks = read_checkpoint(kHighWatermarkFile);
  // With one replica the high watermark is the log's end.
  if (!high_watermarks && high_watermarks.error().code != Errc::kCorrupt) {
    return std::unexpected(std::move(high_watermarks).error());
  }
  read.offsets.recovery_points = std::move(recovery_points);
  read.offsets.log_starts = std::move(log_starts);
  if (high_watermarks) {
    read.offsets.high_watermarks = *std::move(high_watermarks);
  } else {
    log_warn("{}: it will be written anew", high_watermarks.error().context);
  }
  // Where Weir wrote anything, the copy is missing.
  read.agree = !last_written_by_weir_ || read.offsets == LogOffsets{};
  return read;
}

Result<LogDirectory::Checkpoints> LogDirectory::read_intact_copy(std::string_view copy) const {
  const auto at = path_ / kCheckpointCopyFile;
  WEIR_TRY_ASSIGN(texts, parse_checkpoint_copy(copy, at.native()));
  Checkpoints read{.offsets = {}, .starts_known = true};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& [name, offsets] = kCheckpoints[i];
    WEIR_TRY_ASSIGN(parsed, parse_checkpoint(texts[i], at.native()));
    read.offsets.*offsets = std::move(parsed);
    const auto text = read_text(fs_, path_ / name, texts[i].size());
    if (!text && text.error().code != Errc::kTooLarge) return std::unexpected(text.error());
    if (text && *text == texts[i]) continue;
    read.agree = false;
    log_warn(
        "{}: {}; {} beside it counts, and it will be written anew. If it was changed on purpose, that file has to "
        "be removed with it",
        (path_ / name).native(), text && !*text ? "it is missing" : "that is not what was written there last",
        kCheckpointCopyFile);
  }
  return read;
}

Result<OffsetCheckpoint> LogDirectory::read_checkpoint(std::string_view file) const {
  const auto at = path_ / file;
  WEIR_TRY_ASSIGN(text, read_text(fs_, at, kCheckpointBytesMax));
  if (!text || (!last_written_by_weir_ && text->empty())) return OffsetCheckpoint{};
  auto offsets = parse_checkpoint(*text, at.native());
  if (!offsets) offsets.error().context += fmt::format("; {}", repair_of(file));
  return offsets;
}

Result<void> LogDirectory::write_checkpoints(const LogOffsets& offsets) {
  std::array<std::string, kCheckpoints.size()> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = format_checkpoint(offsets.*kCheckpoints[i].offsets);
  const auto copy = format_checkpoint_copy({texts[0], texts[1], texts[2]});
  WEIR_TRY(write_file_atomically(fs_, path_ / kCheckpointCopyFile, as_bytes(copy)));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    WEIR_TRY(write_file_atomically(fs_, path_ / kCheckpoints[i].name, as_bytes(texts[i])));
  }
  return {};
}

Result<std::vector<TopicPartition>> LogDirectory::list_partitions() const {
  WEIR_TRY_ASSIGN(entries, fs_.list(path_));
  std::vector<TopicPartition> partitions;
  for (const auto& entry : entries) {
    if (!entry.is_directory) continue;
    if (auto of = parse_partition_name(entry.name)) partitions.push_back(*std::move(of));
  }
  std::ranges::sort(partitions);
  return partitions;
}

Path LogDirectory::partition_path(const TopicPartition& of) const {
  return path_ / partition_name(of);
}

Result<void> LogDirectory::write_partition_metadata(const TopicPartition& of, const Uuid& topic_id) {
  return write_file_atomically(fs_, partition_path(of) / kPartitionMetadataFile,
                               as_bytes(format_partition_metadata(topic_id)));
}

Result<std::optional<Uuid>> LogDirectory::read_partition_metadata(const TopicPartition& of) const {
  const auto file = partition_path(of) / kPartitionMetadataFile;
  WEIR_TRY_ASSIGN(text, read_text(fs_, file, kSmallFileBytesMax));
  if (!text) return std::nullopt;
  auto id = parse_partition_metadata(*text, file.native());
  if (!id) id.error().context += "; to repair: put it right, or remove the file if the directory is this topic's";
  return id;
}

Result<Path> LogDirectory::mark_deleted(const TopicPartition& of) {
  return rename_with_suffix(of, kDeleteSuffix);
}

Result<Path> LogDirectory::set_aside(const TopicPartition& of) {
  return rename_with_suffix(of, kStraySuffix);
}

Result<Path> LogDirectory::rename_with_suffix(const TopicPartition& of, std::string_view suffix) {
  // Kafka draws the id at random. The topic's own is as unique: a topic made anew has another.
  auto topic_id = read_partition_metadata(of);
  Uuid id = topic_id && *topic_id ? **topic_id : Uuid{};
  for (;;) {
    const auto ending = fmt::format("-{}.{}{}", of.partition.value(), to_hex(id), suffix);
    const auto name = of.topic.substr(0, kFileNameBytesMax - ending.size()) + ending;
    WEIR_TRY_ASSIGN(taken, fs_.exists(path_ / name));
    if (taken) {
      ++id.bytes.back();
      if (id.bytes.back() == 0) ++id.bytes.front();
      continue;
    }
    WEIR_TRY(fs_.rename(partition_path(of), path_ / name));
    WEIR_TRY(fs_.sync_directory(path_));
    return path_ / name;
  }
}

Result<std::vector<Path>> LogDirectory::list_deleted() const {
  WEIR_TRY_ASSIGN(entries, fs_.list(path_));
  std::vector<Path> deleted;
  for (const auto& entry : entries) {
    if (entry.is_directory && entry.name.ends_with(kDeleteSuffix)) deleted.push_back(path_ / entry.name);
  }
  return deleted;
}

Result<void> LogDirectory::write_clean_marker(std::int64_t broker_epoch) {
  return write_file_atomically(fs_, path_ / kCleanMarkerFile, as_bytes(format_clean_marker(broker_epoch)));
}

}  // namespace weir::storage
