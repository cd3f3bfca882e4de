// The operating system's files behind the FileSystem interface: plain POSIX calls and a few of Linux's own (fallocate,
// RWF_NOWAIT, cachestat, open file description locks), each with a fallback where a kernel or a file system lacks it.
// Any thread; holds no state but the descriptors of its open files.
#pragma once

#include "storage/fs.h"

namespace weir::storage {

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  Result<void> rename(const Path& from, const Path& to) override;
  Result<void> unlink(const Path& path) override;
  Result<void> create_directory(const Path& path) override;
  Result<void> remove_directory(const Path& path) override;
  Result<std::vector<DirectoryEntry>> list(const Path& directory) override;
  Result<bool> exists(const Path& path) override;
  Result<void> sync_directory(const Path& directory) override;
  Result<std::unique_ptr<DirectoryLock>> lock(const Path& path) override;
};

}  // namespace weir::storage
