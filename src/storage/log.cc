#include "storage/log.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/planted_bug.h"
#include "storage/log_recovery.h"
#include "storage/segment.h"
#include "storage/segment_names.h"
#include "storage/text_formats.h"

namespace weir::storage {
namespace {

constexpr std::int64_t kRelativeOffsetMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kSegmentBytesMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kReserveStepBytesMin = static_cast<std::int64_t>(64 * kKiB);
constexpr std::int64_t kReserveStepBytesMax = static_cast<std::int64_t>(16 * kMiB);
// A log that is written once and left alone never holds reserved space.
constexpr std::uint32_t kFlushesBeforeReserving = 2;
// An fdatasync that changes neither size nor extents leaves the file system's journal alone: a fifth less time, and it
// waits for nobody else's commit. Larger flushes would write the zeros for too few of them to gain.
constexpr std::uint32_t kFlushesBeforeZeroing = 8;
constexpr std::uint64_t kZeroedFlushBytesMax = 16 * kKiB;
constexpr std::uint64_t kZeroStepBytesMin = 16 * kKiB;
constexpr std::uint64_t kZeroStepBytesMax = 128 * kKiB;

std::int64_t draw_jitter(const LogSettings& settings, Random& random) {
  const auto bound = std::min(settings.segment_jitter_ms, settings.segment_ms);
  if (bound <= 0) return 0;
  return static_cast<std::int64_t>(random.next_u64() % static_cast<std::uint64_t>(bound));
}

bool is_too_old(const Segment& segment, const SegmentTail& tail, const RetentionRules& rules, std::int64_t now_ms) {
  if (rules.retention_ms < 0) return false;
  auto newest_ms = tail.max_timestamp_ms;
  if (newest_ms < 0) {
    const auto file = segment.log_file();
    if (!file) return false;
    const auto modified_ms = (*file)->modified_ms();
    if (!modified_ms) return false;
    newest_ms = *modified_ms;
  }
  return now_ms - newest_ms > rules.retention_ms;
}

}  // namespace

Result<void> run_flush(const FlushJob& job) {
  if (job.second_file != nullptr) return made_final(job.second_file->datasync());
  for (const auto& segment : job.segments) {
    auto synced = segment->sync_log();
    if (!synced && is_planted(PlantedBug::kSyncTriedAgain)) synced = segment->sync_log();
    WEIR_TRY(std::move(synced));
  }
  for (const auto& segment : job.finished) WEIR_TRY(segment->finish());
  for (const auto& file : job.files) {
    auto replaced = write_file_atomically(*job.fs, file.path, file.content);
    if (replaced) continue;
    const auto code = replaced.error().code;
    if (code != Errc::kNoSpace && code != Errc::kTooManyFiles) return replaced;
    job.files_left = true;
  }
  for (const auto& directory : job.directories) WEIR_TRY(job.fs->sync_directory(directory));
  for (const auto& range : job.leaving) {
    if (const auto segment = range.segment.lock()) segment->drop_pages(range.from, range.to);
  }
  return {};
}

Log::Log(FileSystem& fs, const Clock& clock, Random& random, Path directory, LogSettings settings)
    : fs_(fs), clock_(clock), random_(random), directory_(std::move(directory)), settings_(settings) {}

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(FileSystem& fs, const Clock& clock, Random& random, Path directory,
                                       LogSettings settings, LogOpenOptions options) {
  WEIR_TRY_ASSIGN(recovered, recover_log(fs, directory, settings, options));
  std::unique_ptr<Log> log(new Log(fs, clock, random, std::move(directory), settings));
  log->open_segments_ = options.open_segments;
  log->recent_pages_ = options.recent_pages;
  std::shared_ptr<const LeaderEpochs> epochs;
  if (recovered.epochs_known) epochs = std::make_shared<const LeaderEpochs>(recovered.epochs);
  for (auto& segment : recovered.segments) {
    if (segment.content.unproved_end.position != 0) segment.content.epochs = epochs;
    log->segments_.push_back(std::make_shared<Segment>(fs, options.open_segments, log->directory_, segment.base_offset,
                                                       std::move(segment.content), clock.wall_ms(),
                                                       draw_jitter(settings, random)));
  }
  log->log_start_ = recovered.log_start;
  log->log_end_ = log->active().tail().next_offset;
  log->flushed_end_ = log->log_end_;
  log->recovery_ = std::move(recovered.report);
  log->unsynced_directories_ = std::move(recovered.unsynced_directories);
  log->publish_view();
  WEIR_TRY(
      log->settle_epochs(std::move(recovered.epochs), recovered.epochs_known, recovered.epochs_on_disk, options.clean));
  return log;
}

// From every header there is. A batch whose epoch is above that of the next has rotted.
Result<LeaderEpochs> Log::gather_epochs() const {
  LeaderEpochs epochs;
  std::optional<EpochStart> waiting;
  const auto take = [&](const record::BatchHeader& header) -> Result<void> {
    if (waiting && waiting->epoch <= header.leader_epoch) epochs.note(waiting->epoch, waiting->start);
    waiting = EpochStart{header.leader_epoch, header.base_offset};
    return {};
  };
  WEIR_TRY(view_.get()->visit_headers(log_start_, log_end_, take));
  if (waiting) epochs.note(waiting->epoch, waiting->start);
  epochs.cut(log_start_, log_end_);
  return epochs;
}

// A clean start writes nothing unless there was nothing to be trusted.
Result<void> Log::settle_epochs(LeaderEpochs found, bool known, bool on_disk, bool clean) {
  epochs_ = std::move(found);
  if (known && (on_disk || clean)) return {};
  if (!known) {
    log_info("{}: the leader epochs are gathered from the log", directory_.native());
    WEIR_TRY_ASSIGN(gathered, gather_epochs());
    epochs_ = std::move(gathered);
  }
  return write_file_atomically(fs_, directory_ / kLeaderEpochFile, as_bytes(format_leader_epochs(epochs_)));
}

void Log::replace_file(std::string_view name, Bytes content) {
  auto path = directory_ / name;
  std::erase_if(files_, [&](const ReplacedFile& file) { return file.path == path; });
  files_.push_back({std::move(path), std::move(content)});
}

void Log::publish_view() {
  view_.publish(std::make_shared<const LogView>(log_start_, segments_));
}

void Log::add_unsynced_directory(const Path& directory) {
  if (std::ranges::find(unsynced_directories_, directory) == unsynced_directories_.end()) {
    unsynced_directories_.push_back(directory);
  }
}

std::unexpected<Error> Log::fence_with(Error error) {
  if (!fence_) {
    fence_ = error;
    log_error("log {} is fenced: {}", directory_.native(), to_string(error));
  }
  return std::unexpected(std::move(error));
}

void Log::fence_off(const Error& why) {
  if (!fence_) fence_ = why;
}

Result<void> Log::check_usable() const {
  if (fence_) return std::unexpected(*fence_);
  if (closed_) return fail(Errc::kClosed, fmt::format("log {}", directory_.native()));
  return {};
}

bool Log::must_roll(ByteView batch, const record::BatchHeader& header) const {
  const auto& segment = active();
  if (header.last_offset() - segment.base_offset() > kRelativeOffsetMax) return true;
  if (segment.is_empty()) return false;
  const auto size_after = static_cast<std::int64_t>(segment.tail().size_bytes + batch.size());
  if (size_after > std::min(settings_.segment_bytes, kSegmentBytesMax)) return true;
  if (segment.index_is_full(settings_.segment_index_bytes)) return true;
  // Record time drives rolling; the wall clock stands in for records without one.
  const auto age_max_ms = settings_.segment_ms - segment.jitter_ms();
  const auto first_ms = segment.first_timestamp_ms().value_or(kNoTimestamp);
  if (first_ms < 0) return clock_.wall_ms() - segment.created_ms() > age_max_ms;
  return header.max_timestamp > first_ms && header.max_timestamp - first_ms > age_max_ms;
}

Result<void> Log::roll() {
  WEIR_TRY(cut_remains());
  // Open from here until it is finished (seal()).
  WEIR_TRY_ASSIGN(sealed_file, active().log_file());
  WEIR_TRY(active().cut_zeros(*sealed_file));
  const auto path = directory_ / segment_file_name(log_end_, kLogSuffix);
  // A roll that failed half-way may have left an empty file; nothing of this log can be in it.
  WEIR_TRY_ASSIGN(file, fs_.open(path, OpenMode::kOpenOrCreate));
  WEIR_TRY_ASSIGN(size, file->size_bytes());
  if (size != 0) WEIR_TRY(file->truncate(0));
  active().seal();
  sealed_.push_back(segments_.back());
  SegmentContent empty;
  empty.file = std::move(file);
  empty.tail.next_offset = log_end_;
  segments_.push_back(std::make_shared<Segment>(fs_, open_segments_, directory_, log_end_, std::move(empty),
                                                clock_.wall_ms(), draw_jitter(settings_, random_)));
  if (!is_planted(PlantedBug::kNameOfSegmentNotSynced)) add_unsynced_directory(directory_);
  reserving_allowed_ = true;
  zeroing_allowed_ = true;
  publish_view();
  return {};
}

Result<void> Log::prepare_space(File& file, std::uint64_t size_bytes) {
  if (!reserving_allowed_ || flush_count_ < kFlushesBeforeReserving) return {};
  const auto segment_bytes = std::min(settings_.segment_bytes, kSegmentBytesMax);
  const auto step_bytes = std::clamp(segment_bytes, kReserveStepBytesMin, kReserveStepBytesMax);
  const auto reserved = active().reserve(file, size_bytes, static_cast<std::uint64_t>(step_bytes),
                                         static_cast<std::uint64_t>(segment_bytes));
  // The write itself may still succeed, and says what is wrong if it does not.
  if (!reserved) reserving_allowed_ = false;
  if (!reserved || !zeroing_allowed_ || flush_count_ < kFlushesBeforeZeroing) return {};
  if (usual_flush_bytes_ > kZeroedFlushBytesMax) return {};
  // A log grows into it: a small one stays small.
  const auto zeros_bytes = std::clamp(active().tail().size_bytes, kZeroStepBytesMin, kZeroStepBytesMax);
  const auto zeroed = active().zero_ahead(file, size_bytes, zeros_bytes, static_cast<std::uint64_t>(segment_bytes));
  zeroing_allowed_ = zeroed.has_value();
  // A device that takes no write is not asked for the next one.
  const auto is_fatal = [](Errc code) { return code == Errc::kIo || code == Errc::kReadOnly; };
  return zeroed || !is_fatal(zeroed.error().code) ? Result<void>{} : zeroed;
}

// Before anything else is appended: what a failed append left could be read as a batch behind a shorter one.
Result<void> Log::cut_remains() {
  if (!remains_to_cut_) return {};
  const auto file = active().log_file();
  if (!file && file.error().code == Errc::kTooManyFiles) return std::unexpected(file.error());
  if (!file) return fence_with(file.error());
  if (auto cut = active().truncate_to_tail(**file); !cut) {
    if (cut.error().code == Errc::kNoSpace) return cut;
    return fence_with(std::move(cut).error());
  }
  remains_to_cut_ = false;
  return {};
}

Result<void> Log::append(ByteView batch, const record::BatchHeader& header) {
  WEIR_TRY(check_usable());
  CHECK(header.base_offset == log_end_, "{}: a batch for offset {} at {}", directory_.native(),
        header.base_offset.value(), log_end_.value());
  CHECK(batch.size() == header.size_bytes(), "{}: {} bytes of a batch of {}", directory_.native(), batch.size(),
        header.size_bytes());
  if (must_roll(batch, header)) {
    if (auto rolled = roll(); !rolled) {
      const auto code = rolled.error().code;
      if (code == Errc::kNoSpace || code == Errc::kTooManyFiles) return rolled;
      return fence_with(std::move(rolled).error());
    }
    WEIR_TRY(index_durable_segments());
  }
  // Open by now, or nothing was written: what fails below is the disk's.
  const auto file = active().log_file();
  if (!file) {
    const auto code = file.error().code;
    if (code == Errc::kNoSpace || code == Errc::kTooManyFiles) return std::unexpected(file.error());
    return fence_with(file.error());
  }
  if (auto cut = cut_remains(); !cut) return cut;
  if (auto prepared = prepare_space(**file, batch.size()); !prepared) return fence_with(std::move(prepared).error());
  if (auto written = active().append(**file, batch, header, settings_.index_interval_bytes); !written) {
    if (written.error().code != Errc::kNoSpace) return fence_with(std::move(written).error());
    remains_to_cut_ = true;
    if (auto cut = cut_remains(); !cut && fence_) return cut;
    return written;
  }
  if (dirty_.empty() || dirty_.back() != segments_.back()) dirty_.push_back(segments_.back());
  log_end_ = header.next_offset();
  appended_bytes_ += batch.size();
  if (epochs_.note(header.leader_epoch, header.base_offset)) {
    const auto text = format_leader_epochs(epochs_);
    const auto bytes = as_bytes(text);
    replace_file(kLeaderEpochFile, Bytes(bytes.begin(), bytes.end()));
  }
  return {};
}

Offset Log::retained_start(const RetentionRules& rules, Offset high_watermark, std::int64_t now_ms) const {
  std::uint64_t size = 0;
  for (const auto& segment : segments_) size += segment->tail().size_bytes;
  auto start = log_start_;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const auto& segment = segments_[i];
    const auto tail = segment->tail();
    // Where the next one begins: compaction may have left a gap before it.
    const bool is_last = i + 1 == segments_.size();
    const auto end = is_last ? tail.next_offset : segments_[i + 1]->base_offset();
    if ((is_last && segment->is_empty()) || end > high_watermark) break;
    if (tail.next_offset > log_start_) {
      if (!rules.deletes) break;
      const auto size_without = static_cast<std::int64_t>(size - tail.size_bytes);
      const bool too_many = rules.retention_bytes >= 0 && size_without >= rules.retention_bytes;
      if (!too_many && !is_too_old(*segment, tail, rules, now_ms)) break;
      start = end;
    }
    size -= tail.size_bytes;
  }
  return start;
}

