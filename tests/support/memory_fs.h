// A file system in memory that knows what a power cut would leave: what a file holds is durable up to its last
// datasync, a name up to the last sync of its directory, and all else may be there afterwards or not, sector by sector
// and in any order. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/fs.h"

namespace weir::test {

// What becomes of everything that was not synced.
enum class PowerCut {
  kKeep,  // it had all been written back, by luck
  kDrop,  // none of it
  kTear,  // some sectors of some writes, some sizes, some names
};

// What a cut took, to prove that it took something.
struct PowerCutLosses {
  std::uint64_t files_changed = 0;         // content other than it was
  std::uint64_t files_vanished = 0;        // or reappeared: names that differ
  std::uint64_t later_write_survived = 0;  // files in which a write was lost and a later one kept
};

class MemoryFs final : public storage::FileSystem {
 public:
  MemoryFs();
  ~MemoryFs() override;

  Result<std::shared_ptr<storage::File>> open(const storage::Path& path, storage::OpenMode mode) override;
  Result<void> rename(const storage::Path& from, const storage::Path& to) override;  // within one directory
  Result<void> unlink(const storage::Path& path) override;
  Result<void> create_directory(const storage::Path& path) override;
  Result<void> remove_directory(const storage::Path& path) override;
  Result<std::vector<storage::DirectoryEntry>> list(const storage::Path& directory) override;
  Result<bool> exists(const storage::Path& path) override;
  Result<void> sync_directory(const storage::Path& directory) override;
  Result<std::unique_ptr<storage::DirectoryLock>> lock(const storage::Path& path) override;

  // The disk as it is found after power came back; this one goes on as if nothing had happened. `seed` decides what
  // is torn. Adds to `losses` when given.
  [[nodiscard]] std::unique_ptr<MemoryFs> after_power_cut(PowerCut cut, std::uint64_t seed,
                                                          PowerCutLosses* losses = nullptr) const;

  // The same after the broker's death alone: the next one finds the cache as it was, and a power cut after that still
  // takes what was not synced. Locks are gone.
  [[nodiscard]] std::unique_ptr<MemoryFs> after_kill() const;

  // A failed write-back, as Linux leaves it: what is unsynced of the file never reaches the disk, no later datasync
  // says so, and reads show it until drop_cache.
  void lose_writeback(const storage::Path& path);

  // From now on pread_if_resident of the file answers kNotReady, until a blocking read brings it back.
  void evict(const storage::Path& path);

  // What modified_ms answers for the file; 0 otherwise.
  void set_modified(const storage::Path& path, std::int64_t wall_ms);

  // What would be durable if power were cut now; empty for a name that would not be there.
  [[nodiscard]] Bytes durable_content(const storage::Path& path) const;

 private:
  struct Node;
  class MemoryFile;
  class MemoryLock;
  struct Cutter;
  struct Cloner;

  struct Place {  // where a name is, or would be
    std::shared_ptr<Node> directory;
    std::string name;
    std::shared_ptr<Node> node;  // null: there is none
  };
  [[nodiscard]] Result<Place> find(const storage::Path& path, bool durable = false) const;

  mutable std::mutex mutex_;  // guards the whole tree
  std::shared_ptr<Node> root_;
};

}  // namespace weir::test
