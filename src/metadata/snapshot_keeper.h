// Writes a snapshot of the metadata whenever enough was appended, or enough time has passed, since the last one, and
// removes the oldest. Owned by the controller's shard; encoding and files are work for helpers.
//
// Always: one snapshot is written at a time; it holds durable records only; a snapshot is removed only once the two
// that are newer than it, and whole, are durable under their names.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "metadata/image.h"
#include "metadata/snapshot_store.h"

namespace weir::metadata {

struct SnapshotPolicy {
  std::int64_t record_bytes_max = 20971520;  // metadata.log.max.record.bytes.between.snapshots
  Millis interval_max{3600000};              // metadata.log.max.snapshot.interval.ms; 0: bytes alone decide
};

class SnapshotKeeper {
 public:
  using FailureListener = std::function<void(const Error&)>;

  // References outlive it.
  SnapshotKeeper(Shard& shard, Helpers& helpers, SnapshotStore& store, SnapshotPolicy policy);

  // Called on the shard when a snapshot could not be written for another reason than room or descriptors: the directory
  // is not to be trusted any more (design decision 8).
  void on_failure(FailureListener listener) { failure_listener_ = std::move(listener); }

  // Called on the shard once two whole snapshots stand for everything below `end`, the end of the older one.
  void on_covered(std::function<void(Offset end)> listener) { covered_listener_ = std::move(listener); }

  // Before the shard runs: what lies there (whole ones, ascending), and how many bytes of the log came after.
  void loaded(std::vector<SnapshotId> whole, std::uint64_t bytes_since);

  // After each append, in order: the image that is durable now, what it took in the log, and when that was written.
  void on_durable(std::shared_ptr<const Image> image, std::uint64_t bytes, std::int64_t timestamp_ms);

  // Waits for the snapshot that is being written; begins none.
  boost::asio::awaitable<void> stop();

 private:
  [[nodiscard]] bool is_due() const;
  [[nodiscard]] SteadyTime next_look() const;
  boost::asio::awaitable<void> keep();
  boost::asio::awaitable<void> write();
  // The snapshots that may go once `newest` is there.
  [[nodiscard]] std::vector<SnapshotId> superseded_by(const SnapshotId& newest) const;

  Shard& shard_;
  Helpers& helpers_;
  SnapshotStore& store_;
  const SnapshotPolicy policy_;
  FailureListener failure_listener_;
  std::function<void(Offset)> covered_listener_;

  std::vector<SnapshotId> whole_;
  std::shared_ptr<const Image> image_;  // the newest durable one; null before the first append
  std::int64_t timestamp_ms_ = 0;       // of its newest batch
  std::uint64_t bytes_since_ = 0;       // appended since the newest snapshot
  SteadyTime last_written_;             // or last tried
  bool backing_off_ = false;            // the last try failed
  std::shared_ptr<OneShot<bool>> wake_;
  bool running_ = false;
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace weir::metadata
