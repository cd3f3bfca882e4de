#include "storage/segment.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "storage/segment_names.h"

namespace weir::storage {
namespace {

// Below this a copy costs less than a sendfile of its own (performance 5.3).
constexpr std::uint64_t kFileRangeBytesMin = 8 * kKiB;
// A walk starts at an index entry and ends within an index interval: one window.
constexpr std::size_t kWalkWindowBytes = 4 * kKiB;
// Walking this far costs no more than a search of the index.
constexpr std::uint64_t kWalkBytesMax = 16 * kKiB;
// What one visit to a helper proves at least: readers of small pieces shall not go there for each.
constexpr std::uint64_t kProofStepBytes = kMiB;
// Ranges proved apart from each other that are remembered; readers are few, and each goes on where it was.
constexpr std::size_t kProvedRangesMax = 16;
constexpr std::uint64_t kPageBytes = 4 * kKiB;
constexpr std::size_t kZerosBytes = 16 * kKiB;
// Index entries that are tried before a proof starts at the last sure place.
constexpr int kEntriesTriedMax = 4;

Path path_in(const Path& directory, Offset base_offset, std::string_view suffix) {
  return directory / segment_file_name(base_offset, suffix);
}

}  // namespace

Result<void> made_final(Result<void> synced) {
  if (!synced) synced.error().code = Errc::kIo;
  return synced;
}

Segment::Segment(FileSystem& fs, OpenSegments* open_segments, const Path& directory, Offset base_offset,
                 SegmentContent content, std::int64_t created_ms, std::int64_t jitter_ms)
    : fs_(fs),
      open_segments_(open_segments),
      base_offset_(base_offset),
      path_(path_in(directory, base_offset, kLogSuffix)),
      epochs_(std::move(content.epochs)),
      created_ms_(created_ms),
      jitter_ms_(jitter_ms),
      tail_(content.tail),
      offset_index_(fs, path_in(directory, base_offset, kOffsetIndexSuffix), content.offset_entries_count,
                    content.last_offset_entry),
      time_index_(fs, path_in(directory, base_offset, kTimeIndexSuffix), content.time_entries_count,
                  content.last_time_entry),
      file_(std::move(content.file)),
      unproved_end_(content.unproved_end),
      damage_(std::move(content.damage)),
      first_timestamp_ms_(content.first_timestamp_ms) {
  for (const auto& entry : content.pending_offset_entries) offset_index_.add(entry);
  for (const auto& entry : content.pending_time_entries) time_index_.add(entry);
  const auto& indexed = offset_index_.last();
  bytes_since_index_entry_ = static_cast<std::int64_t>(tail_.size_bytes) - (indexed ? indexed->position : 0);
  mark_flushed({tail_.size_bytes, tail_.next_offset});
  if (file_ != nullptr && open_segments_ != nullptr) open_segments_->add(*this);
}

Segment::~Segment() {
  if (open_segments_ != nullptr) open_segments_->remove(*this);
}

Result<std::shared_ptr<File>> Segment::open_log() const {
  auto opened = fs_.open(path_, OpenMode::kReadWrite);
  if (opened || opened.error().code != Errc::kNotFound) return opened;
  // The log let it go, and somebody still reads.
  auto marked_path = path_;
  marked_path += kDeletedSuffix;
  return fs_.open(marked_path, OpenMode::kReadWrite);
}

Result<std::shared_ptr<File>> Segment::log_file() const {
  {
    const std::lock_guard lock(mutex_);
    was_used_ = true;
    if (file_ != nullptr) return file_;
    if (is_retired_) return fail(Errc::kNotFound, fmt::format("{}: its topic is deleted", path_.native()));
  }
  auto opened = open_log();
  const bool wants_room = !opened && opened.error().code == Errc::kTooManyFiles && open_segments_ != nullptr;
  if (wants_room && open_segments_->close_one()) opened = open_log();
  if (!opened) return std::unexpected(std::move(opened).error());
  std::shared_ptr<File> file;
  {
    const std::lock_guard lock(mutex_);
    if (file_ == nullptr) file_ = *std::move(opened);  // else another thread was faster
    file = file_;
  }
  if (open_segments_ != nullptr) open_segments_->add(*this);
  return file;
}

void Segment::drop_pages(std::uint64_t from, std::uint64_t to) const {
  if (const auto file = log_file()) (*file)->drop_cache(from, to - from);
}

void Segment::retire() const {
  const std::lock_guard lock(mutex_);
  is_retired_ = true;
}

bool Segment::close_if_idle() const {
  const std::lock_guard lock(mutex_);
  const bool is_durable = marks_[0].position == tail_.size_bytes;
  if (std::exchange(was_used_, false) || !is_durable || is_to_be_finished_ || file_.use_count() > 1) return false;
  file_ = nullptr;
  second_file_ = nullptr;
  offset_index_.release_file();
  time_index_.release_file();
  return true;
}

bool Segment::is_being_read() const {
  const std::lock_guard lock(mutex_);
  return file_.use_count() > 1;
}

std::vector<DamagedRange> Segment::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

SegmentTail Segment::tail() const {
  const std::lock_guard lock(mutex_);
  return tail_;
}

std::unexpected<Error> Segment::in_this_file(Error error) const {
  if (error.code == Errc::kCorrupt) error.context = fmt::format("{} {}", path_.native(), error.context);
  return std::unexpected(std::move(error));
}

template <class Predicate>
std::uint64_t Segment::last_sure_place(Predicate holds) const {
  std::uint64_t best = 0;
  for (std::size_t i = 0; i < marks_count_ && best == 0; ++i) {
    if (holds(marks_[i].offset, marks_[i].position)) best = marks_[i].position;
  }
  if (unproved_end_.position == 0) return best;
  if (holds(unproved_end_.offset, unproved_end_.position)) return std::max(best, unproved_end_.position);
  for (const auto& range : proved_) {
    if (holds(range.begin.offset, range.begin.position)) best = std::max(best, range.begin.position);
  }
  return best;
}

template <class Predicate>
Result<Segment::Boundary> Segment::nearest_boundary(Predicate holds, ReadMode mode) const {
  Boundary best;
  IndexSnapshot<OffsetIndexEntry> written;
  const auto entry_holds = [&](const OffsetIndexEntry& entry) {
    return holds(to_offset(entry.relative_offset), static_cast<std::uint64_t>(entry.position));
  };
  {
    const std::lock_guard lock(mutex_);
    best.position = last_sure_place(holds);
    if (const auto entry = offset_index_.last_pending_where(entry_holds)) {
      best.position = std::max(best.position, static_cast<std::uint64_t>(entry->position));
      return best;
    }
    // Marks are usually newer than everything written; then the file has nothing to add.
    const auto& last = offset_index_.last_written();
    if (!last || best.position >= static_cast<std::uint64_t>(last->position)) return best;
    auto snapshot = offset_index_.snapshot();
    if (!snapshot) return std::unexpected(std::move(snapshot).error());
    written = *std::move(snapshot);
  }
  WEIR_TRY_ASSIGN(entry, written.last_where(entry_holds, mode));
  if (entry && entry->position > 0) {
    best.claimed_position = static_cast<std::uint64_t>(entry->position);
    best.claimed_last_offset = to_offset(entry->relative_offset);
  }
  return best;
}

Result<void> Segment::start_walk(BatchWalker& walker, const Boundary& boundary, std::uint64_t fallback) const {
  const auto sure = std::max(boundary.position, fallback);
  if (boundary.claimed_position <= sure) {
    walker.move_to(sure);
    return {};
  }
  walker.move_to(boundary.claimed_position);
  auto header = walker.peek();
  if (!header && header.error().code != Errc::kCorrupt) return std::unexpected(std::move(header).error());
  const bool proved = header && *header && (*header)->last_offset() == boundary.claimed_last_offset;
  if (!proved) walker.move_to(sure);
  return {};
}

void Segment::pass_damage(BatchWalker& walker) const {
  const std::lock_guard lock(mutex_);
  for (const auto& range : damage_) {
    if (walker.position() == range.position) walker.move_to(range.end_position);
  }
}

const Segment::ProvedRange* Segment::proved_range_with(Offset from) const {
  const auto found =
      std::ranges::find_if(proved_, [&](const auto& r) { return r.begin.offset <= from && from < r.end.offset; });
  return found == proved_.end() ? nullptr : &*found;
}

Result<BatchPosition> Segment::proof_start(const File& file, Offset from) const {
  BatchPosition start{0, base_offset_};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& range : proved_) {
      if (range.end.offset <= from) start = range.end;
    }
  }
  auto target = from;
  for (int tried = 0; tried < kEntriesTriedMax; ++tried) {
    WEIR_TRY_ASSIGN(boundary, nearest_boundary([target](Offset offset, std::uint64_t) { return offset <= target; },
                                               ReadMode::kMayBlock));
    if (boundary.claimed_position <= start.position) break;
    std::array<std::uint8_t, record::kBatchHeaderBytes> window;
    BatchWalker walker(file, base_offset_, boundary.claimed_position, tail().size_bytes, ReadMode::kMayBlock, window);
    auto header = walker.peek();
    if (!header && header.error().code != Errc::kCorrupt) return std::unexpected(std::move(header).error());
    if (header && *header && (*header)->last_offset() == boundary.claimed_last_offset) {
      return BatchPosition{boundary.claimed_position, (*header)->base_offset};
    }
    target = boundary.claimed_last_offset - 1;
  }
  return start;
}

