#include "storage/log_recovery.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/planted_bug.h"
#include "storage/batch_walker.h"
#include "storage/header_walk.h"
#include "storage/producer_snapshot.h"
#include "storage/segment_names.h"
#include "storage/segment_scan.h"
#include "storage/text_formats.h"

namespace weir::storage {
namespace {

constexpr std::size_t kWindowBytes = 64 * kKiB;
constexpr std::size_t kChecksumBufferBytes = 256 * kKiB;
// An index that stops this far before its segment does has lost entries, whatever the interval was.
constexpr std::uint64_t kUnindexedBytesMax = kMiB;
constexpr std::uint64_t kEpochFileBytesMax = 16 * kMiB;
// Segments kept open from the first look to the last: of a log with more, the others are opened twice.
constexpr std::size_t kSegmentsKeptOpen = 16;

Result<void> unlink_if_exists(FileSystem& fs, const Path& path) {
  auto unlinked = fs.unlink(path);
  if (!unlinked && unlinked.error().code != Errc::kNotFound) return unlinked;
  return {};
}

class Recovery {
 public:
  Recovery(FileSystem& fs, const Path& directory, const LogSettings& settings, const LogOpenOptions& options)
      : fs_(fs), directory_(directory), settings_(settings), options_(options) {}

  Result<RecoveredLog> run();

 private:
  struct Found {
    Offset base;
    std::shared_ptr<File> file;
    std::uint64_t size_bytes = 0;
    bool scanned = false;  // holds batches at or above the floor, or may
    bool rebuild_index = false;
    SegmentContent content;
    IndexBuilder index;
  };

  Result<void> create_directory();
  Result<void> clear_leftovers();
  Result<void> finish_swaps(const std::set<std::string>& names);
  Result<void> open_segments();
  Result<void> read_epochs();
  Result<std::optional<OffsetIndexEntry>> last_entry_of(const Found& segment);
  Result<void> find_floor();
  Result<File*> file_of(Found& segment);
  Result<bool> continues_the_log(std::size_t index);
  Result<bool> trust(std::size_t index);
  Result<std::optional<BatchPosition>> end_of_index(Found& segment);
  Result<bool> walk_unindexed(std::size_t index, const BatchPosition& start);
  Result<void> step_over(std::size_t index);
  void keep(Found& segment, std::uint64_t position, const record::BatchHeader& header);
  bool note_damage(std::size_t index, const HeaderWalk& walk, bool lost);
  [[nodiscard]] HeaderWalk::Surroundings surroundings(std::size_t index) const;
  Result<void> cut_tail();
  Result<void> settle(std::size_t index);
  Result<void> settle_epochs();
  Result<void> settle_index(Found& segment);
  enum class IndexState { kMissing, kSound, kUnsound };
  template <class Entry>
  Result<IndexState> read_end(const Found& segment, std::string_view suffix, std::uint64_t& count,
                              std::optional<Entry>& last);
  template <class Entry>
  Result<IndexState> inspect_index(const Found& segment, std::string_view suffix, std::uint64_t& count,
                                   std::optional<Entry>& last);
  [[nodiscard]] bool agrees(const Found& segment, const OffsetIndexEntry& last) const;
  [[nodiscard]] bool agrees(const Found& segment, const TimeIndexEntry& last) const;
  template <class Entry>
  Result<void> write_index(const Found& segment, std::string_view suffix, const std::vector<Entry>& entries);
  Result<void> remove_segment_files(Offset base);
  Result<void> set_aside(const Found& segment);
  Result<void> set_headless_aside();
  Result<void> start_empty_at(Offset base);
  Result<RecoveredLog> settle_names();
  [[nodiscard]] Path path_of(Offset base, std::string_view suffix) const {
    return directory_ / segment_file_name(base, suffix);
  }
  [[nodiscard]] Offset next_base(std::size_t index) const {
    return index + 1 < found_.size() ? found_[index + 1].base : kOffsetMax;
  }

