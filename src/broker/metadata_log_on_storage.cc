#include "broker/metadata_log_on_storage.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/async/run_on.h"
#include "base/check.h"
#include "base/log.h"
#include "storage/removal.h"

namespace weir::broker {
namespace {

// One step of the replay; a larger batch is read whole all the same.
constexpr std::uint64_t kReplayStepBytes = kMiB;

// Its name is durably gone before any of its bytes are, and before this returns.
Result<void> remove_segment(storage::FileSystem& fs, const storage::Segment& segment) {
  std::vector<storage::Path> files;
  WEIR_TRY(storage::mark_deleted(fs, segment, files));
  WEIR_TRY(fs.sync_directory(segment.path().parent_path()));
  const std::atomic<bool> never = false;
  for (const auto& file : files) WEIR_TRY(storage::remove_file_in_steps(fs, file, never));
  return {};
}

}  // namespace

MetadataLogOnStorage::MetadataLogOnStorage(Shard& shard, Helpers& helpers, storage::FileSystem& fs,
                                           std::unique_ptr<storage::Log> log)
    : shard_(shard), helpers_(helpers), fs_(fs), log_(std::move(log)), removals_(shard) {}

Result<void> MetadataLogOnStorage::read_from(Offset first, BatchVisitor visit) {
  const auto view = log_->view();
  const auto end = log_->log_end();
  for (auto from = first; from < end;) {
    WEIR_TRY_ASSIGN(read, view->read_copy(from, end, kReplayStepBytes));
    if (read.bytes.empty()) {
      return fail(Errc::kCorrupt, fmt::format("{}: nothing readable at offset {}", log_->directory().string(), from));
    }
    for (ByteView rest{read.bytes}; !rest.empty();) {
      const auto size = record::BatchHeader::read(rest.data()).size_bytes();
      WEIR_TRY(visit(rest.first(size)));
      rest = rest.subspan(size);
    }
    from = read.next;
  }
  return {};
}

// No checkpoint says where the log starts: at its first segment. A cut between two removals leaves older segments, and
// the next snapshot takes them too.
void MetadataLogOnStorage::release_before(Offset offset) {
  std::ranges::move(log_->advance_start(offset), std::back_inserter(leaving_));
  if (leaving_.empty() || removals_.running_count() != 0) return;
  removals_.start("removal of metadata segments", remove_leaving());
}

// The oldest first, one at a time, and none past one that stays: whatever fails and whenever power goes, the log on
// disk has no hole, behind which the next start would find no log.
boost::asio::awaitable<void> MetadataLogOnStorage::remove_leaving() {
  while (!leaving_.empty()) {
    auto work = [&fs = fs_, segment = leaving_.front()] { return remove_segment(fs, *segment); };
    const auto removed = co_await run_on_helper(helpers_, shard_, std::move(work));
    if (!removed) {
      log_warn("{}: segments before offset {} can't be removed yet: {}", log_->directory().native(), log_->log_start(),
               to_string(removed.error()));
      co_return;
    }
    leaving_.pop_front();
  }
}

boost::asio::awaitable<void> MetadataLogOnStorage::finish_removals() {
  co_await removals_.wait_until_empty();
}

Result<void> MetadataLogOnStorage::append(ByteView batches) {
  while (!batches.empty()) {
    WEIR_TRY_ASSIGN(header, record::check_batch(batches));
    CHECK(header.base_offset == log_->log_end(), "metadata batch at {}, the log ends at {}", header.base_offset,
          log_->log_end());
    WEIR_TRY(log_->append(batches.first(header.size_bytes()), header));
    batches = batches.subspan(header.size_bytes());
  }
  return {};
}

boost::asio::awaitable<Result<void>> MetadataLogOnStorage::append_durably(Bytes batches) {
  CHECK(commit_loop_ != nullptr && appended_ == nullptr, "one metadata append at a time, after use()");
  if (auto written = append(batches); !written) co_return written;
  appended_ = make_one_shot<Result<void>>(shard_);
  awaited_end_ = log_->log_end();
  commit_loop_->mark_dirty(shared_from_this());
  const auto done = appended_;
  auto outcome = co_await done->wait();
  appended_ = nullptr;
  co_return *std::move(outcome);
}

void MetadataLogOnStorage::complete_flush(const storage::FlushJob& job, const Result<void>& outcome) {
  auto flushed = log_->complete_flush(job, outcome);
  // Whatever the reason, even a full disk: a failed flush is final, and the controller must not try once more.
  if (!flushed) flushed.error().code = Errc::kIo;
  if (appended_ == nullptr) return;
  if (!flushed || log_->flushed_end() >= awaited_end_) {
    appended_->set(std::move(flushed));
    return;
  }
  commit_loop_->mark_dirty(shared_from_this());
}

}  // namespace weir::broker