void Segment::take_proof(const ProvedRange& range, const std::vector<DamagedRange>& damage) const {
  const std::lock_guard lock(mutex_);
  for (const auto& found : damage) {
    // Another reader may have come upon it at the same time.
    const bool known = std::ranges::any_of(damage_, [&](const auto& d) { return d.position == found.position; });
    if (known) continue;
    log_error("{} is damaged: {} bytes at {}, offsets from {} up to {} can't be read", path_.native(),
              found.end_position - found.position, found.position, found.first.value(), found.end.value());
    const auto place =
        std::ranges::find_if(damage_, [&](const DamagedRange& d) { return d.position > found.position; });
    damage_.insert(place, found);
  }
  auto merged = range;
  std::erase_if(proved_, [&](const ProvedRange& other) {
    if (other.end.position < merged.begin.position || other.begin.position > merged.end.position) return false;
    if (other.begin.position < merged.begin.position) merged.begin = other.begin;
    if (other.end.position > merged.end.position) merged.end = other.end;
    return true;
  });
  if (merged.end.position >= unproved_end_.position) {
    if (merged.begin.position < unproved_end_.position) unproved_end_ = merged.begin;
    return;
  }
  if (proved_.size() == kProvedRangesMax) proved_.erase(proved_.begin());
  const auto place = std::ranges::find_if(
      proved_, [&](const ProvedRange& other) { return other.begin.position > merged.begin.position; });
  proved_.insert(place, merged);
}

