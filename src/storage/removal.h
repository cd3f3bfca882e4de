// Taking files away: first out of sight by a new name, later for good and in steps, since freeing a gigabyte at once
// holds up everybody else's fdatasync. Blocking; helpers and start-up only.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "storage/fs.h"
#include "storage/segment.h"

namespace weir::storage {

// Renames the files of a segment that its log no longer holds to `.deleted`, the `.log` first (what else a cut leaves
// under its old name is cleared at the next start). Appends the new paths to `marked`, those too that an attempt which
// failed has left; makes nothing durable.
[[nodiscard]] Result<void> mark_deleted(FileSystem& fs, const Segment& segment, std::vector<Path>& marked);

struct MarkedSegments {
  std::size_t count = 0;    // of the segments given, from the first on: their new names are durable
  std::vector<Path> files;  // those names
  Result<void> outcome;     // what kept the others from it; they can be given again
};

// mark_deleted() for segments of one log, as far as it goes, and their names made durable: none goes for good whose old
// name a power cut could bring back. A directory that is not there any more took them with it: no error, and no files.
[[nodiscard]] MarkedSegments mark_deleted_durably(FileSystem& fs,
                                                  const std::vector<std::shared_ptr<Segment>>& segments);

// What is not there is no error. Never under a reader: a file shrinks before it goes. kClosed: `stop` was set between
// two steps; what is left goes another time.
[[nodiscard]] Result<void> remove_file_in_steps(FileSystem& fs, const Path& path, const std::atomic<bool>& stop);
// A directory with all that is in it, and its name for good.
[[nodiscard]] Result<void> remove_tree_in_steps(FileSystem& fs, const Path& directory, const std::atomic<bool>& stop);

}  // namespace weir::storage
