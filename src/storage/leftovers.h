// What cut-off work leaves in a log's directory: files on their way out, halves of what was being replaced,
// replacements that were complete but not yet in place. Cleared before the log's segments are opened
// (kafka-protocol 5.2, steps 2 and 3; FORMAT.md "Recovery"). It can be cut at any call and run again. Blocking;
// start-up and helpers only.
#pragma once

#include <set>

#include "base/result.h"
#include "model/ids.h"
#include "storage/fs.h"

namespace weir::storage {

struct ClearedDirectory {
  std::set<Offset> bases;      // of the segments that are there
  bool names_changed = false;  // and the directory was not synced since
};

[[nodiscard]] Result<ClearedDirectory> clear_leftovers(FileSystem& fs, const Path& directory);

// What is not there is no error.
[[nodiscard]] Result<void> unlink_if_exists(FileSystem& fs, const Path& path);

}  // namespace weir::storage