Result<Offset> Segment::prove(Offset from, std::uint64_t size_bytes, ReadMode mode) const {
  BatchPosition limit;
  std::optional<ProvedRange> known;
  {
    const std::lock_guard lock(mutex_);
    limit = unproved_end_;
    if (limit.position == 0 || from >= limit.offset) return kOffsetMax;
    if (const auto* range = proved_range_with(from)) known = *range;
  }
  if (mode == ReadMode::kIfResident) {
    if (!known) return fail(Errc::kNotReady, {});
    return known->end.offset;
  }
  const auto wanted = std::max(size_bytes, kProofStepBytes);
  WEIR_TRY_ASSIGN(file, log_file());
  ProvedRange proved;
  std::optional<std::uint64_t> from_position;
  if (known) {
    WEIR_TRY_ASSIGN(place, locate(from, mode));
    if (known->end.position >= place.position + size_bytes) return known->end.offset;
    from_position = place.position;
    proved.begin = known->end;
  } else {
    WEIR_TRY_ASSIGN(start, proof_start(*file, from));
    proved.begin = start;
  }
  const HeaderWalk::Surroundings around{
      .segment_base = base_offset_, .end_position = limit.position, .end = limit.offset, .epochs = epochs_.get()};
  HeaderWalk walk(*file, around, proved.begin);
  std::vector<DamagedRange> damage;
  while (!from_position || walk.position() < *from_position + wanted) {
    WEIR_TRY_ASSIGN(kind, walk.look());
    if (kind == HeaderWalk::Kind::kEnd) break;
    if (!from_position && walk.next_offset() > from) from_position = walk.position();
    if (kind != HeaderWalk::Kind::kBatch) {
      damage.push_back({walk.expected(), walk.next_offset(), walk.position(), walk.next_position()});
    }
    walk.pass();
  }
  proved.end = {walk.position(), walk.expected()};
  take_proof(proved, damage);
  return proved.end.position >= limit.position ? kOffsetMax : proved.end.offset;
}

