#include "storage/header_walk.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/planted_bug.h"

namespace weir::storage {
namespace {

constexpr std::uint64_t kWindowBytesMax = 64 * kKiB;
constexpr std::uint64_t kChecksumBytesMax = 256 * kKiB;

// Most logs are small, and thousands are opened at a start.
std::size_t window_bytes(std::uint64_t start, std::uint64_t end) {
  return std::clamp<std::uint64_t>(end - std::min(start, end), record::kBatchHeaderBytes, kWindowBytesMax);
}

}  // namespace

HeaderWalk::HeaderWalk(const File& file, const Surroundings& around, const BatchPosition& start)
    : file_(file),
      around_(around),
      window_(std::make_unique<Bytes>(window_bytes(start.position, around.end_position))),
      walker_(file, around.segment_base, start.position, around.end_position, ReadMode::kMayBlock, *window_),
      position_(start.position),
      expected_(start.offset) {}

Result<HeaderWalk::Peeked> HeaderWalk::peek(std::uint64_t position) {
  walker_.move_to(position);
  auto header = walker_.peek();
  if (header) return *header;
  if (header.error().code != Errc::kCorrupt) return std::unexpected(std::move(header).error());
  return std::nullopt;
}

bool HeaderWalk::set_problem(const char* problem) {
  problem_ = fmt::format("at {}: {}", position_, problem);
  return true;
}

Result<bool> HeaderWalk::checksum_holds(std::uint64_t position, const record::BatchHeader& header) {
  const auto covered = walker_.in_window(position + record::kCrcStart, header.size_bytes() - record::kCrcStart);
  if (!covered.empty()) return crc32c(covered) == header.crc;
  return has_valid_checksum(file_, position, header, checksum_room());
}

MutableByteView HeaderWalk::checksum_room() {
  if (checksum_room_.empty()) checksum_room_.resize(std::min(around_.end_position, kChecksumBytesMax));
  return checksum_room_;
}

// An offset that skips others, as compaction lets it, is believed unless what is around says that it is what rotted.
bool HeaderWalk::skips_what_follows(const Peeked& follower) const {
  if (expected_ < around_.boundary && header_->base_offset != around_.boundary &&
      header_->next_offset() > around_.boundary) {
    return true;
  }
  return follower && follower->base_offset >= expected_ && follower->base_offset < header_->next_offset();
}

// Epochs never go back in a log: one that does, or that is above the next, has rotted. One that fits between its
// neighbours is believed, and so is one that has none: then it is the list of epochs that is wrong.
bool HeaderWalk::has_wrong_epoch(const Peeked& follower) {
  if (around_.epochs == nullptr) return false;
  const auto epoch = header_->leader_epoch;
  // The list begins at the log's start, which may lie inside a batch.
  auto known = around_.epochs->at(header_->base_offset);
  if (!known) known = around_.epochs->at(header_->last_offset());
  if (!known || *known == epoch) return false;
  const bool goes_back = epoch < epoch_before_;
  const bool passes_next = follower && epoch > follower->leader_epoch;
  const bool passes_all =
      !follower && epoch_before_ != kNoLeaderEpoch && epoch > std::max(epoch_before_, *around_.epochs->newest());
  if (goes_back || passes_next || passes_all) return true;
  epochs_disagree_ = true;
  return false;
}

Result<bool> HeaderWalk::find_problem() {
  const auto& header = *header_;
  if (header.base_offset < expected_) return set_problem("its offset was used before");
  const bool above_floor = header.base_offset >= around_.floor;
  if (expected_ >= around_.floor || above_floor) scanned_bytes_ += header.size_bytes();
  if (expected_ >= around_.floor) {
    WEIR_TRY_ASSIGN(valid, checksum_holds(position_, header));
    return valid || is_planted(PlantedBug::kTailWithoutChecksum) ? false : set_problem("its checksum is wrong");
  }
  if (!above_floor && header.next_offset() > around_.end) return set_problem("its offset belongs to what follows");
  WEIR_TRY_ASSIGN(follower, peek(position_ + header.size_bytes()));
  if (header.base_offset > expected_ && skips_what_follows(follower)) {
    return set_problem("its offset does not fit what follows");
  }
  if (!above_floor && has_wrong_epoch(follower)) return set_problem("its leader epoch is not that of its neighbours");
  const bool at_end = position_ + header.size_bytes() == around_.end_position;
  const bool continued =
      follower ? follower->base_offset == header.next_offset()
               : at_end && (header.next_offset() == around_.end || header.next_offset() == around_.boundary);
  if (continued && !above_floor) return false;
  WEIR_TRY_ASSIGN(valid, checksum_holds(position_, header));
  return valid ? false : set_problem("its checksum is wrong");
}

Result<HeaderWalk::Kind> HeaderWalk::look() {
  if (position_ >= around_.end_position) return Kind::kEnd;
  walker_.move_to(position_);
  auto peeked = walker_.peek();
  if (!peeked && peeked.error().code != Errc::kCorrupt) return std::unexpected(std::move(peeked).error());
  if (peeked) {
    header_ = *peeked;
    WEIR_TRY_ASSIGN(has_problem, find_problem());
    if (!has_problem) {
      next_position_ = position_ + header_->size_bytes();
      next_offset_ = header_->next_offset();
      was_batch_ = true;
      return Kind::kBatch;
    }
  } else {
    header_.reset();
    problem_ = peeked.error().context;
    // Before another segment only where that one goes on; else batches are missing.
    const bool is_last = around_.end == kOffsetMax;
    const bool may_end = expected_ == around_.end || (is_last && expected_ >= around_.floor);
    WEIR_TRY_ASSIGN(has_ended, may_end ? only_zeros_follow() : Result<bool>(false));
    if (has_ended) return Kind::kEnd;
  }
  was_batch_ = false;
  if (expected_ >= around_.floor) return Kind::kBad;
  return pass_damage();
}

Result<bool> HeaderWalk::only_zeros_follow() {
  const auto buffer = checksum_room();
  for (auto at = position_; at < around_.end_position;) {
    const auto room = buffer.first(std::min<std::uint64_t>(buffer.size(), around_.end_position - at));
    WEIR_TRY_ASSIGN(got, file_.pread(room, at));
    if (got == 0) return true;
    if (std::ranges::any_of(room.first(got), [](std::uint8_t byte) { return byte != 0; })) return false;
    at += got;
  }
  return true;
}

// To the next batch that can be read: the one behind it if its length is right, else any whole one.
Result<HeaderWalk::Kind> HeaderWalk::pass_damage() {
  const auto last = std::min(around_.floor, around_.end);
  if (header_) {
    const auto behind = position_ + header_->size_bytes();
    WEIR_TRY_ASSIGN(follower, peek(behind));
    if (follower && follower->base_offset >= expected_ && follower->base_offset <= last) {
      WEIR_TRY_ASSIGN(valid, checksum_holds(behind, *follower));
      if (valid) {
        next_position_ = behind;
        next_offset_ = follower->base_offset;
        return Kind::kDamage;
      }
    }
    if (behind == around_.end_position && around_.end != kOffsetMax) {
      next_position_ = behind;
      next_offset_ = around_.end;
      return Kind::kLost;
    }
  }
  WEIR_TRY_ASSIGN(next, find_batch(file_, around_.segment_base, position_ + 1, around_.end_position, expected_, last,
                                   checksum_room()));
  next_position_ = next ? next->position : around_.end_position;
  next_offset_ = next ? next->header.base_offset : around_.end;
  return next ? Kind::kDamage : Kind::kLost;
}

void HeaderWalk::pass() {
  epoch_before_ = was_batch_ ? header_->leader_epoch : kNoLeaderEpoch;
  position_ = next_position_;
  expected_ = next_offset_;
}

}  // namespace weir::storage
