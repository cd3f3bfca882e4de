// The file system as storage sees it: a parameter of the broker. POSIX in production (posix_fs.h); in tests memory that
// drops, tears and reorders what was not synced, and a wrapper that fails the n-th call. Every call blocks; which of
// them may run on a shard is said at each. Paths are absolute or relative to the process, never normalised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::storage {

using Path = std::filesystem::path;

// An open file; closed with its last reference. Positioned calls only, so threads may share it; one writer at a time.
class File {
 public:
  virtual ~File() = default;

  // Reads up to to.size() bytes; less only at the end of the file. Blocks on a cold disk: helpers only.
  virtual Result<std::size_t> pread(MutableByteView to, std::uint64_t offset) const = 0;
  // The same, but kNotReady instead of waiting for the disk. Shards.
  virtual Result<std::size_t> pread_if_resident(MutableByteView to, std::uint64_t offset) const = 0;
  // Whether a read or sendfile of the range would not wait for the disk. Shards.
  [[nodiscard]] virtual bool is_resident(std::uint64_t offset, std::uint64_t size_bytes) const = 0;
  // Writes all pieces one after another, or fails; after a failure any part of them may have been written. Shards
  // (into the page cache).
  virtual Result<void> pwritev(std::span<const ByteView> pieces, std::uint64_t offset) = 0;
  // fdatasync. Helpers only. A failure is final for the file: never retried (design decision 8).
  virtual Result<void> datasync() = 0;
  virtual Result<void> truncate(std::uint64_t size_bytes) = 0;
  // Reserves space past the end without changing the size (KEEP_SIZE).
  virtual Result<void> preallocate(std::uint64_t offset, std::uint64_t size_bytes) = 0;
  virtual Result<std::uint64_t> size_bytes() const = 0;
  // When the content last changed, in milliseconds since 1970.
  virtual Result<std::int64_t> modified_ms() const = 0;
  // Drops the cached pages of a range (size 0: up to the end, however long), so that what is read of it next comes from
  // the disk. Dirty ones stay. Helpers only; best effort.
  virtual void drop_cache(std::uint64_t offset, std::uint64_t size_bytes) const = 0;
  // Another description of the same file, whatever its name is by now; touches no disk. What fails to be written back
  // from now on is reported to each description's own syncs.
  virtual Result<std::shared_ptr<File>> reopen() = 0;
  // For sendfile; -1 where there is no descriptor (memory).
  [[nodiscard]] virtual int descriptor() const = 0;
};

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreateNew,  // must not exist
  kOpenOrCreate,
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

// Held until destroyed.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) = 0;
  virtual Result<void> rename(const Path& from, const Path& to) = 0;  // replaces `to`
  virtual Result<void> unlink(const Path& path) = 0;
  virtual Result<void> create_directory(const Path& path) = 0;                  // kAlreadyExists if it does
  virtual Result<void> remove_directory(const Path& path) = 0;                  // must be empty
  virtual Result<std::vector<DirectoryEntry>> list(const Path& directory) = 0;  // in no order
  virtual Result<bool> exists(const Path& path) = 0;
  // Makes names in `directory` durable (fsync on it). Helpers or start-up only.
  virtual Result<void> sync_directory(const Path& directory) = 0;
  // F_OFD_SETLK on `path` (created if missing): excludes other processes, Apache Kafka among them. kBusy when held.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const Path& path) = 0;
};

// Whether a read may wait for the disk. kIfResident: a shard; answers kNotReady when it would have to wait.
enum class ReadMode { kIfResident, kMayBlock };

[[nodiscard]] inline Result<std::size_t> read_at(const File& file, MutableByteView to, std::uint64_t offset,
                                                 ReadMode mode) {
  return mode == ReadMode::kMayBlock ? file.pread(to, offset) : file.pread_if_resident(to, offset);
}

// Temp file, fsync, rename over `path`, fsync of the directory: after it returns, `path` holds `content` for good.
Result<void> write_file_atomically(FileSystem& fs, const Path& path, ByteView content);
// The whole file; kTooLarge above `limit_bytes`.
Result<Bytes> read_whole_file(FileSystem& fs, const Path& path, std::uint64_t limit_bytes);

}  // namespace weir::storage