Result<BatchPosition> Segment::locate(Offset target, ReadMode mode) const {
  if (target <= base_offset_) return BatchPosition{0, base_offset_};
  SegmentTail end;
  {
    const std::lock_guard lock(mutex_);
    if (target >= tail_.next_offset) return BatchPosition{tail_.size_bytes, tail_.next_offset};
    for (std::size_t i = 0; i < marks_count_; ++i) {
      if (marks_[i].offset == target) return marks_[i];
    }
    end = tail_;
  }
  WEIR_TRY_ASSIGN(boundary,
                  nearest_boundary([target](Offset offset, std::uint64_t) { return offset <= target; }, mode));
  WEIR_TRY_ASSIGN(file, log_file());
  std::array<std::uint8_t, kWalkWindowBytes> window;
  BatchWalker walker(*file, base_offset_, 0, end.size_bytes, mode, window);
  WEIR_TRY(start_walk(walker, boundary, 0));
  for (;;) {
    pass_damage(walker);
    auto header = walker.peek();
    if (!header) return in_this_file(std::move(header).error());
    if (!*header) return BatchPosition{end.size_bytes, end.next_offset};
    if ((*header)->last_offset() >= target) return BatchPosition{walker.position(), (*header)->base_offset};
    walker.skip(**header);
  }
}

Result<BatchPosition> Segment::last_start_up_to(const BatchPosition& start, std::uint64_t end_max,
                                                ReadMode mode) const {
  Boundary boundary;
  if (end_max - start.position > kWalkBytesMax) {
    WEIR_TRY_ASSIGN(nearest,
                    nearest_boundary([end_max](Offset, std::uint64_t position) { return position <= end_max; }, mode));
    boundary = nearest;
  }
  WEIR_TRY_ASSIGN(file, log_file());
  std::array<std::uint8_t, kWalkWindowBytes> window;
  BatchWalker walker(*file, base_offset_, start.position, tail().size_bytes, mode, window);
  WEIR_TRY(start_walk(walker, boundary, start.position));
  for (;;) {
    auto header = walker.peek();
    if (!header) return in_this_file(std::move(header).error());
    CHECK(header->has_value(), "{}: no batch at {}", path_.native(), walker.position());
    if (walker.position() + (*header)->size_bytes() > end_max) {
      return BatchPosition{walker.position(), (*header)->base_offset};
    }
    walker.skip(**header);
  }
}