std::vector<std::shared_ptr<Segment>> Log::advance_start(Offset start) {
  if (fence_ || closed_) return {};
  log_start_ = std::max(log_start_, start);
  CHECK(log_start_ <= flushed_end_, "{}: would start at {}, durable is it up to {}", directory_.native(),
        log_start_.value(), flushed_end_.value());
  if (!active().is_empty() && active().tail().next_offset <= log_start_) {
    if (auto rolled = roll(); !rolled) {
      log_warn("{}: its last segment can't be deleted yet: {}", directory_.native(), to_string(rolled.error()));
      const auto code = rolled.error().code;
      if (code != Errc::kNoSpace && code != Errc::kTooManyFiles)
        static_cast<void>(fence_with(std::move(rolled).error()));
    }
  }
  const auto kept = std::ranges::find_if(segments_, [&](const auto& segment) {
    return segment == segments_.back() || segment->tail().next_offset > log_start_;
  });
  std::vector<std::shared_ptr<Segment>> gone(segments_.begin(), kept);
  segments_.erase(segments_.begin(), kept);
  for (auto* list : {&dirty_, &sealed_, &finished_}) {
    std::erase_if(*list, [&](const auto& segment) { return std::ranges::find(gone, segment) != gone.end(); });
  }
  publish_view();
  return gone;
}

