// Reading a log: by offset, and by time for ListOffsets.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "record/timestamp_lookup.h"
#include "storage/batch_walker.h"
#include "storage/log.h"
#include "storage/segment.h"

namespace weir::storage {
namespace {

constexpr std::size_t kSearchWindowBytes = 64 * kKiB;
constexpr std::size_t kWarmStepBytes = 256 * kKiB;

std::unexpected<Error> in_segment(const Segment& segment, Error error) {
  if (error.code == Errc::kCorrupt) error.context = fmt::format("{} {}", segment.path().native(), error.context);
  return std::unexpected(std::move(error));
}

// Reads and proves one whole batch. `size_max_bytes` bounds what a damaged header can make us allocate.
Result<Bytes> read_batch(const Segment& segment, std::uint64_t position, const record::BatchHeader& header,
                         std::uint64_t size_max_bytes) {
  if (header.size_bytes() > size_max_bytes) {
    return fail(Errc::kTooLarge, fmt::format("{} at {}: a batch of {} bytes, the limit is {}", segment.path().native(),
                                             position, header.size_bytes(), size_max_bytes));
  }
  Bytes batch(header.size_bytes());
  WEIR_TRY_ASSIGN(file, segment.log_file());
  WEIR_TRY_ASSIGN(got, file->pread(batch, position));
  batch.resize(got);
  auto checked = record::check_batch(batch);
  if (!checked) {
    return in_segment(segment, {Errc::kCorrupt, fmt::format("at {}: {}", position, checked.error().context)});
  }
  return batch;
}

// Steps through the batches of a segment from `from` on, up to `limit`, passing over damaged ranges.
class SegmentSearch {
 public:
  static Result<SegmentSearch> start(const Segment& segment, Offset from, Offset limit) {
    WEIR_TRY_ASSIGN(proved_end, segment.prove(from, kSearchWindowBytes, ReadMode::kMayBlock));
    WEIR_TRY_ASSIGN(begin, segment.locate(from, ReadMode::kMayBlock));
    WEIR_TRY_ASSIGN(file, segment.log_file());
    return SegmentSearch(segment, std::move(file), begin.position, limit, proved_end);
  }

  // The next batch's header; its place is position(). nullopt: no batch that ends at or below the limit is left.
  Result<std::optional<record::BatchHeader>> next() {
    if (current_) {
      walker_.skip(*current_);
      if (current_->next_offset() >= proved_end_) {
        WEIR_TRY_ASSIGN(end, segment_.prove(current_->next_offset(), kSearchWindowBytes, ReadMode::kMayBlock));
        proved_end_ = end;
      }
    }
    segment_.pass_damage(walker_);
    auto header = walker_.peek();
    if (!header) return in_segment(segment_, std::move(header).error());
    current_ = *header;
    if (current_ && current_->next_offset() > limit_) return std::nullopt;
    return current_;
  }

  [[nodiscard]] std::uint64_t position() const { return walker_.position(); }

 private:
  SegmentSearch(const Segment& segment, std::shared_ptr<const File> file, std::uint64_t position, Offset limit,
                Offset proved_end)
      : segment_(segment),
        file_(std::move(file)),
        limit_(limit),
        window_(std::make_unique<Bytes>(kSearchWindowBytes)),
        walker_(*file_, segment.base_offset(), position, segment.tail().size_bytes, ReadMode::kMayBlock, *window_),
        proved_end_(proved_end) {}

