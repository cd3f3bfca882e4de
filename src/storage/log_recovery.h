// Opening a log after a stop of any kind: leftovers of cut-off work are cleared, segments whose files agree with each
// other are taken as they are, the others are stepped over, a torn tail is cut, damage below the durable floor is
// fenced, indexes are rebuilt, and what was scanned is made durable before anybody reads it (design decision 7;
// FORMAT.md "Recovery"). Blocking; start-up and helpers only.
//
// 1. It can be cut at any call and run again: what ends the log is decided by bytes that only the last steps change.
// 2. Nothing below the durable floor is ever truncated or deleted.
// 3. An index entry is written only after an fdatasync covered its batch, here as in a running log.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "storage/fs.h"
#include "storage/leader_epochs.h"
#include "storage/log.h"
#include "storage/segment.h"

namespace weir::storage {

struct RecoveredSegment {
  Offset base_offset;
  SegmentContent content;
};

struct RecoveredLog {
  std::vector<RecoveredSegment> segments;  // ascending, at least one
  Offset log_start;
  LeaderEpochs epochs;
  bool epochs_known = false;    // false: they have to be gathered from the log
  bool epochs_on_disk = false;  // the file says the same
  RecoveryReport report;
  std::vector<Path> unsynced_directories;  // with names of empty files; no batch depends on them yet
};

// Creates the directory and an empty segment where there are none.
[[nodiscard]] Result<RecoveredLog> recover_log(FileSystem& fs, const Path& directory, const LogSettings& settings,
                                               const LogOpenOptions& options);

}  // namespace weir::storage