bool Log::has_segments_below_start() const {
  const auto& first = *segments_.front();
  const bool would_go = segments_.size() > 1 || !first.is_empty();
  return would_go && first.tail().next_offset <= log_start_;
}

bool Log::is_plain() const {
  return dirty_.size() == 1 && dirty_.back() == segments_.back() && finished_.empty() && files_.empty() &&
         unsynced_directories_.empty();
}

std::optional<SteadyTime> Log::needs_flush_at() const {
  if (log_end_ <= flushed_end_ || fence_) return std::nullopt;
  if (!flushing_) return SteadyTime::min();
  return is_plain() ? second_sync_.due_at(active()) : std::nullopt;
}

FlushJob Log::begin_flush() {
  FlushJob job;
  job.fs = &fs_;
  if (flushing_) {
    CHECK(needs_flush(), "{}: two flush jobs at a time", directory_.native());
    job.second_file = second_sync_.begin(active());
    job.segments = dirty_;
    job.end = log_end_;
    job.end_position = active().tail().size_bytes;
    return job;
  }
  flushing_ = true;
  job.end = flushed_end_;
  if (fence_) return job;
  second_sync_.begin_first(active(), is_plain(), clock_.steady());
  ++flush_count_;
  usual_flush_bytes_ = (usual_flush_bytes_ * 3 + std::exchange(appended_bytes_, 0)) / 4;
  job.segments = dirty_;
  job.finished = finished_;
  job.files = std::exchange(files_, {});
  job.directories = std::exchange(unsynced_directories_, {});
  job.leaving = std::exchange(leaving_, {});
  job.end = log_end_;
  if (!dirty_.empty()) job.end_position = dirty_.back()->tail().size_bytes;
  return job;
}

