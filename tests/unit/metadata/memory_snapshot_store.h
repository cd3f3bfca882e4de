// Snapshots in memory, whose writes a test can fail, and helpers whose work a test runs. Used on one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/async/helpers.h"
#include "metadata/snapshot_store.h"

namespace weir::metadata {

class MemorySnapshotStore final : public SnapshotStore {
 public:
  Result<std::vector<SnapshotId>> list() override {
    std::vector<SnapshotId> ids;
    for (const auto& [id, content] : files) ids.push_back(id);
    return ids;
  }
  Result<Bytes> read(const SnapshotId& id) override { return files.at(id); }
  Result<void> write(const SnapshotId& id, ByteView content) override {
    ++write_count;
    if (fail_with) return weir::fail(*fail_with, "write refused by the test");
    files[id] = Bytes(content.begin(), content.end());
    return {};
  }
  Result<void> remove(const SnapshotId& id) override {
    files.erase(id);
    return {};
  }
  Result<std::optional<Bytes>> read_bootstrap() override { return bootstrap; }
  [[nodiscard]] std::string name_of(const SnapshotId& id) const override { return "dir/" + snapshot_file_name(id); }
  [[nodiscard]] std::string bootstrap_name() const override { return "bootstrap.checkpoint"; }

  std::map<SnapshotId, Bytes> files;
  std::optional<Bytes> bootstrap;
  std::optional<Errc> fail_with;
  int write_count = 0;
};

class ManualHelpers final : public Helpers {
 public:
  void run(Work work) override { queue_.push_back(std::move(work)); }
  // What was asked for so far; true when there was something.
  bool run_all() {
    if (queue_.empty()) return false;
    for (auto& work : std::exchange(queue_, {})) work();
    return true;
  }

 private:
  std::deque<Work> queue_;
};

}  // namespace weir::metadata
