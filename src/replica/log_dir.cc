#include "replica/log_dir.h"

#include <utility>

namespace weir::replica {

bool is_fatal(const Error& error) {
  return error.code == Errc::kIo || error.code == Errc::kReadOnly;
}

LogDir::LogDir(const Ports& ports, FailureListener listener)
    : files_(ports.files),
      id_(ports.id),
      commit_helpers_(ports.commit_helpers),
      home_(*ports.shards.front()),
      listener_(std::move(listener)) {
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