void Log::put_back(const std::vector<ReplacedFile>& files) {
  for (const auto& file : files) {
    const bool newer = std::ranges::any_of(files_, [&](const auto& other) { return other.path == file.path; });
    if (!newer) files_.push_back(file);
  }
}

Result<void> Log::complete_flush(const FlushJob& job, const Result<void>& outcome) {
  const bool passes = job.second_file != nullptr;
  CHECK(passes ? second_sync_.is_out() : flushing_, "{}: a flush job completed twice", directory_.native());
  if (passes) {
    second_sync_.end();
  } else {
    flushing_ = false;
    second_sync_.end_first(outcome.has_value(), clock_.steady());
  }
  if (fence_) return std::unexpected(*fence_);
  if (!outcome && outcome.error().code == Errc::kTooManyFiles && !passes) {
    // Only opening takes a descriptor: nothing failed to sync, and the next job takes it all up again.
    for (const auto& directory : job.directories) add_unsynced_directory(directory);
    put_back(job.files);
    return outcome;
  }
  if (!outcome) return fence_with(outcome.error());
  if (job.files_left) put_back(job.files);
  if (job.end > flushed_end_) mark_durable(job);  // else it was passed
  std::erase_if(dirty_, [&](const auto& segment) { return segment->tail().next_offset <= flushed_end_; });
  for (const auto& segment : job.finished) {
    segment->release_indexes();
    std::erase(finished_, segment);
  }
  return index_durable_segments();
}

