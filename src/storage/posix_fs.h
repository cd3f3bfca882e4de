// The operating system's files behind the FileSystem interface: plain POSIX calls and a few of Linux's own (fallocate,
// RWF_NOWAIT, cachestat, open file description locks), each with a fallback where a kernel or a file system lacks it.
// Any thread; holds no state but the descriptors of its open files and a spare one, which lets a directory be synced
// when all others are in use.
#pragma once

#include <cstddef>
#include <mutex>

#include "storage/fs.h"

namespace weir::storage {

// Lets the process open as many files as its hard limit allows, and returns how many that is.
std::size_t raise_descriptor_limit();

class PosixFileSystem final : public FileSystem {
 public:
  PosixFileSystem();
  ~PosixFileSystem() override;
  PosixFileSystem(const PosixFileSystem&) = delete;
  PosixFileSystem& operator=(const PosixFileSystem&) = delete;

  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  Result<void> rename(const Path& from, const Path& to) override;
  Result<void> unlink(const Path& path) override;
  Result<void> create_directory(const Path& path) override;
  Result<void> remove_directory(const Path& path) override;
  Result<std::vector<DirectoryEntry>> list(const Path& directory) override;
  Result<bool> exists(const Path& path) override;
  Result<void> sync_directory(const Path& directory) override;
  Result<std::unique_ptr<DirectoryLock>> lock(const Path& path) override;

 private:
  std::mutex spare_mutex_;
  int spare_;  // -1: there is none now
};

}  // namespace weir::storage