  FileSystem& fs_;
  const Path& directory_;
  const LogSettings& settings_;
  const LogOpenOptions& options_;
  RecoveryReport report_;
  std::vector<Found> found_;
  Offset floor_;                            // durable below; after a clean stop everything is
  Offset expected_;                         // the next batch starts here or above
  std::optional<std::size_t> cut_segment_;  // the log ends in this one, before its file does
  std::size_t kept_count_ = 0;              // segments before the cut
  std::optional<Offset> empty_segment_at_;  // to be created behind damage
  bool names_changed_ = false;
  std::optional<LeaderEpochs> epochs_;  // from the file, later from the tail that was scanned; none: not to be trusted
  std::vector<EpochStart> epochs_in_file_;
  std::vector<Path> unsynced_directories_;
  Bytes checksum_buffer_ = Bytes(kChecksumBufferBytes);
};

Result<void> Recovery::create_directory() {
  auto created = fs_.create_directory(directory_);
  if (created) {
    unsynced_directories_ = {directory_, directory_.parent_path()};
    return {};
  }
  if (created.error().code == Errc::kAlreadyExists) return {};
  return created;
}

// A swap file replaces the segments from its base to its end. It was complete and durable when it got that name, so
// the replacement is carried through; the old ones go for good before any name becomes final.
Result<void> Recovery::finish_swaps(const std::set<std::string>& names) {
  const auto swap_log_suffix = std::string(kLogSuffix) + std::string(kSwapSuffix);
  for (const auto& name : names) {
    const auto base = parse_segment_file_name(name, swap_log_suffix);
    if (!base) continue;
    WEIR_TRY_ASSIGN(file, fs_.open(directory_ / name, OpenMode::kRead));
    WEIR_TRY_ASSIGN(size, file->size_bytes());
    Bytes window(kWindowBytes);
    BatchWalker walker(*file, *base, 0, size, ReadMode::kMayBlock, window);
    auto end = *base;
    for (;;) {
      auto header = walker.peek();
      if (!header && header.error().code != Errc::kCorrupt) return std::unexpected(std::move(header).error());
      if (!header || !*header) break;
      end = (*header)->next_offset();
      walker.skip(**header);
    }
    for (const auto& other : names) {
      for (const auto suffix : {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
        const auto replaced = parse_segment_file_name(other, suffix);
        if (replaced && *replaced >= *base && *replaced < end) WEIR_TRY(unlink_if_exists(fs_, directory_ / other));
      }
    }
  }
  WEIR_TRY(fs_.sync_directory(directory_));
  for (const auto& name : names) {
    if (!name.ends_with(kSwapSuffix)) continue;
    WEIR_TRY(fs_.rename(directory_ / name, directory_ / name.substr(0, name.size() - kSwapSuffix.size())));
  }
  names_changed_ = true;
  return {};
}

// kafka-protocol 5.2, step 2, and index files without a segment (step 3).
Result<void> Recovery::clear_leftovers() {
  WEIR_TRY_ASSIGN(entries, fs_.list(directory_));
  std::set<std::string> names;
  std::set<std::string> swaps;
  std::string lowest_cleaned = "~";  // after every digit: names of twenty digits compare as their numbers do
  for (const auto& entry : entries) {
    if (entry.is_directory) continue;
    names.insert(entry.name);
    if (entry.name.ends_with(kCleanedSuffix)) lowest_cleaned = std::min(lowest_cleaned, entry.name.substr(0, 20));
  }
  for (auto it = names.begin(); it != names.end();) {
    const auto& name = *it;
    const bool superseded = name.ends_with(kSwapSuffix) && name.substr(0, 20) >= lowest_cleaned;
    const auto unfinished = name.ends_with(kTemporarySuffix) ? name.substr(0, name.size() - 4) : std::string();
    const bool half_written = parse_segment_file_name(unfinished, kOffsetIndexSuffix).has_value() ||
                              parse_segment_file_name(unfinished, kTimeIndexSuffix).has_value() ||
                              parse_segment_file_name(unfinished, kProducerSnapshotSuffix).has_value() ||
                              parse_producer_windows_name(unfinished).has_value();
    if (superseded || half_written || name.ends_with(kDeletedSuffix) || name.ends_with(kCleanedSuffix)) {
      WEIR_TRY(fs_.unlink(directory_ / name));
      names_changed_ = true;
      it = names.erase(it);
      continue;
    }
    if (name.ends_with(kSwapSuffix)) swaps.insert(name);
    ++it;
  }
  if (!swaps.empty()) {
    WEIR_TRY(finish_swaps(names));
    return clear_leftovers();  // the swaps are gone now
  }
  std::set<Offset> bases;
  for (const auto& name : names) {
    if (const auto base = parse_segment_file_name(name, kLogSuffix)) bases.insert(*base);
  }
  for (const auto& name : names) {
    for (const auto suffix : {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
      const auto base = parse_segment_file_name(name, suffix);
      if (!base || bases.contains(*base)) continue;
      WEIR_TRY(fs_.unlink(directory_ / name));
      names_changed_ = true;
    }
  }
  for (const auto base : bases) {
    found_.push_back({base, nullptr, 0, false, false, {}, IndexBuilder(base, settings_.index_interval_bytes)});
  }
  return {};
}

Result<File*> Recovery::file_of(Found& segment) {
  if (segment.file == nullptr) {
    WEIR_TRY_ASSIGN(file, fs_.open(path_of(segment.base, kLogSuffix), OpenMode::kReadWrite));
    segment.file = std::move(file);
  }
  return segment.file.get();
}

Result<void> Recovery::open_segments() {
  for (auto& segment : found_) {
    WEIR_TRY_ASSIGN(file, file_of(segment));
    WEIR_TRY_ASSIGN(size, file->size_bytes());
    segment.size_bytes = size;
    if (found_.size() > kSegmentsKeptOpen) segment.file = nullptr;
  }
  // Only the last segment can be empty. Others are what a failed roll left, and the segment before went on past them.
  for (std::size_t i = 0; i + 1 < found_.size();) {
    if (found_[i].size_bytes != 0) {
      ++i;
      continue;
    }
    WEIR_TRY(remove_segment_files(found_[i].base));
    found_.erase(found_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

Result<void> Recovery::read_epochs() {
  const auto path = directory_ / kLeaderEpochFile;
  auto text = read_whole_file(fs_, path, kEpochFileBytesMax);
  if (!text && text.error().code == Errc::kNotFound) return {};
  if (!text) return std::unexpected(std::move(text).error());
  auto epochs = parse_leader_epochs(as_text(*text), path.native());
  if (!epochs) {
    log_warn("{}: gathered from the log again", epochs.error().context);
    return {};
  }
  epochs_in_file_ = epochs->starts();
  // At or above the floor the log itself says what they are.
  epochs->cut(Offset{0}, floor_);
  epochs_ = *std::move(epochs);
  return {};
}

Result<std::optional<OffsetIndexEntry>> Recovery::last_entry_of(const Found& segment) {
  auto index = fs_.open(path_of(segment.base, kOffsetIndexSuffix), OpenMode::kRead);
  if (!index && index.error().code == Errc::kNotFound) return std::nullopt;
  if (!index) return std::unexpected(std::move(index).error());
  return last_intact_entry(**index, *segment.file, segment.base, checksum_buffer_);
}

// Also decides what is scanned and whose index files are not to be trusted: those that no checkpoint covers.
Result<void> Recovery::find_floor() {
  floor_ = options_.clean ? kOffsetMax : options_.recovery_point;
  if (options_.clean) return {};
  for (auto i = found_.size(); i-- > 0;) {
    auto& segment = found_[i];
    if (i + 1 != found_.size() && next_base(i) <= options_.recovery_point) break;
    segment.rebuild_index = true;
    report_.rebuilt_from = segment.base;
    if (i + 1 != found_.size() && next_base(i) <= floor_) continue;
    segment.scanned = true;
    WEIR_TRY_ASSIGN(file, file_of(segment));
    std::uint64_t scan_from = 0;
    if (options_.last_written_by_weir) {
      WEIR_TRY_ASSIGN(entry, last_entry_of(segment));
      if (entry) {
        floor_ = std::max(floor_, segment.base + entry->relative_offset + 1);
        scan_from = static_cast<std::uint64_t>(entry->position);
      }
    }
    file->drop_cache(scan_from, 0);
  }
  return {};
}

HeaderWalk::Surroundings Recovery::surroundings(std::size_t index) const {
  const auto& segment = found_[index];
  // The floor, and the end of a cleanly stopped log, lie between two batches.
  return {.segment_base = segment.base,
          .end_position = segment.size_bytes,
          .end = next_base(index),
          .boundary = options_.clean ? options_.recovery_point : floor_,
          .floor = floor_,
          .epochs = epochs_ ? &*epochs_ : nullptr};
}

void Recovery::keep(Found& segment, std::uint64_t position, const record::BatchHeader& header) {
  auto& tail = segment.content.tail;
  if (!segment.content.first_timestamp_ms) segment.content.first_timestamp_ms = header.max_timestamp;
  if (header.max_timestamp > tail.max_timestamp_ms) {
    tail.max_timestamp_ms = header.max_timestamp;
    tail.max_timestamp_offset = header.last_offset();
  }
  segment.index.add(position, header);
  if (epochs_ && header.base_offset >= floor_) epochs_->note(header.leader_epoch, header.base_offset);
  expected_ = header.next_offset();
}

// Fences what can't be read below the floor. True: the log ends before it.
bool Recovery::note_damage(std::size_t index, const HeaderWalk& walk, bool lost) {
  auto& segment = found_[index];
  auto end = walk.next_offset();
  if (lost && (index + 1 == found_.size() || end > floor_)) {
    // No readable batch is left below the floor: the log goes on in a new segment, at an offset that no batch had.
    // After a clean stop the checkpoint names the end; what lies behind that end was never a part of the log.
    end = std::max(expected_, options_.clean ? options_.recovery_point : floor_);
    kept_count_ = index + 1;
    if (end == expected_) {
      cut_segment_ = index;
      return true;
    }
    empty_segment_at_ = end;
  }
  log_error("{} is damaged below what was durable, {}: {} bytes, offsets from {} up to {} can't be read",
            path_of(segment.base, kLogSuffix).native(), walk.problem(), walk.next_position() - walk.position(),
            expected_.value(), end.value());
  segment.content.damage.push_back({expected_, end, walk.position(), walk.next_position()});
  if (expected_ < end) report_.damaged.push_back({expected_, end});
  expected_ = end;
  return false;
}

// False: the log ends before this segment.
Result<bool> Recovery::continues_the_log(std::size_t index) {
  auto& segment = found_[index];
  const bool above_floor = expected_ >= floor_;
  // The end of the segment before was lost, or this one belongs to a longer log that was.
  const bool leaves_gap = segment.base < expected_ || options_.last_written_by_weir;
  if (index > 0 && above_floor && segment.base != expected_ && leaves_gap) return false;
  if (segment.base < expected_ && segment.size_bytes == 0) return false;  // the last one, of a failed roll
  if (segment.base < expected_) {
    return fail(Errc::kCorrupt,
                fmt::format("{} overlaps the segment before it", path_of(segment.base, kLogSuffix).native()));
  }
  expected_ = segment.base;
  return true;
}

// Where the last batch that the offset index names starts; the segment's own start when it names none. nullopt: the
// indexes fail Kafka's sanity checks (kafka-protocol 5.2, step 3), or do not lead to a batch.
Result<std::optional<BatchPosition>> Recovery::end_of_index(Found& segment) {
  auto& content = segment.content;
  WEIR_TRY_ASSIGN(offsets_state,
                  read_end(segment, kOffsetIndexSuffix, content.offset_entries_count, content.last_offset_entry));
  if (offsets_state != IndexState::kSound) return std::nullopt;
  WEIR_TRY_ASSIGN(times_state,
                  read_end(segment, kTimeIndexSuffix, content.time_entries_count, content.last_time_entry));
  if (times_state != IndexState::kSound) return std::nullopt;
  if (!content.last_offset_entry) return BatchPosition{0, segment.base};
  const auto& last = *content.last_offset_entry;
  if (last.position <= 0 || static_cast<std::uint64_t>(last.position) >= segment.size_bytes) return std::nullopt;
  WEIR_TRY_ASSIGN(file, file_of(segment));
  std::array<std::uint8_t, record::kBatchHeaderBytes> window;
  BatchWalker walker(*file, segment.base, static_cast<std::uint64_t>(last.position), segment.size_bytes,
                     ReadMode::kMayBlock, window);
  const auto header = walker.peek();
  if (!header && header.error().code != Errc::kCorrupt) return std::unexpected(header.error());
  if (!header || !*header || (*header)->last_offset() != segment.base + last.relative_offset) return std::nullopt;
  return BatchPosition{walker.position(), (*header)->base_offset};
}

// From the end of the index to the end of the file: every batch has to be one. False: it is not so, or the time index
// misses some of it.
Result<bool> Recovery::walk_unindexed(std::size_t index, const BatchPosition& start) {
  auto& segment = found_[index];
  auto& tail = segment.content.tail;
  WEIR_TRY_ASSIGN(file, file_of(segment));
  auto around = surroundings(index);
  around.floor = kOffsetMax;
  HeaderWalk walk(*file, around, start);
  auto largest_ms = kNoTimestamp;
  for (;;) {
    WEIR_TRY_ASSIGN(kind, walk.look());
    if (kind == HeaderWalk::Kind::kEnd) break;
    if (kind != HeaderWalk::Kind::kBatch) return false;
    largest_ms = std::max(largest_ms, walk.header().max_timestamp);
    const bool is_long = walk.position() - start.position > kUnindexedBytesMax;
    if (is_long) return false;
    walk.pass();
  }
  if (walk.position() != segment.size_bytes) return false;  // zeros follow
  if (walk.epochs_disagree()) epochs_.reset();
  if (const auto& last = segment.content.last_time_entry) {
    tail.max_timestamp_ms = last->timestamp_ms;
    tail.max_timestamp_offset = segment.base + last->relative_offset;
    if (last->relative_offset < 0 || tail.max_timestamp_offset >= walk.expected()) return false;
  }
  if (largest_ms > tail.max_timestamp_ms) return false;
  tail.size_bytes = segment.size_bytes;
  tail.next_offset = walk.expected();
  return true;
}

// Whether a segment that was durable, its indexes too, can be taken as it is: its indexes are sane and its end is where
// the next one begins. Its other batches are proved before they are first read.
Result<bool> Recovery::trust(std::size_t index) {
  auto& segment = found_[index];
  if (segment.rebuild_index || segment.scanned) return false;
  const auto trusted = [&]() -> Result<bool> {
    WEIR_TRY_ASSIGN(start, end_of_index(segment));
    if (!start) return false;
    WEIR_TRY_ASSIGN(ends_well, walk_unindexed(index, *start));
    segment.content.unproved_end = *start;
    return ends_well;
  };
  WEIR_TRY_ASSIGN(is_trusted, trusted());
  if (!is_trusted) {
    segment.content = {};
    return false;
  }
  const bool is_last = index + 1 == found_.size();
  if (is_last && segment.size_bytes != 0) {  // what a roll goes by
    std::array<std::uint8_t, record::kBatchHeaderBytes> first;
    WEIR_TRY_ASSIGN(got, segment.file->pread(first, 0));
    if (got != first.size()) return fail(Errc::kCorrupt, path_of(segment.base, kLogSuffix).native());
    segment.content.first_timestamp_ms = record::BatchHeader::read(first.data()).max_timestamp;
  }
  expected_ = segment.content.tail.next_offset;
  return true;
}

// Walks one segment. Sets kept_count_ when the log ends in it.
Result<void> Recovery::step_over(std::size_t index) {
  auto& segment = found_[index];
  WEIR_TRY_ASSIGN(file, file_of(segment));
  HeaderWalk walk(*file, surroundings(index), {0, segment.base});
  std::uint64_t told_bytes = 0;
  for (;;) {
    WEIR_TRY_ASSIGN(kind, walk.look());
    if (options_.scanned_bytes != nullptr) {
      options_.scanned_bytes->fetch_add(walk.scanned_bytes() - told_bytes, std::memory_order_relaxed);
      told_bytes = walk.scanned_bytes();
    }
    if (kind == HeaderWalk::Kind::kEnd) break;
    const bool is_damage = kind == HeaderWalk::Kind::kDamage || kind == HeaderWalk::Kind::kLost;
    if (kind == HeaderWalk::Kind::kBad || (is_damage && is_planted(PlantedBug::kDamageCutOff))) {
      cut_segment_ = index;
      kept_count_ = index + 1;
      break;
    }
    if (kind == HeaderWalk::Kind::kBatch) {
      keep(segment, walk.position(), walk.header());
    } else if (note_damage(index, walk, kind == HeaderWalk::Kind::kLost)) {
      break;
    }
    walk.pass();
  }
  report_.scanned_bytes += walk.scanned_bytes();
  if (walk.epochs_disagree()) epochs_.reset();
  segment.content.tail.size_bytes = walk.position();
  segment.content.tail.next_offset = expected_;
  return {};
}

Result<void> Recovery::remove_segment_files(Offset base) {
  // The log goes last: without it the others are leftovers that the next start clears.
  for (const auto suffix : {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix, kLogSuffix}) {
    WEIR_TRY(unlink_if_exists(fs_, path_of(base, suffix)));
  }
  names_changed_ = true;
  return {};
}

// The indexes can be rebuilt from it, and go.
Result<void> Recovery::set_aside(const Found& segment) {
  const auto path = path_of(segment.base, kLogSuffix);
  for (int attempt = 1;; ++attempt) {
    auto aside = path;
    aside += kAsideSuffix;
    if (attempt > 1) aside += fmt::format(".{}", attempt);
    WEIR_TRY_ASSIGN(taken, fs_.exists(aside));
    if (taken) continue;
    WEIR_TRY(fs_.rename(path, aside));
    names_changed_ = true;
    report_.set_aside_bytes += segment.size_bytes;
    log_error("{}: {} bytes set aside as {}", directory_.native(), segment.size_bytes, aside.filename().native());
    return remove_segment_files(segment.base);
  }
}

// Later segments go first and for good: cut before, a rerun must find the same bad batch, not a shorter log that these
// seem to continue.
Result<void> Recovery::cut_tail() {
  if (kept_count_ < found_.size()) {
    for (auto i = found_.size(); i-- > kept_count_;) {
      report_.truncated_bytes += found_[i].size_bytes;
      WEIR_TRY(remove_segment_files(found_[i].base));
    }
    WEIR_TRY(fs_.sync_directory(directory_));
    found_.erase(found_.begin() + static_cast<std::ptrdiff_t>(kept_count_), found_.end());
  }
  if (cut_segment_) {
    auto& segment = found_[*cut_segment_];
    report_.truncated_bytes += segment.size_bytes - segment.content.tail.size_bytes;
    WEIR_TRY(segment.file->truncate(segment.content.tail.size_bytes));
    segment.size_bytes = segment.content.tail.size_bytes;
    segment.scanned = true;
    segment.rebuild_index = true;
    WEIR_TRY(settle(*cut_segment_));
  }
  if (report_.truncated_bytes != 0) {
    log_warn("{}: {} bytes of a torn tail were cut off, the log ends at {}", directory_.native(),
             report_.truncated_bytes, expected_.value());
  }
  return {};
}

bool Recovery::agrees(const Found& segment, const OffsetIndexEntry& last) const {
  if (last.position <= 0 || static_cast<std::uint64_t>(last.position) >= segment.size_bytes) return false;
  return last.relative_offset >= 0 && segment.base + last.relative_offset < segment.content.tail.next_offset;
}

bool Recovery::agrees(const Found& segment, const TimeIndexEntry& last) const {
  // The final entry of a segment is its largest timestamp.
  return last.timestamp_ms == segment.content.tail.max_timestamp_ms && last.relative_offset >= 0 &&
         segment.base + last.relative_offset < segment.content.tail.next_offset;
}

// The last entry as it stands in the file.
template <class Entry>
Result<Recovery::IndexState> Recovery::read_end(const Found& segment, std::string_view suffix, std::uint64_t& count,
                                                std::optional<Entry>& last) {
  auto file = fs_.open(path_of(segment.base, suffix), OpenMode::kRead);
  if (!file && file.error().code == Errc::kNotFound) return IndexState::kMissing;
  if (!file) return std::unexpected(std::move(file).error());
  WEIR_TRY_ASSIGN(size, (*file)->size_bytes());
  if (size % Entry::kBytes != 0) return IndexState::kUnsound;
  if (size == 0) return IndexState::kSound;
  const IndexSnapshot<Entry> snapshot{*file, size / Entry::kBytes};
  WEIR_TRY_ASSIGN(entry, snapshot.entry(snapshot.count - 1, ReadMode::kMayBlock));
  count = snapshot.count;
  last = entry;
  return IndexState::kSound;
}

// The same, held against what a walk has found.
template <class Entry>
Result<Recovery::IndexState> Recovery::inspect_index(const Found& segment, std::string_view suffix,
                                                     std::uint64_t& count, std::optional<Entry>& last) {
  WEIR_TRY_ASSIGN(state, read_end(segment, suffix, count, last));
  if (state == IndexState::kSound && last && !agrees(segment, *last)) state = IndexState::kUnsound;
  if (state == IndexState::kSound) return state;
  count = 0;
  last = std::nullopt;
  return state;
}

template <class Entry>
Result<void> Recovery::write_index(const Found& segment, std::string_view suffix, const std::vector<Entry>& entries) {
  Bytes bytes(entries.size() * Entry::kBytes);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].write(bytes.data() + i * Entry::kBytes);
  const auto path = path_of(segment.base, suffix);
  auto temporary = path;
  temporary += kTemporarySuffix;
  WEIR_TRY_ASSIGN(file, fs_.open(temporary, OpenMode::kOpenOrCreate));
  WEIR_TRY(file->truncate(0));
  const ByteView view = bytes;
  if (!view.empty()) WEIR_TRY(file->pwritev({&view, 1}, 0));
  WEIR_TRY(file->datasync());
  WEIR_TRY(fs_.rename(temporary, path));
  names_changed_ = true;
  return {};
}

// The old index stays whole until the new one replaces it: it holds a part of the durable floor.
Result<void> Recovery::settle_index(Found& segment) {
  auto& content = segment.content;
  if (!segment.rebuild_index) {
    WEIR_TRY_ASSIGN(offsets_state, inspect_index(segment, kOffsetIndexSuffix, content.offset_entries_count,
                                                 content.last_offset_entry));
    WEIR_TRY_ASSIGN(times_state,
                    inspect_index(segment, kTimeIndexSuffix, content.time_entries_count, content.last_time_entry));
    const bool unsound = offsets_state == IndexState::kUnsound || times_state == IndexState::kUnsound;
    // A segment that was never indexed has no files; nor does it need them while it has nothing to index.
    const bool complete = (content.offset_entries_count != 0 || segment.index.offsets().empty()) &&
                          (content.time_entries_count != 0 || content.tail.max_timestamp_ms < 0);
    if (!unsound && complete) return {};
    log_warn("{}: its indexes are missing or damaged, rebuilt", path_of(segment.base, kLogSuffix).native());
  }
  segment.index.finish();
  const auto& offsets = segment.index.offsets();
  const auto& times = segment.index.times();
  WEIR_TRY(write_index(segment, kOffsetIndexSuffix, offsets));
  WEIR_TRY(write_index(segment, kTimeIndexSuffix, times));
  content.offset_entries_count = offsets.size();
  content.last_offset_entry = offsets.empty() ? std::nullopt : std::optional(offsets.back());
  content.time_entries_count = times.size();
  content.last_time_entry = times.empty() ? std::nullopt : std::optional(times.back());
  return {};
}

// Before an index says that what was scanned is durable: below that floor the list of epochs is believed.
Result<void> Recovery::settle_epochs() {
  if (!epochs_ || epochs_->starts() == epochs_in_file_) return {};
  WEIR_TRY(write_file_atomically(fs_, directory_ / kLeaderEpochFile, as_bytes(format_leader_epochs(*epochs_))));
  epochs_in_file_ = epochs_->starts();
  return {};
}

// A segment whose end is known: durable first, then indexed.
Result<void> Recovery::settle(std::size_t index) {
  auto& segment = found_[index];
  if (segment.content.tail.size_bytes < segment.size_bytes && index != cut_segment_) {
    // Zeros that were written ahead: a part of no batch.
    WEIR_TRY_ASSIGN(file, file_of(segment));
    WEIR_TRY(file->truncate(segment.content.tail.size_bytes));
    segment.size_bytes = segment.content.tail.size_bytes;
    segment.scanned = true;
  }
  if (segment.scanned && !is_planted(PlantedBug::kRecoveredNotSynced)) {
    WEIR_TRY_ASSIGN(file, file_of(segment));
    WEIR_TRY(file->datasync());
  }
  if (segment.scanned) WEIR_TRY(settle_epochs());
  WEIR_TRY(settle_index(segment));
  segment.index = IndexBuilder(segment.base, 0);  // a long log's entries shall not all be in memory at a time
  return {};
}

Result<void> Recovery::start_empty_at(Offset base) {
  WEIR_TRY_ASSIGN(file, fs_.open(path_of(base, kLogSuffix), OpenMode::kOpenOrCreate));
  WEIR_TRY(file->truncate(0));
  SegmentContent content;
  content.tail.next_offset = base;
  found_.push_back({base, nullptr, 0, false, false, std::move(content), IndexBuilder(base, 0)});
  return {};
}

// A log begins at its start or before. Where the first segment lies behind it, and nothing says that it was durable,
// the name of the one before was lost and this one's, though younger, was not.
Result<void> Recovery::set_headless_aside() {
  const bool knows_start = options_.knows_log_start && options_.last_written_by_weir && !options_.clean;
  if (!knows_start || found_.empty()) return {};
  const auto first = found_.front().base;
  if (first <= options_.log_start || first < floor_) return {};
  log_error("{}: its first segment begins at {}, the log at {}: what lay between was never durable",
            directory_.native(), first.value(), options_.log_start.value());
  for (const auto& segment : found_) {
    WEIR_TRY(segment.size_bytes == 0 ? remove_segment_files(segment.base) : set_aside(segment));
  }
  found_.clear();
  return {};
}

Result<RecoveredLog> Recovery::run() {
  WEIR_TRY(create_directory());
  WEIR_TRY(clear_leftovers());
  WEIR_TRY(open_segments());
  WEIR_TRY(find_floor());
  WEIR_TRY(read_epochs());
  WEIR_TRY(set_headless_aside());
  kept_count_ = found_.size();
  if (!found_.empty()) expected_ = found_.front().base;
  for (std::size_t i = 0; i < kept_count_; ++i) {
    WEIR_TRY_ASSIGN(continues, continues_the_log(i));
    if (!continues) {
      kept_count_ = i;
      break;
    }
    WEIR_TRY_ASSIGN(trusted, trust(i));
    if (!trusted) {
      WEIR_TRY(step_over(i));
      if (cut_segment_ != i) WEIR_TRY(settle(i));
    }
    if (cut_segment_ != i) found_[i].file = nullptr;
  }
  WEIR_TRY(cut_tail());
  if (expected_ < options_.recovery_point) {
    log_warn("{}: the log ends at {}, the recovery-point checkpoint says {}", directory_.native(), expected_.value(),
             options_.recovery_point.value());
  }
  return settle_names();
}

// What the log starts with and the names in its directory.
Result<RecoveredLog> Recovery::settle_names() {
  if (!found_.empty() && expected_ < options_.log_start) {
    // All of it was deleted before, if the checkpoint is right; nothing goes because a state file says so.
    log_error("{}: its end {} is below the start that log-start-offset-checkpoint names, {}", directory_.native(),
              expected_.value(), options_.log_start.value());
    for (const auto& segment : found_) WEIR_TRY(set_aside(segment));
    found_.clear();
    empty_segment_at_.reset();
  }
  if (found_.empty()) empty_segment_at_ = options_.log_start;
  if (empty_segment_at_) {
    WEIR_TRY(start_empty_at(*empty_segment_at_));
    if (unsynced_directories_.empty()) unsynced_directories_ = {directory_};
  }
  // A stop that was not clean may have left names that were never made durable, whatever was changed here.
  if (names_changed_ || (unsynced_directories_.empty() && !options_.clean)) WEIR_TRY(fs_.sync_directory(directory_));

  RecoveredLog log;
  log.log_start = std::max(options_.log_start, found_.front().base);
  const bool has_batches = log.log_start < expected_;
  if (epochs_) epochs_->cut(log.log_start, expected_);
  const bool covered =
      !has_batches || (epochs_ && !epochs_->starts().empty() && epochs_->starts().front().start <= log.log_start);
  log.epochs_known = covered;
  if (covered && epochs_) log.epochs = *std::move(epochs_);
  log.epochs_on_disk = log.epochs.starts() == epochs_in_file_;
  log.report = std::move(report_);
  log.unsynced_directories = std::move(unsynced_directories_);
  for (auto& segment : found_) {
    log.segments.push_back({segment.base, std::move(segment.content)});
  }
  return log;
}

}  // namespace

Result<RecoveredLog> recover_log(FileSystem& fs, const Path& directory, const LogSettings& settings,
                                 const LogOpenOptions& options) {
  return Recovery(fs, directory, settings, options).run();
}

}  // namespace weir::storage
