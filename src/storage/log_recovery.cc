#include "storage/log_recovery.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/planted_bug.h"
#include "storage/batch_walker.h"
#include "storage/header_walk.h"
#include "storage/index_recovery.h"
#include "storage/leftovers.h"
#include "storage/segment_names.h"
#include "storage/text_formats.h"

namespace weir::storage {
namespace {

// An index that stops this far before its segment does has lost entries, whatever the interval was.
constexpr std::uint64_t kUnindexedBytesMax = kMiB;
constexpr std::uint64_t kEpochFileBytesMax = 16 * kMiB;
// Segments kept open from the first look to the last: of a log with more, the others are opened twice.
constexpr std::size_t kSegmentsKeptOpen = 16;
// What was scanned leaves the page cache this far behind; the end stays, which consumers read first.
constexpr std::uint64_t kKeptBehindBytes = 8 * kMiB;

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
    bool scanned = false;         // holds batches at or above the floor, or may
    std::uint64_t scan_from = 0;  // such lie behind this place
    bool rebuild_index = false;
    SegmentContent content;
    IndexRecovery indexes;
  };

  Result<void> create_directory();
  Result<void> find_segments();
  Found& add_segment(Offset base);
  Result<void> open_segments();
  Result<void> read_epochs();
  Result<void> find_floor();
  Result<File*> file_of(Found& segment);
  Result<bool> continues_the_log(std::size_t index);
  Result<bool> trust(std::size_t index);
  Result<std::optional<BatchPosition>> end_of_index(Found& segment);
  Result<bool> walk_unindexed(std::size_t index, const BatchPosition& start);
  Result<void> step_over(std::size_t index);
  Result<void> keep(Found& segment, std::uint64_t position, const record::BatchHeader& header);
  bool note_damage(std::size_t index, const HeaderWalk& walk, bool lost);
  [[nodiscard]] HeaderWalk::Surroundings surroundings(std::size_t index) const;
  Result<void> cut_tail();
  Result<void> settle(std::size_t index);
  Result<void> settle_epochs();
  Result<void> remove_segment_files(Offset base);
  Result<void> set_aside(const Found& segment);
  Result<void> set_headless_aside();
  Result<void> start_empty_at(Offset base);
  Result<RecoveredLog> settle_names();
  [[nodiscard]] Path path_of(Offset base, std::string_view suffix) const {
    return directory_ / segment_file_name(base, suffix);
  }
  // The log goes on in this one, as far as is known.
  [[nodiscard]] bool is_last(std::size_t index) const { return index + 1 == kept_count_ && !empty_segment_at_; }
  [[nodiscard]] Offset next_base(std::size_t index) const {
    return index + 1 < found_.size() ? found_[index + 1].base : kOffsetMax;
  }

