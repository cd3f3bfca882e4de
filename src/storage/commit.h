// The port that makes a group of logs durable (design decision 6). Today's implementation syncs the dirty segments; a
// shared journal, replayed at start, is to be its second one.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "storage/log.h"

namespace weir::storage {

class GroupCommit {
 public:
  virtual ~GroupCommit() = default;
  // Returns one outcome a job once all of them are durable or failed. Blocks: helpers only, any number at a time with
  // disjoint groups, but for a job that passes another of its log (FlushJob::second_file). A failure is final for its
  // log, never retried.
  virtual std::vector<Result<void>> make_durable(std::span<const FlushJob> group) = 0;
};

// fdatasync of every dirty segment, then fsync of every directory with new names.
class FdatasyncCommit final : public GroupCommit {
 public:
  std::vector<Result<void>> make_durable(std::span<const FlushJob> group) override {
    std::vector<Result<void>> outcomes;
    outcomes.reserve(group.size());
    for (const auto& job : group) outcomes.push_back(run_flush(job));
    return outcomes;
  }
};

}  // namespace weir::storage
