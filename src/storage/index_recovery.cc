#include "storage/index_recovery.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/segment_names.h"

namespace weir::storage {
namespace {

constexpr std::uint64_t kChecksumBytesMax = 256 * kKiB;

}  // namespace

template <class Entry>
Result<void> EntryCheck<Entry>::open(FileSystem& fs, const Path& path) {
  auto file = fs.open(path, OpenMode::kRead);
  if (!file && file.error().code == Errc::kNotFound) return {};
  if (!file) return std::unexpected(std::move(file).error());
  WEIR_TRY_ASSIGN(size, (*file)->size_bytes());
  file_ = *std::move(file);
  count_ = size / Entry::kBytes;
  is_whole_ = size % Entry::kBytes == 0;
  return {};
}

template <class Entry>
Result<void> EntryCheck<Entry>::meet(const Entry& found) {
  if (met_count_ == count_) return {};
  auto at = (met_count_ - block_begin_) * Entry::kBytes;
  if (at == block_.size()) {
    block_.resize(std::min<std::uint64_t>(count_ - met_count_, kBlockEntries) * Entry::kBytes);
    WEIR_TRY_ASSIGN(got, file_->pread(block_, met_count_ * Entry::kBytes));
    if (got != block_.size()) return fail(Errc::kCorrupt, "an index file is shorter than it was");
    block_begin_ = met_count_;
    at = 0;
  }
  if (Entry::read(block_.data() + at) != found) return {};
  last_met_ = found;
  ++met_count_;
  return {};
}

IndexRecovery::IndexRecovery(FileSystem& fs, const Path& directory, Offset segment_base, std::int64_t interval_bytes)
    : fs_(&fs), directory_(directory), segment_base_(segment_base), builder_(segment_base, interval_bytes) {}

Path IndexRecovery::path_of(std::string_view suffix) const {
  return directory_ / segment_file_name(segment_base_, suffix);
}

Result<void> IndexRecovery::begin_check() {
  is_checked_ = true;
  WEIR_TRY(offset_check_.open(*fs_, path_of(kOffsetIndexSuffix)));
  return time_check_.open(*fs_, path_of(kTimeIndexSuffix));
}

Result<void> IndexRecovery::add(std::uint64_t position, const record::BatchHeader& header) {
  builder_.add(position, header);
  if (!is_checked_) return {};
  const auto relative = static_cast<std::int32_t>(header.last_offset() - segment_base_);
  // Never written for a segment's first batch.
  if (position > 0) WEIR_TRY(offset_check_.meet({relative, static_cast<std::int32_t>(position)}));
  if (header.max_timestamp <= largest_ms_) return {};
  largest_ms_ = header.max_timestamp;
  return time_check_.meet({header.max_timestamp, relative});
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

// A running log lets as much wait.
bool IndexRecovery::can_be_continued(const SegmentTail& tail) const {
  if (!is_checked_ || !offset_check_.all_met() || !time_check_.all_met()) return false;
  const auto& last = offset_check_.last_met();
  const auto indexed_end = last ? last->position : 0;
  const auto missing =
      std::ranges::count_if(builder_.offsets(), [&](const auto& e) { return e.position > indexed_end; });
  return static_cast<std::size_t>(missing) < kIndexEntriesToWrite &&
         tail.size_bytes - static_cast<std::uint64_t>(indexed_end) < kIndexLagBytesMax;
}

void IndexRecovery::leave_the_rest(SegmentContent& content) const {
  content.offset_entries_count = offset_check_.met_count();
  content.last_offset_entry = offset_check_.last_met();
  content.time_entries_count = time_check_.met_count();
  content.last_time_entry = time_check_.last_met();
  const auto indexed_end = content.last_offset_entry ? content.last_offset_entry->position : 0;
  for (const auto& entry : builder_.offsets()) {
    if (entry.position > indexed_end) content.pending_offset_entries.push_back(entry);
  }
  const auto indexed_ms = content.last_time_entry ? content.last_time_entry->timestamp_ms : kNoTimestamp;
  for (const auto& entry : builder_.times()) {
    if (entry.timestamp_ms > indexed_ms) content.pending_time_entries.push_back(entry);
  }
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
  if (how == Settle::kContinued && can_be_continued(content.tail)) {
    leave_the_rest(content);
    return false;
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
