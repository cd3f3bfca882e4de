// Snapshots of the metadata log as files beside its segments in __cluster_metadata-0, under Apache Kafka's names
// (kafka-protocol 5.3). Blocks: start-up and helpers; one write at a time.
#pragma once

#include "metadata/snapshot_store.h"
#include "storage/fs.h"

namespace weir::broker {

class SnapshotFiles final : public metadata::SnapshotStore {
 public:
  // `log_directory` is the metadata log's, which lies in the root of a log directory. `fs` outlives it.
  SnapshotFiles(storage::FileSystem& fs, storage::Path log_directory);

  // Removes what a stop left in the making or on its way out, Kafka's too.
  Result<void> remove_leftovers();

  Result<std::vector<metadata::SnapshotId>> list() override;
  Result<Bytes> read(const metadata::SnapshotId& id) override;
  Result<void> write(const metadata::SnapshotId& id, ByteView content) override;
  Result<void> remove(const metadata::SnapshotId& id) override;
  Result<std::optional<Bytes>> read_bootstrap() override;
  [[nodiscard]] std::string name_of(const metadata::SnapshotId& id) const override;
  [[nodiscard]] std::string bootstrap_name() const override;

 private:
  [[nodiscard]] storage::Path path_of(const metadata::SnapshotId& id) const;

  storage::FileSystem& fs_;
  const storage::Path directory_;
};

}  // namespace weir::broker
