// What a start reads: the newest snapshot that is whole, and the log from there (kafka-protocol 5.3). Blocks; writes
// nothing.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/log_replay.h"
#include "metadata/metadata_log.h"
#include "metadata/snapshot_store.h"

namespace weir::metadata {

struct LoadedMetadata {
  LogReplay replay;                        // goes on at the log's end
  std::vector<SnapshotId> snapshots;       // whole ones as far as they were looked at, ascending
  std::vector<SnapshotId> damaged;         // passed over; they stay where they are
  std::uint64_t bytes_after_snapshot = 0;  // of the log, read after the newest whole snapshot
  // Framed records that a new cluster begins with; none when log and snapshots hold a cluster already.
  std::vector<Bytes> bootstrap;
};

// kCorrupt: nothing whole covers the log's start, or a snapshot reaches past the log's end; the context names the files
// and what to do. kUnsupported: see LogReplay and read_snapshot().
[[nodiscard]] Result<LoadedMetadata> load_metadata(MetadataLog& log, SnapshotStore& snapshots);

}  // namespace weir::metadata