  const Segment& segment_;
  std::shared_ptr<const File> file_;
  const Offset limit_;
  std::unique_ptr<Bytes> window_;  // stays where it is when this object moves
  BatchWalker walker_;
  Offset proved_end_;
  std::optional<record::BatchHeader> current_;
};

Result<std::optional<TimestampMatch>> find_timestamp_in(const Segment& segment, std::int64_t timestamp_ms,
                                                        Offset log_start, Offset limit,
                                                        std::uint64_t max_inflated_bytes) {
  WEIR_TRY_ASSIGN(floor, segment.time_index_floor(timestamp_ms, ReadMode::kMayBlock));
  WEIR_TRY_ASSIGN(search, SegmentSearch::start(segment, std::max(floor, log_start), limit));
  for (;;) {
    WEIR_TRY_ASSIGN(header, search.next());
    if (!header) return std::nullopt;
    if (header->max_timestamp < timestamp_ms) continue;
    WEIR_TRY_ASSIGN(batch, read_batch(segment, search.position(), *header, max_inflated_bytes));
    WEIR_TRY_ASSIGN(found, record::find_record_by_timestamp(batch, timestamp_ms, log_start, max_inflated_bytes));
    if (found) return TimestampMatch{found->offset, found->timestamp_ms, header->leader_epoch};
  }
}

struct LargestTimestamp {
  std::int64_t timestamp_ms = kNoTimestamp;
  Offset offset;  // the last one of the first batch that holds it
};

// Of the batches that end at or below `limit`.
Result<LargestTimestamp> largest_timestamp_in(const Segment& segment, Offset limit) {
  const auto tail = segment.tail();
  if (tail.next_offset <= limit) return LargestTimestamp{tail.max_timestamp_ms, tail.max_timestamp_offset};
  LargestTimestamp largest;
  auto from = segment.base_offset();
  WEIR_TRY_ASSIGN(entry, segment.last_time_entry_below(limit, ReadMode::kMayBlock));
  if (entry) from = segment.base_offset() + entry->relative_offset;
  WEIR_TRY_ASSIGN(search, SegmentSearch::start(segment, from, limit));
  for (;;) {
    WEIR_TRY_ASSIGN(header, search.next());
    if (!header) return largest;
    if (header->max_timestamp > largest.timestamp_ms) largest = {header->max_timestamp, header->last_offset()};
  }
}

}  // namespace

LogView::LogView(Offset log_start, std::vector<std::shared_ptr<Segment>> segments)
    : log_start_(log_start), segments_(std::move(segments)) {}

std::uint64_t LogView::size_bytes() const {
  std::uint64_t size = 0;
  for (const auto& segment : segments_) size += segment->tail().size_bytes;
  return size;
}

Result<LogView::Found> LogView::find(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                     ReadMode mode) const {
  auto next = std::ranges::upper_bound(segments_, from, {}, [](const auto& segment) { return segment->base_offset(); });
  if (next == segments_.begin()) return fail(Errc::kOutOfRange, fmt::format("offset {} is not kept", from.value()));
  auto segment = std::prev(next);
  // Past the end of its segment `from` lies in a gap that compaction left, or is the next segment's first offset.
  while (from >= (*segment)->tail().next_offset && next != segments_.end()) segment = next++;
  for (;;) {
    WEIR_TRY_ASSIGN(range, (*segment)->range(from, limit, max_bytes, at_least_one, mode));
    const bool in_gap = range.size_bytes == 0 && range.position >= (*segment)->tail().size_bytes;
    if (!in_gap || next == segments_.end() || (*next)->base_offset() >= limit) return Found{segment->get(), range};
    segment = next++;  // what compaction left out at the end of a segment that nobody stepped over
  }
}

Result<ReadResult> LogView::read(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                 ReadMode mode) const {
  WEIR_TRY_ASSIGN(found, find(from, limit, max_bytes, at_least_one, mode));
  ReadResult result{{}, from};
  if (found.range.size_bytes == 0) return result;
  WEIR_TRY(found.segment->read(found.range, result.bytes, mode));
  result.next = found.range.next;
  return result;
}

Result<CopiedBatches> LogView::read_copy(Offset from, Offset limit, std::uint64_t max_bytes) const {
  WEIR_TRY_ASSIGN(found, find(from, limit, max_bytes, true, ReadMode::kMayBlock));
  CopiedBatches copied{Bytes(found.range.size_bytes), found.range.next};
  if (copied.bytes.empty()) return CopiedBatches{{}, from};
  WEIR_TRY_ASSIGN(file, found.segment->log_file());
  WEIR_TRY_ASSIGN(got, file->pread(copied.bytes, found.range.position));
  if (got != copied.bytes.size()) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: ends inside the batches at {}", found.segment->path().native(), found.range.position));
  }
  return copied;
}

