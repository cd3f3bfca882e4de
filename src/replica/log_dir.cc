#include "replica/log_dir.h"

#include <utility>

#include "base/log.h"

namespace weir::replica {

Result<LogOffsets> read_checkpoints(const storage::LogDirectory& directory) {
  WEIR_TRY_ASSIGN(recovery_points, directory.read_checkpoint(storage::kRecoveryPointFile));
  WEIR_TRY_ASSIGN(log_starts, directory.read_checkpoint(storage::kLogStartFile));
  // With one replica the high watermark is the log's end; what the file says is for others to read.
  auto high_watermarks = directory.read_checkpoint(storage::kHighWatermarkFile);
  if (!high_watermarks && high_watermarks.error().code != Errc::kCorrupt) {
    return std::unexpected(std::move(high_watermarks).error());
  }
  if (!high_watermarks) log_warn("{}: it will be written anew", high_watermarks.error().context);
  return LogOffsets{std::move(recovery_points), std::move(log_starts),
                    high_watermarks ? *std::move(high_watermarks) : storage::OffsetCheckpoint{}};
}

Result<void> write_checkpoints(storage::LogDirectory& directory, const LogOffsets& offsets) {
  WEIR_TRY(directory.write_checkpoint(storage::kRecoveryPointFile, offsets.recovery_points));
  WEIR_TRY(directory.write_checkpoint(storage::kLogStartFile, offsets.log_starts));
  return directory.write_checkpoint(storage::kHighWatermarkFile, offsets.high_watermarks);
}

bool is_fatal(const Error& error) {
  return error.code == Errc::kIo || error.code == Errc::kReadOnly;
}

LogDir::LogDir(const Ports& ports, FailureListener listener)
    : files_(ports.files), id_(ports.id), home_(*ports.shards.front()), listener_(std::move(listener)) {
  for (auto* shard : ports.shards) {
    commit_loops_.push_back(
        std::make_unique<CommitLoop>(*shard, ports.commit_helpers, ports.commit, ports.flushes_max));
  }
}

void LogDir::fail(const Error& why) {
  if (failing_.exchange(true, std::memory_order_acq_rel)) return;
  why_offline_ = why;
  offline_.store(true, std::memory_order_release);
  home_.post([this] { listener_(*this, why_offline_); });
}

}  // namespace weir::replica
