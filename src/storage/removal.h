// Taking files away: first out of sight by a new name, later for good and in steps, since freeing a gigabyte at once
// holds up everybody else's fdatasync. Blocking; helpers and start-up only.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "storage/fs.h"
#include "storage/segment.h"

namespace weir::storage {

// Renames the files of a segment that its log no longer holds to `.deleted`, the `.log` first (what else a cut leaves
// under its old name is cleared at the next start). Returns the new paths; makes nothing durable.
[[nodiscard]] Result<std::vector<Path>> mark_deleted(FileSystem& fs, const Segment& segment);

// What is not there is no error. Never under a reader: a file shrinks before it goes.
[[nodiscard]] Result<void> remove_file_in_steps(FileSystem& fs, const Path& path);
// A directory with all that is in it, and its name for good.
[[nodiscard]] Result<void> remove_tree_in_steps(FileSystem& fs, const Path& directory);

}  // namespace weir::storage