Result<BatchRange> Segment::range(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                  ReadMode mode) const {
  WEIR_TRY_ASSIGN(proved_end, prove(from, max_bytes, mode));
  limit = std::min(limit, proved_end);
  const auto damage = this->damage();
  for (const auto& damaged : damage) {
    if (from < damaged.first || from >= damaged.end) continue;
    return fail(Errc::kCorrupt, fmt::format("{}: offsets {} to {} are damaged", path_.native(), damaged.first.value(),
                                            damaged.end.value() - 1));
  }
  WEIR_TRY_ASSIGN(start, locate(from, mode));
  WEIR_TRY_ASSIGN(end, locate(limit, mode));
  const auto damaged =
      std::ranges::find_if(damage, [&](const DamagedRange& d) { return d.position >= start.position; });
  if (damaged != damage.end() && damaged->position < end.position) end = {damaged->position, damaged->first};
  if (end.position <= start.position) return BatchRange{start.position, 0, from};
  const auto size = end.position - start.position;
  if (size <= max_bytes) return BatchRange{start.position, size, std::min(end.offset, limit)};

  WEIR_TRY_ASSIGN(cut, last_start_up_to(start, start.position + max_bytes, mode));
  if (cut.position > start.position) {
    return BatchRange{start.position, cut.position - start.position, cut.offset};
  }
  if (!at_least_one) return BatchRange{start.position, 0, from};
  WEIR_TRY_ASSIGN(file, log_file());
  std::array<std::uint8_t, record::kBatchHeaderBytes> window;
  BatchWalker walker(*file, base_offset_, start.position, end.position, mode, window);
  auto header = walker.peek();
  if (!header) return in_this_file(std::move(header).error());
  return BatchRange{start.position, (*header)->size_bytes(), (*header)->next_offset()};
}

Result<void> Segment::read(const BatchRange& range, ByteChain& to, ReadMode mode) const {
  WEIR_TRY_ASSIGN(file, log_file());
  if (range.size_bytes >= kFileRangeBytesMin && file->descriptor() >= 0) {
    if (mode == ReadMode::kIfResident && !file->is_resident(range.position, range.size_bytes)) {
      return fail(Errc::kNotReady, {});
    }
    to.append(FileRange{file, file->descriptor(), range.position, range.size_bytes});
    return {};
  }
  Bytes bytes(range.size_bytes);
  WEIR_TRY_ASSIGN(got, read_at(*file, bytes, range.position, mode));
  if (got != bytes.size()) {
    return fail(Errc::kCorrupt, fmt::format("{} is shorter than it was", path_.native()));
  }
  to.append(std::move(bytes));
  return {};
}

Result<Offset> Segment::time_index_floor(std::int64_t timestamp_ms, ReadMode mode) const {
  const auto holds = [timestamp_ms](const TimeIndexEntry& entry) { return entry.timestamp_ms <= timestamp_ms; };
  IndexSnapshot<TimeIndexEntry> written;
  {
    const std::lock_guard lock(mutex_);
    if (const auto entry = time_index_.last_pending_where(holds)) return to_offset(entry->relative_offset);
    if (!time_index_.last_written()) return base_offset_;
    auto snapshot = time_index_.snapshot();
    if (!snapshot) return std::unexpected(std::move(snapshot).error());
    written = *std::move(snapshot);
  }
  WEIR_TRY_ASSIGN(entry, written.last_where(holds, mode));
  return entry ? to_offset(entry->relative_offset) : base_offset_;
}

Result<std::optional<TimeIndexEntry>> Segment::last_time_entry_below(Offset limit, ReadMode mode) const {
  const auto holds = [&](const TimeIndexEntry& entry) { return to_offset(entry.relative_offset) < limit; };
  IndexSnapshot<TimeIndexEntry> written;
  {
    const std::lock_guard lock(mutex_);
    if (const auto entry = time_index_.last_pending_where(holds)) return entry;
    if (!time_index_.last_written()) return std::nullopt;
    auto snapshot = time_index_.snapshot();
    if (!snapshot) return std::unexpected(std::move(snapshot).error());
    written = *std::move(snapshot);
  }
  return written.last_where(holds, mode);
}

std::shared_ptr<File> Segment::second_file() const {
  const std::lock_guard lock(mutex_);
  return second_file_;
}

bool Segment::open_second_file() const {
  const std::lock_guard lock(mutex_);
  if (second_file_ != nullptr || file_ == nullptr || !may_have_second_file_) return false;
  auto opened = file_->reopen();
  if (!opened) return false;
  second_file_ = *std::move(opened);
  return true;
}