Result<LeaderEpoch> LogView::epoch_at(Offset from, Offset limit) const {
  if (from >= limit) return kNoLeaderEpoch;
  WEIR_TRY_ASSIGN(found, find(from, limit, record::kBatchHeaderBytes, true, ReadMode::kMayBlock));
  if (found.range.size_bytes == 0) return kNoLeaderEpoch;
  Bytes header(record::kBatchHeaderBytes);
  WEIR_TRY_ASSIGN(file, found.segment->log_file());
  WEIR_TRY_ASSIGN(got, file->pread(header, found.range.position));
  if (got != header.size()) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: ends inside the batch at {}", found.segment->path().native(), found.range.position));
  }
  return record::BatchHeader::read(header.data()).leader_epoch;
}

Result<void> LogView::warm(Offset from, Offset limit, std::uint64_t max_bytes) const {
  WEIR_TRY_ASSIGN(found, find(from, limit, max_bytes, true, ReadMode::kMayBlock));
  WEIR_TRY_ASSIGN(file, found.segment->log_file());
  Bytes step(std::min<std::uint64_t>(kWarmStepBytes, found.range.size_bytes));
  for (std::uint64_t done = 0; done < found.range.size_bytes; done += step.size()) {
    WEIR_TRY(file->pread(step, found.range.position + done));
  }
  return {};
}

Result<void> LogView::visit_headers(Offset from, Offset limit, const HeaderVisitor& visit) const {
  for (const auto& segment : segments_) {
    if (segment->base_offset() >= limit) break;
    if (segment->tail().next_offset <= from) continue;
    WEIR_TRY_ASSIGN(search, SegmentSearch::start(*segment, std::max(from, segment->base_offset()), limit));
    for (;;) {
      WEIR_TRY_ASSIGN(header, search.next());
      if (!header) break;
      WEIR_TRY(visit(*header));
    }
  }
  return {};
}

Result<std::optional<TimestampMatch>> LogView::find_timestamp(std::int64_t timestamp_ms, Offset limit,
                                                              std::uint64_t max_inflated_bytes) const {
  for (const auto& segment : segments_) {
    if (segment->base_offset() >= limit) break;
    const auto tail = segment->tail();
    if (tail.next_offset <= log_start_ || tail.max_timestamp_ms < timestamp_ms) continue;
    WEIR_TRY_ASSIGN(match, find_timestamp_in(*segment, timestamp_ms, log_start_, limit, max_inflated_bytes));
    if (match) return match;
  }
  return std::nullopt;
}

Result<std::optional<TimestampMatch>> LogView::find_max_timestamp(Offset limit,
                                                                  std::uint64_t max_inflated_bytes) const {
  LargestTimestamp largest;
  const Segment* holder = nullptr;
  for (const auto& segment : segments_) {
    if (segment->base_offset() >= limit) break;
    WEIR_TRY_ASSIGN(candidate, largest_timestamp_in(*segment, limit));
    if (candidate.timestamp_ms <= largest.timestamp_ms) continue;
    largest = candidate;
    holder = segment.get();
  }
  if (holder == nullptr) return std::nullopt;
  WEIR_TRY_ASSIGN(search, SegmentSearch::start(*holder, largest.offset, limit));
  WEIR_TRY_ASSIGN(header, search.next());
  if (!header) return std::nullopt;
  WEIR_TRY_ASSIGN(batch, read_batch(*holder, search.position(), *header, max_inflated_bytes));
  WEIR_TRY_ASSIGN(found, record::find_max_timestamp_record(batch, max_inflated_bytes));
  if (!found) return std::nullopt;
  return TimestampMatch{found->offset, found->timestamp_ms, header->leader_epoch};
}

}  // namespace weir::storage
