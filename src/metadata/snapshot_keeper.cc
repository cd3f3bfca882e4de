#include "metadata/snapshot_keeper.h"

#include <algorithm>
#include <utility>

#include "base/async/run_on.h"
#include "base/log.h"

namespace weir::metadata {
namespace {

using boost::asio::awaitable;

constexpr Millis kRetryAfter{60'000};

bool is_passing(const Error& error) {
  return error.code == Errc::kNoSpace || error.code == Errc::kTooManyFiles;
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(Shard& shard, Helpers& helpers, SnapshotStore& store, SnapshotPolicy policy)
    : shard_(shard), helpers_(helpers), store_(store), policy_(policy), tasks_(shard) {}

void SnapshotKeeper::loaded(std::vector<SnapshotId> whole, std::uint64_t bytes_since) {
  whole_ = std::move(whole);
  bytes_since_ = bytes_since;
  last_written_ = shard_.clock().steady();
}

void SnapshotKeeper::on_durable(std::shared_ptr<const Image> image, std::uint64_t bytes, std::int64_t timestamp_ms) {
  if (stopping_) return;
  const bool had_nothing_new = image_ == nullptr || bytes_since_ == 0;
  image_ = std::move(image);
  timestamp_ms_ = timestamp_ms;
  bytes_since_ += bytes;
  if (!running_) {
    running_ = true;
    wake_ = make_one_shot<bool>(shard_);
    tasks_.start("metadata snapshots", keep());
  }
  if (had_nothing_new || is_due()) wake_->set(true);
}

bool SnapshotKeeper::is_due() const {
  if (image_ == nullptr || bytes_since_ == 0) return false;
  const auto now = shard_.clock().steady();
  if (backing_off_) return now >= last_written_ + kRetryAfter;
  if (bytes_since_ >= static_cast<std::uint64_t>(policy_.record_bytes_max)) return true;
  return policy_.interval_max > Millis(0) && now >= last_written_ + policy_.interval_max;
}

SteadyTime SnapshotKeeper::next_look() const {
  if (bytes_since_ == 0) return SteadyTime::max();
  if (backing_off_) return last_written_ + kRetryAfter;
  return policy_.interval_max > Millis(0) ? last_written_ + policy_.interval_max : SteadyTime::max();
}

awaitable<void> SnapshotKeeper::keep() {
  while (!stopping_) {
    const auto wake = wake_;
    co_await wake->wait(next_look());
    wake_ = make_one_shot<bool>(shard_);  // one that was set, or timed out, can't be set any more
    if (!stopping_ && is_due()) co_await write();
  }
}

awaitable<void> SnapshotKeeper::write() {
  const auto id = snapshot_id_of(*image_);
  const auto bytes = std::exchange(bytes_since_, 0);
  last_written_ = shard_.clock().steady();
  auto work = [&store = store_, image = image_, id, old = superseded_by(id), timestamp_ms = timestamp_ms_,
               now_ms = shard_.clock().wall_ms()]() -> Result<void> {
    WEIR_TRY_ASSIGN(content, encode_snapshot(*image, timestamp_ms, now_ms));
    WEIR_TRY(store.write(id, content));
    for (const auto& one : old) {
      if (const auto removed = store.remove(one); !removed) {
        log_warn("{} could not be removed: {}", store.name_of(one), to_string(removed.error()));
      }
    }
    return {};
  };
  const auto outcome = co_await run_on_helper(helpers_, shard_, std::move(work));
  backing_off_ = !outcome;
  if (outcome) {
    if (!whole_.empty()) whole_.erase(whole_.begin(), whole_.end() - 1);
    if (whole_.empty() || whole_.back() != id) whole_.push_back(id);
    if (whole_.size() > 1 && covered_listener_) covered_listener_(whole_.front().end);
    co_return;
  }
  bytes_since_ += bytes;
  log_warn("{} could not be written: {}", store_.name_of(id), to_string(outcome.error()));
  if (!is_passing(outcome.error()) && failure_listener_) failure_listener_(outcome.error());
}

std::vector<SnapshotId> SnapshotKeeper::superseded_by(const SnapshotId& newest) const {
  auto old = whole_;
  std::erase(old, newest);
  if (!old.empty()) old.pop_back();  // the last but one stays
  return old;
}

awaitable<void> SnapshotKeeper::stop() {
  stopping_ = true;
  if (wake_ != nullptr) wake_->set(true);
  co_await tasks_.wait_until_empty();
}

}  // namespace weir::metadata
