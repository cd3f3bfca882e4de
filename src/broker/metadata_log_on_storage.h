// The metadata log as an ordinary log on disk: __cluster_metadata-0 in the log directory. Owned by shard 0; flushed by
// that shard's commit loop like any partition.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "metadata/metadata_log.h"
#include "replica/commit_loop.h"
#include "storage/log.h"

namespace weir::broker {

inline constexpr std::string_view kMetadataDirectory = "__cluster_metadata-0";

class MetadataLogOnStorage final : public metadata::MetadataLog,
                                   public replica::Flushable,
                                   public std::enable_shared_from_this<MetadataLogOnStorage> {
 public:
  // `log` is recovered. References outlive it.
  MetadataLogOnStorage(Shard& shard, Helpers& helpers, storage::FileSystem& fs, std::unique_ptr<storage::Log> log);

  // Before the first append.
  void use(replica::CommitLoop& commit_loop) { commit_loop_ = &commit_loop; }

  [[nodiscard]] Offset log_start() const override { return log_->log_start(); }
  [[nodiscard]] Offset log_end() const override { return log_->log_end(); }
  Result<void> read_from(Offset first, BatchVisitor visit) override;
  void release_before(Offset offset) override;
  boost::asio::awaitable<Result<void>> append_durably(Bytes batches) override;

  [[nodiscard]] bool needs_flush() const override { return log_->needs_flush(); }
  [[nodiscard]] storage::FlushJob begin_flush() override { return log_->begin_flush(); }
  void complete_flush(const storage::FlushJob& job, const Result<void>& outcome) override;

  [[nodiscard]] const storage::Log& log() const { return *log_; }
  // Returns when no segment is being removed any more. Nothing may be appended meanwhile.
  boost::asio::awaitable<void> finish_removals();
  // Clean stop; blocks. Nothing may be in flight.
  Result<void> close() { return log_->close(); }

 private:
  Result<void> append(ByteView batches);
  boost::asio::awaitable<void> remove_leaving();

  Shard& shard_;
  Helpers& helpers_;
  storage::FileSystem& fs_;
  replica::CommitLoop* commit_loop_ = nullptr;
  std::unique_ptr<storage::Log> log_;
  std::shared_ptr<OneShot<Result<void>>> appended_;  // the one append that waits
  Offset awaited_end_{0};
  std::deque<std::shared_ptr<storage::Segment>> leaving_;  // in order; what failed is tried with the next release
  TaskGroup removals_;                                     // one at a time
};

}  // namespace weir::broker