void Segment::forget_second_file() {
  const std::lock_guard lock(mutex_);
  second_file_ = nullptr;
  may_have_second_file_ = false;
}

Result<void> Segment::sync_log() const {
  WEIR_TRY_ASSIGN(file, log_file());
  return made_final(file->datasync());
}

Result<void> Segment::finish() const {
  std::shared_ptr<File> offset_file;
  std::shared_ptr<File> time_file;
  std::uint64_t size = 0;
  bool trim = false;
  bool has_zeros = false;
  {
    const std::lock_guard lock(mutex_);
    WEIR_TRY_ASSIGN(offsets, offset_index_.file_to_sync());
    WEIR_TRY_ASSIGN(times, time_index_.file_to_sync());
    offset_file = std::move(offsets);
    time_file = std::move(times);
    size = tail_.size_bytes;
    has_zeros = has_zeros_ahead_;
    trim = has_reserved_space_ || has_zeros;
  }
  if (trim) {
    WEIR_TRY_ASSIGN(file, log_file());
    WEIR_TRY(made_final(file->truncate(size)));
    // From now on the size is believed.
    if (has_zeros) WEIR_TRY(made_final(file->datasync()));
  }
  if (offset_file != nullptr) WEIR_TRY(made_final(offset_file->datasync()));
  if (time_file != nullptr) WEIR_TRY(made_final(time_file->datasync()));
  return {};
}

bool Segment::index_is_full(std::int64_t index_bytes_max) const {
  // Kafka leaves one place of the time index for the final entry.
  const auto offset_entries_max = index_bytes_max / static_cast<std::int64_t>(OffsetIndexEntry::kBytes);
  const auto time_entries_max = index_bytes_max / static_cast<std::int64_t>(TimeIndexEntry::kBytes) - 1;
  return static_cast<std::int64_t>(offset_index_.count()) >= offset_entries_max ||
         static_cast<std::int64_t>(time_index_.count()) >= time_entries_max;
}

Result<void> Segment::append(File& file, ByteView batch, const record::BatchHeader& header,
                             std::int64_t index_interval_bytes) {
  const auto position = tail_.size_bytes;
  WEIR_TRY(file.pwritev({&batch, 1}, position));
  if (!first_timestamp_ms_) first_timestamp_ms_ = header.max_timestamp;

  const std::lock_guard lock(mutex_);
  if (header.max_timestamp > tail_.max_timestamp_ms) {
    tail_.max_timestamp_ms = header.max_timestamp;
    tail_.max_timestamp_offset = header.last_offset();
  }
  if (bytes_since_index_entry_ > index_interval_bytes) {
    offset_index_.add({to_relative(header.last_offset()), static_cast<std::int32_t>(position)});
    const auto& last = time_index_.last();
    if (tail_.max_timestamp_ms > (last ? last->timestamp_ms : kNoTimestamp)) {
      time_index_.add({tail_.max_timestamp_ms, to_relative(tail_.max_timestamp_offset)});
    }
    bytes_since_index_entry_ = 0;
  }
  bytes_since_index_entry_ += static_cast<std::int64_t>(batch.size());
  tail_.size_bytes = position + batch.size();
  tail_.next_offset = header.next_offset();
  return {};
}

Result<void> Segment::cut_zeros(File& file) {
  if (zeroed_end_ <= tail_.size_bytes) return {};
  zeroed_end_ = 0;
  forget_second_file();
  return file.truncate(tail_.size_bytes);
}

Result<void> Segment::truncate_to_tail(File& file) {
  reserved_end_ = 0;  // the space past the end goes too
  zeroed_end_ = 0;
  forget_second_file();
  return file.truncate(tail_.size_bytes);
}