  // All of it was deleted before; the log goes on behind it.
  [[nodiscard]] bool is_below_start(std::size_t index) const { return next_base(index) <= options_.log_start; }

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

Result<void> Recovery::find_segments() {
  WEIR_TRY_ASSIGN(cleared, clear_leftovers(fs_, directory_));
  names_changed_ = cleared.names_changed;
  for (const auto base : cleared.bases) add_segment(base);
  return {};
}

Recovery::Found& Recovery::add_segment(Offset base) {
  return found_.emplace_back(Found{.base = base,
                                   .file = nullptr,
                                   .size_bytes = 0,
                                   .scanned = false,
                                   .scan_from = 0,
                                   .rebuild_index = false,
                                   .content = {},
                                   .indexes = {fs_, directory_, base, settings_.index_interval_bytes}});
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

// Also decides what is scanned and whose index files are not to be trusted: those that no checkpoint covers.
Result<void> Recovery::find_floor() {
  floor_ = options_.clean ? kOffsetMax : options_.recovery_point;
  if (options_.clean) return {};
  for (auto i = found_.size(); i-- > 0;) {
    auto& segment = found_[i];
    // At the point itself the log may have rolled since it was written, and the indexes of what was rolled not be
    // durable.
    if (i + 1 != found_.size() && next_base(i) < options_.recovery_point) break;
    segment.rebuild_index = true;
    report_.rebuilt_from = segment.base;
    if (i + 1 != found_.size() && next_base(i) <= floor_) continue;
    segment.scanned = true;
    WEIR_TRY_ASSIGN(file, file_of(segment));
    std::uint64_t scan_from = 0;
    if (options_.last_written_by_weir) {
      WEIR_TRY_ASSIGN(entry, segment.indexes.last_intact_entry(*file, segment.size_bytes));
      if (entry) {
        floor_ = std::max(floor_, segment.base + entry->relative_offset + 1);
        scan_from = static_cast<std::uint64_t>(entry->position);
      }
    }
    segment.scan_from = scan_from;
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

Result<void> Recovery::keep(Found& segment, std::uint64_t position, const record::BatchHeader& header) {
  auto& tail = segment.content.tail;
  if (!segment.content.first_timestamp_ms) segment.content.first_timestamp_ms = header.max_timestamp;
  if (header.max_timestamp > tail.max_timestamp_ms) {
    tail.max_timestamp_ms = header.max_timestamp;
    tail.max_timestamp_offset = header.last_offset();
  }
  WEIR_TRY(segment.indexes.add(position, header));
  if (epochs_ && header.base_offset >= floor_) epochs_->note(header.leader_epoch, header.base_offset);
  expected_ = header.next_offset();
  return {};
}

// Fences what can't be read below the floor. True: the log ends before it.
bool Recovery::note_damage(std::size_t index, const HeaderWalk& walk, bool lost) {
  auto& segment = found_[index];
  auto end = walk.next_offset();
  if (lost && (index + 1 == found_.size() || end > floor_) && !is_below_start(index)) {
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
  const auto lost_from = std::max(expected_, options_.log_start);
  if (lost_from < end) report_.damaged.push_back({lost_from, end});
  expected_ = end;
  return false;
}

// False: the log ends before this segment.
Result<bool> Recovery::continues_the_log(std::size_t index) {
  auto& segment = found_[index];
  // What ends at or below the log's start was on its way out: power may have taken some of it, and left the rest.
  const auto reached = std::max(expected_, std::min(segment.base, options_.log_start));
  if (index > 0 && segment.base > expected_ && segment.base == reached) {
    expected_ = reached;
    return true;
  }
  const bool above_floor = reached >= floor_;
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
  WEIR_TRY_ASSIGN(sane, segment.indexes.read_ends(content));
  if (!sane) return std::nullopt;
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
  if (segment.rebuild_index && is_last(index)) WEIR_TRY(segment.indexes.begin_check());
  HeaderWalk walk(*file, surroundings(index), {0, segment.base});
  std::uint64_t told_bytes = 0;
  auto dropped_end = segment.scan_from;
  for (;;) {
    WEIR_TRY_ASSIGN(kind, walk.look());
    if (options_.scanned_bytes != nullptr) {
      options_.scanned_bytes->fetch_add(walk.scanned_bytes() - told_bytes, std::memory_order_relaxed);
      told_bytes = walk.scanned_bytes();
    }
    if (kind == HeaderWalk::Kind::kEnd) break;
    // What was on its way out ends no log, nor do offsets that it claims from the segments behind it.
    const bool claims_more = kind == HeaderWalk::Kind::kBatch && walk.header().next_offset() > next_base(index);
    if (is_below_start(index) && (kind == HeaderWalk::Kind::kBad || claims_more)) break;
    const bool is_damage = kind == HeaderWalk::Kind::kDamage || kind == HeaderWalk::Kind::kLost;
    if (kind == HeaderWalk::Kind::kBad || (is_damage && is_planted(PlantedBug::kDamageCutOff))) {
      cut_segment_ = index;
      kept_count_ = index + 1;
      break;
    }
    if (kind == HeaderWalk::Kind::kBatch) {
      WEIR_TRY(keep(segment, walk.position(), walk.header()));
    } else if (note_damage(index, walk, kind == HeaderWalk::Kind::kLost)) {
      break;
    }
    walk.pass();
    // A tail of any length passes through as much memory as this, which is used again and again.
    if (segment.scanned && walk.position() >= dropped_end + 2 * kKeptBehindBytes) {
      const auto end = walk.position() - kKeptBehindBytes;
      file->drop_cache(dropped_end, end - dropped_end);
      dropped_end = end;
    }
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
  auto how = IndexRecovery::Settle::kIfUnsound;
  // Continued only where a checkpoint will say what was durable; else the final entry of the index has to.
  const bool is_continued = is_last(index) && options_.knows_log_start;
  if (segment.rebuild_index) how = is_continued ? IndexRecovery::Settle::kContinued : IndexRecovery::Settle::kAnew;
  WEIR_TRY_ASSIGN(renamed, segment.indexes.settle(segment.content, how));
  names_changed_ = names_changed_ || renamed;
  segment.indexes = {fs_, directory_, segment.base, 0};  // a long log's entries shall not all be in memory at a time
  return {};
}

Result<void> Recovery::start_empty_at(Offset base) {
  WEIR_TRY_ASSIGN(file, fs_.open(path_of(base, kLogSuffix), OpenMode::kOpenOrCreate));
  WEIR_TRY(file->truncate(0));
  add_segment(base).content.tail.next_offset = base;
  return {};
}

// A log begins at its start or before. Where the first segment lies behind it, and nothing says that it was durable,
// the name of the one before was lost and this one's, though younger, was not.
Result<void> Recovery::set_headless_aside() {
  const bool knows_start = options_.knows_log_start && options_.last_written_by_weir && !options_.clean;
  if (!knows_start || found_.empty()) return {};
  const auto first = found_.front().base;
  if (first <= options_.log_start || first <= options_.recovery_point || first < floor_) return {};
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
  WEIR_TRY(find_segments());
  WEIR_TRY(open_segments());
  WEIR_TRY(find_floor());
  WEIR_TRY(read_epochs());
  WEIR_TRY(set_headless_aside());
  // An index says that all before it is durable; so must the names be, before the first one is written.
  if (std::ranges::count(found_, true, &Found::scanned) > 1) WEIR_TRY(fs_.sync_directory(directory_));
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
