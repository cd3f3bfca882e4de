// One log directory at work: whether it can still be trusted, who flushes what lies in it, and what its checkpoints
// say. A directory that failed stays offline for the life of the process: what its device did with the writes before
// is not known (design decision 8). Home shard, where nothing else is said.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/shard.h"
#include "base/result.h"
#include "model/uuid.h"
#include "replica/commit_loop.h"
#include "storage/log_directory.h"

namespace weir::replica {

// Whether what failed with `error` can't be trusted any more; a full volume or a want of descriptors may pass.
[[nodiscard]] bool is_fatal(const Error& error);

class LogDir {
 public:
  struct Ports {
    storage::LogDirectory& files;
    Uuid id;
    storage::GroupCommit& commit;
    Helpers& commit_helpers;
    std::uint32_t flushes_max;          // at a time, of each shard
    const std::vector<Shard*>& shards;  // the first one is home
  };
  using FailureListener = std::function<void(LogDir& dir, const Error& why)>;

  // Everything in `ports` outlives it. `listener` is called once at most, on the home shard.
  LogDir(const Ports& ports, FailureListener listener);

  // Any thread.
  [[nodiscard]] const Uuid& id() const { return id_; }
  [[nodiscard]] const storage::Path& path() const { return files_.path(); }
  [[nodiscard]] bool is_offline() const { return offline_.load(std::memory_order_acquire); }
  // Why; once it is offline.
  [[nodiscard]] const Error& why_offline() const { return why_offline_; }
  // A log here can't go on, or something failed that is_fatal: the directory is offline from now on.
  void fail(const Error& why);
  // The same for errors that may not be fatal.
  void report(const Error& error) {
    if (is_fatal(error)) fail(error);
  }

  // Its shard's.
  [[nodiscard]] CommitLoop& commit_loop(const Shard& shard) { return *commit_loops_[shard.index()]; }

  // While nothing is served they open and close its logs, too.
  [[nodiscard]] Helpers& commit_helpers() const { return commit_helpers_; }
  [[nodiscard]] storage::LogDirectory& files() { return files_; }
  [[nodiscard]] const storage::LogDirectory& files() const { return files_; }
  // What was read at the start of the logs that are not open; goes into each checkpoint until they are.
  storage::LogOffsets unopened;
  // What the checkpoint files hold. A log made anew must not find an entry of its name there.
  storage::LogOffsets durable;
  bool starts_known = false;     // those in `unopened` are what Weir wrote before any file went
  bool is_checkpointed = false;  // all of them hold just that; false: some may hold anything older or newer

 private:
  storage::LogDirectory& files_;
  const Uuid id_;
  Helpers& commit_helpers_;
  Shard& home_;
  const FailureListener listener_;
  std::atomic<bool> failing_ = false;  // somebody is setting the two below
  std::atomic<bool> offline_ = false;
  Error why_offline_{Errc::kIo, {}, 0};                    // constant once offline_ is set
  std::vector<std::unique_ptr<CommitLoop>> commit_loops_;  // by shard index
};

}  // namespace weir::replica