Result<void> Segment::reserve(File& file, std::uint64_t size_bytes, std::uint64_t step_bytes, std::uint64_t end_max) {
  const auto needed_end = tail_.size_bytes + size_bytes;
  if (needed_end <= reserved_end_) return {};
  const auto begin = std::max(reserved_end_, tail_.size_bytes);
  const auto end = std::max(needed_end, std::min(begin + step_bytes, end_max));
  WEIR_TRY(file.preallocate(begin, end - begin));
  reserved_end_ = end;
  const std::lock_guard lock(mutex_);
  has_reserved_space_ = true;
  return {};
}

Result<void> Segment::zero_ahead(File& file, std::uint64_t size_bytes, std::uint64_t step_bytes,
                                 std::uint64_t end_max) {
  const auto begin = tail_.size_bytes + size_bytes;
  if (begin <= zeroed_end_) return {};
  const auto end = std::min((begin + step_bytes) / kPageBytes * kPageBytes, end_max);
  if (end <= begin) return {};
  {
    const std::lock_guard lock(mutex_);
    has_zeros_ahead_ = true;
  }
  static const std::array<std::uint8_t, kZerosBytes> zeros{};
  for (auto at = begin; at < end;) {
    const auto piece = ByteView(zeros).first(std::min<std::uint64_t>(zeros.size(), end - at));
    WEIR_TRY(file.pwritev({&piece, 1}, at));
    at += piece.size();
  }
  zeroed_end_ = end;
  return {};
}

void Segment::mark_flushed(const BatchPosition& at) {
  const std::lock_guard lock(mutex_);
  if (marks_count_ != 0 && marks_[0].position == at.position) return;
  std::ranges::rotate(marks_, marks_.end() - 1);
  marks_[0] = at;
  marks_count_ = std::min(marks_count_ + 1, marks_.size());
}

void Segment::seal() {
  const std::lock_guard lock(mutex_);
  is_to_be_finished_ = true;
  second_file_ = nullptr;
  may_have_second_file_ = false;
  const auto& last = time_index_.last();
  if (tail_.max_timestamp_ms > (last ? last->timestamp_ms : kNoTimestamp)) {
    time_index_.add({tail_.max_timestamp_ms, to_relative(tail_.max_timestamp_offset)});
  }
}

void Segment::release_indexes() {
  const std::lock_guard lock(mutex_);
  is_to_be_finished_ = false;
  offset_index_.release_file();
  time_index_.release_file();
}

template <class Entry>
Result<void> Segment::write_entries(SparseIndex<Entry>& index, std::size_t count, bool create, bool& created) {
  if (count == 0 && !create) return {};
  std::shared_ptr<File> file;
  {
    const std::lock_guard lock(mutex_);
    WEIR_TRY_ASSIGN(opened, index.file_for_writing(created));
    file = std::move(opened);
  }
  WEIR_TRY(index.write_pending(*file, count));
  const std::lock_guard lock(mutex_);
  index.mark_written(count);
  return {};
}

Result<void> Segment::write_index(Offset flushed_end, IndexWrite amount, bool& created) {
  const auto is_durable = [&](const auto& entry) { return to_offset(entry.relative_offset) < flushed_end; };
  // The owner reads what only it changes without the lock.
  const auto& pending = offset_index_.pending();
  const auto& pending_times = time_index_.pending();
  const auto count = std::ranges::partition_point(pending, is_durable) - pending.begin();
  const auto times_count = std::ranges::partition_point(pending_times, is_durable) - pending_times.begin();
  const bool all = amount == IndexWrite::kAll;
  if (!all) {
    if (count == 0) return {};
    const auto& last_written = offset_index_.last_written();
    const auto lag =
        pending[static_cast<std::size_t>(count - 1)].position - (last_written ? last_written->position : 0);
    if (static_cast<std::size_t>(count) < kIndexEntriesToWrite && lag < kIndexLagBytesMax) return {};
  }
  WEIR_TRY(write_entries(offset_index_, static_cast<std::size_t>(count), all, created));
  return write_entries(time_index_, static_cast<std::size_t>(times_count), all, created);
}

}  // namespace weir::storage