void Log::mark_durable(const FlushJob& job) {
  flushed_end_ = job.end;
  for (const auto& segment : job.segments) {
    // The sealed ones to their ends.
    const auto tail = segment->tail();
    const bool is_last = segment == job.segments.back();
    segment->mark_flushed(is_last ? BatchPosition{job.end_position, job.end}
                                  : BatchPosition{tail.size_bytes, tail.next_offset});
  }
  if (recent_pages_ != nullptr) tell_recent_pages(job);
}

void Log::tell_recent_pages(const FlushJob& job) {
  for (const auto& segment : job.segments) {
    if (told_.segment.lock() != segment) {
      tell_recent_pages();  // the rest of the one before
      told_ = {segment, 0, 0};
    }
    told_.to = segment == job.segments.back() ? job.end_position : segment->tail().size_bytes;
    if (told_.to - told_.from >= RecentPages::kPieceBytes) tell_recent_pages();
  }
}

void Log::tell_recent_pages() {
  if (told_.to == told_.from) return;
  auto leaving = recent_pages_->add(told_);
  leaving_.insert(leaving_.end(), std::move_iterator(leaving.begin()), std::move_iterator(leaving.end()));
  told_.from = told_.to;
}

Result<void> Log::write_index(Segment& segment, bool all) {
  const auto amount = all ? Segment::IndexWrite::kAll : Segment::IndexWrite::kEnoughToBother;
  bool created = false;
  auto written = segment.write_index(flushed_end_, amount, created);
  if (created) add_unsynced_directory(directory_);
  return written;
}

Result<void> Log::index_durable_segments() {
  // Without room or descriptors the entries stay in memory: no ack depends on them, and the next flush tries again.
  const auto can_wait = [](const Error& error) {
    return error.code == Errc::kNoSpace || error.code == Errc::kTooManyFiles;
  };
  while (!sealed_.empty() && sealed_.front()->tail().next_offset <= flushed_end_) {
    if (auto written = write_index(*sealed_.front(), true); !written) {
      if (can_wait(written.error())) return {};
      return fence_with(std::move(written).error());
    }
    finished_.push_back(std::move(sealed_.front()));
    sealed_.erase(sealed_.begin());
  }
  auto written = write_index(active(), false);
  if (!written && !can_wait(written.error())) return fence_with(std::move(written).error());
  return {};
}

Offset Log::recovery_point() const {
  if (!finished_.empty()) return std::min(flushed_end_, finished_.front()->base_offset());
  if (!sealed_.empty()) return std::min(flushed_end_, sealed_.front()->base_offset());
  return flushed_end_;
}

Result<void> Log::flush_now() {
  const auto job = begin_flush();
  return complete_flush(job, run_flush(job));
}

Result<void> Log::close() {
  if (closed_) return {};
  WEIR_TRY(check_usable());
  CHECK(!is_flushing(), "{}: closed during a flush", directory_.native());
  WEIR_TRY(cut_remains());  // the size is believed after a clean stop
  closed_ = true;
  active().seal();
  sealed_.push_back(segments_.back());
  WEIR_TRY(flush_now());
  if (!sealed_.empty()) {
    return fail(Errc::kNoSpace, fmt::format("log {}: its indexes could not be written", directory_.native()));
  }
  return flush_now();
}

}  // namespace weir::storage
