#include "broker/snapshot_files.h"

#include <algorithm>
#include <utility>

namespace weir::broker {
namespace {

// Kafka's name for one in the making, which it removes at its start.
constexpr std::string_view kPartSuffix = ".part";
constexpr std::string_view kLeftoverSuffixes[] = {".checkpoint.part", ".checkpoint.deleted"};
constexpr std::uint64_t kSnapshotBytesMax = 2 * kGiB;
constexpr std::uint64_t kBootstrapBytesMax = 16 * kMiB;

}  // namespace

SnapshotFiles::SnapshotFiles(storage::FileSystem& fs, storage::Path log_directory)
    : fs_(fs), directory_(std::move(log_directory)) {}

storage::Path SnapshotFiles::path_of(const metadata::SnapshotId& id) const {
  return directory_ / metadata::snapshot_file_name(id);
}

std::string SnapshotFiles::name_of(const metadata::SnapshotId& id) const {
  return path_of(id).native();
}

std::string SnapshotFiles::bootstrap_name() const {
  return (directory_.parent_path() / metadata::kBootstrapFile).native();
}

Result<void> SnapshotFiles::remove_leftovers() {
  WEIR_TRY_ASSIGN(entries, fs_.list(directory_));
  for (const auto& entry : entries) {
    const bool is_leftover = std::ranges::any_of(
        kLeftoverSuffixes, [&entry](std::string_view suffix) { return entry.name.ends_with(suffix); });
    if (is_leftover && !entry.is_directory) WEIR_TRY(fs_.unlink(directory_ / entry.name));
  }
  return {};
}

Result<std::vector<metadata::SnapshotId>> SnapshotFiles::list() {
  WEIR_TRY_ASSIGN(entries, fs_.list(directory_));
  std::vector<metadata::SnapshotId> ids;
  for (const auto& entry : entries) {
    if (entry.is_directory) continue;
    if (const auto id = metadata::parse_snapshot_file_name(entry.name)) ids.push_back(*id);
  }
  std::ranges::sort(ids);
  return ids;
}

Result<Bytes> SnapshotFiles::read(const metadata::SnapshotId& id) {
  return storage::read_whole_file(fs_, path_of(id), kSnapshotBytesMax);
}

Result<void> SnapshotFiles::write(const metadata::SnapshotId& id, ByteView content) {
  const auto path = path_of(id);
  auto part = path;
  part += kPartSuffix;
  {
    WEIR_TRY_ASSIGN(file, fs_.open(part, storage::OpenMode::kOpenOrCreate));
    WEIR_TRY(file->truncate(0));  // a cut may have left an older attempt
    WEIR_TRY(file->pwritev({&content, 1}, 0));
    WEIR_TRY(file->datasync());
  }
  WEIR_TRY(fs_.rename(part, path));
  return fs_.sync_directory(directory_);
}

Result<void> SnapshotFiles::remove(const metadata::SnapshotId& id) {
  return fs_.unlink(path_of(id));
}

Result<std::optional<Bytes>> SnapshotFiles::read_bootstrap() {
  auto content = storage::read_whole_file(fs_, directory_.parent_path() / metadata::kBootstrapFile, kBootstrapBytesMax);
  if (!content && content.error().code == Errc::kNotFound) return std::nullopt;
  if (!content) return std::unexpected(std::move(content).error());
  return *std::move(content);
}

}  // namespace weir::broker
