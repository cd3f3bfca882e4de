// The port behind which snapshots of the metadata log lie: files beside its segments in the broker, a map in a test.
// Calls block: start-up and helpers only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/snapshot.h"

namespace weir::metadata {

class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;

  // Ascending. What is in the making, or on its way out, is left out.
  virtual Result<std::vector<SnapshotId>> list() = 0;
  virtual Result<Bytes> read(const SnapshotId& id) = 0;
  // Durable, whole and under its name when it returns; a snapshot of that id is replaced.
  virtual Result<void> write(const SnapshotId& id, ByteView content) = 0;
  virtual Result<void> remove(const SnapshotId& id) = 0;
  // nullopt: the directory was not formatted by Kafka, or by a version that keeps these records elsewhere.
  virtual Result<std::optional<Bytes>> read_bootstrap() = 0;

  // What messages call a snapshot, and the bootstrap file: their paths.
  [[nodiscard]] virtual std::string name_of(const SnapshotId& id) const = 0;
  [[nodiscard]] virtual std::string bootstrap_name() const = 0;
};

}  // namespace weir::metadata
