#include "storage/index_recovery.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/segment_names.h"

namespace weir::storage {
namespace {

constexpr std::uint64_t kChecksumBytesMax = 256 * kKiB;

}  // namespace

IndexRecovery::IndexRecovery(FileSystem& fs, const Path& directory, Offset segment_base, std::int64_t interval_bytes)
    : fs_(&fs), directory_(directory), segment_base_(segment_base), builder_(segment_base, interval_bytes) {}

Path IndexRecovery::path_of(std::string_view suffix) const {
  return directory_ / segment_file_name(segment_base_, suffix);
}

Result<std::optional<OffsetIndexEntry>> IndexRecovery::last_intact_entry(const File& log,
                                                                         std::uint64_t size_bytes) const {
  auto index = fs_->open(path_of(kOffsetIndexSuffix), OpenMode::kRead);
  if (!index && index.error().code == Errc::kNotFound) return std::nullopt;
  if (!index) return std::unexpected(std::move(index).error());
  Bytes room(std::min(size_bytes, kChecksumBytesMax));
  return storage::last_intact_entry(**index, log, segment_base_, room);
}

// The last entry as it stands in the file.
template <class Entry>
Result<IndexRecovery::State> IndexRecovery::read_end(std::string_view suffix, std::uint64_t& count,
                                                     std::optional<Entry>& last) const {
  auto file = fs_->open(path_of(suffix), OpenMode::kRead);
  if (!file && file.error().code == Errc::kNotFound) return State::kMissing;
  if (!file) return std::unexpected(std::move(file).error());
  WEIR_TRY_ASSIGN(size, (*file)->size_bytes());
  if (size % Entry::kBytes != 0) return State::kUnsound;
  if (size == 0) return State::kSound;
  const IndexSnapshot<Entry> snapshot{*file, size / Entry::kBytes};
  WEIR_TRY_ASSIGN(entry, snapshot.entry(snapshot.count - 1, ReadMode::kMayBlock));
  count = snapshot.count;
  last = entry;
  return State::kSound;
}

Result<bool> IndexRecovery::read_ends(SegmentContent& content) const {
  WEIR_TRY_ASSIGN(offsets, read_end(kOffsetIndexSuffix, content.offset_entries_count, content.last_offset_entry));
  if (offsets != State::kSound) return false;
  WEIR_TRY_ASSIGN(times, read_end(kTimeIndexSuffix, content.time_entries_count, content.last_time_entry));
  return times == State::kSound;
}

bool IndexRecovery::agrees(const SegmentTail& tail, const OffsetIndexEntry& last) const {
  if (last.position <= 0 || static_cast<std::uint64_t>(last.position) >= tail.size_bytes) return false;
  return last.relative_offset >= 0 && segment_base_ + last.relative_offset < tail.next_offset;
}

bool IndexRecovery::agrees(const SegmentTail& tail, const TimeIndexEntry& last) const {
  // The final entry of a segment is its largest timestamp.
  return last.timestamp_ms == tail.max_timestamp_ms && last.relative_offset >= 0 &&
         segment_base_ + last.relative_offset < tail.next_offset;
}

// The same, held against what a walk has found.
template <class Entry>
Result<IndexRecovery::State> IndexRecovery::inspect(const SegmentTail& tail, std::string_view suffix,
                                                    std::uint64_t& count, std::optional<Entry>& last) const {
  WEIR_TRY_ASSIGN(state, read_end(suffix, count, last));
  if (state == State::kSound && last && !agrees(tail, *last)) state = State::kUnsound;
  if (state == State::kSound) return state;
  count = 0;
  last = std::nullopt;
  return state;
}

// Whether both files can stay as they are.
Result<bool> IndexRecovery::hold(SegmentContent& content) const {
  WEIR_TRY_ASSIGN(offsets,
                  inspect(content.tail, kOffsetIndexSuffix, content.offset_entries_count, content.last_offset_entry));
  WEIR_TRY_ASSIGN(times, inspect(content.tail, kTimeIndexSuffix, content.time_entries_count, content.last_time_entry));
  if (offsets == State::kUnsound || times == State::kUnsound) return false;
  // A segment that was never indexed has no files; nor does it need them while it has nothing to index.
  return (content.offset_entries_count != 0 || builder_.offsets().empty()) &&
         (content.time_entries_count != 0 || content.tail.max_timestamp_ms < 0);
}

template <class Entry>
Result<void> IndexRecovery::write(std::string_view suffix, const std::vector<Entry>& entries) const {
  Bytes bytes(entries.size() * Entry::kBytes);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].write(bytes.data() + i * Entry::kBytes);
  const auto path = path_of(suffix);
  auto temporary = path;
  temporary += kTemporarySuffix;
  WEIR_TRY_ASSIGN(file, fs_->open(temporary, OpenMode::kOpenOrCreate));
  WEIR_TRY(file->truncate(0));
  const ByteView view = bytes;
  if (!view.empty()) WEIR_TRY(file->pwritev({&view, 1}, 0));
  WEIR_TRY(file->datasync());
  return fs_->rename(temporary, path);
}

Result<bool> IndexRecovery::settle(SegmentContent& content, Settle how) {
  if (how == Settle::kIfUnsound) {
    WEIR_TRY_ASSIGN(holds, hold(content));
    if (holds) return false;
    log_warn("{}: its indexes are missing or damaged, rebuilt", path_of(kLogSuffix).native());
  }
  builder_.finish();
  const auto& offsets = builder_.offsets();
  const auto& times = builder_.times();
  WEIR_TRY(write(kOffsetIndexSuffix, offsets));
  WEIR_TRY(write(kTimeIndexSuffix, times));
  content.offset_entries_count = offsets.size();
  content.last_offset_entry = offsets.empty() ? std::nullopt : std::optional(offsets.back());
  content.time_entries_count = times.size();
  content.last_time_entry = times.empty() ? std::nullopt : std::optional(times.back());
  return true;
}

}  // namespace weir::storage
