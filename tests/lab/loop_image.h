// A real file system on a loop device over a sparse file, and its power switch. Needs root. Owned by one thread.
//
// The cut is the file system's own shutdown (GOINGDOWN without a flush of its log): from then on nothing reaches the
// device, what was not written back is gone, and the next mount replays the journal as after a power loss. A running
// fdatasync may answer "done" after it: who listens must have been frozen or made deaf before.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/random.h"
#include "base/result.h"

namespace weir::lab {

class LoopImage {
 public:
  // `kind` is ext4 or xfs. Makes the image and the mount point in `folder` (both anew) and mounts it.
  static Result<LoopImage> create(const std::string& kind, const std::string& folder);
  // The same on a block device that is there already and outlives the image.
  static Result<LoopImage> create_on(const std::string& kind, std::string device, const std::string& folder);
  LoopImage(LoopImage&& from) noexcept;
  LoopImage& operator=(LoopImage&&) = delete;
  LoopImage(const LoopImage&) = delete;
  LoopImage& operator=(const LoopImage&) = delete;
  ~LoopImage();

  [[nodiscard]] const std::string& root() const { return root_; }
  Result<void> cut() const;
  // Nobody may have a file open in it.
  Result<void> unmount();
  Result<void> mount();

 private:
  LoopImage(std::string kind, std::string device, std::string root, bool owns_device)
      : kind_(std::move(kind)), device_(std::move(device)), root_(std::move(root)), owns_device_(owns_device) {}

  std::string kind_;
  std::string device_;
  std::string root_;
  bool owns_device_;
  bool mounted_ = false;
};

// Writes back a random half of the last pages of every .log file below `data`, then forces the journal, so that the
// files' sizes are on the disk and only some of their last pages: tails that a cut leaves torn. Returns the pages
// asked for.
Result<std::uint64_t> write_back_random_pages(const std::string& root, const std::string& data, Random& random);

// The next read of the file comes from the device, as far as its pages are clean.
void drop_cached_pages(const std::string& path);

}  // namespace weir::lab
