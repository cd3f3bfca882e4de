// Wraps a file system and makes one call go wrong: the n-th fails with an error of choice, or power is lost at it.
// What the failing call had done by then (nothing, a part, all) is drawn from a seed. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "storage/fs.h"

namespace weir::test {

class FaultFs final : public storage::FileSystem {
 public:
  explicit FaultFs(storage::FileSystem& inner, std::uint64_t seed = 1) : inner_(inner), random_(seed) {}

  // Calls are counted from 1; reads of memory state (is_resident, descriptor, drop_cache) are not calls.
  void fail_call(std::uint64_t number, int os_errno) { fail_at_ = number, os_errno_ = os_errno; }
  // That call and all after it, until heal(). Calls that `applies` says no to are none of them, nor counted towards it:
  // a full disk fails no read.
  void fail_from(std::uint64_t number, int os_errno) { fail_from_ = number, os_errno_ = os_errno; }
  std::function<bool(const std::string& name, const storage::Path& path)> applies;
  void heal() { fail_from_ = fail_at_ = 0; }
  // The same for the next call of this name: "pwritev", "datasync", "open"... ("create" is an open that
  // makes the file)
  void fail_next(std::string name, int os_errno) { fail_name_ = std::move(name), os_errno_ = os_errno; }
  // Every call on `directory` and what is below it, from now on.
  void fail_below(storage::Path directory, int os_errno) {
    failing_directory_ = std::move(directory), os_errno_ = os_errno;
  }
  // That call and all after it fail.
  void cut_power_at(std::uint64_t number) { cut_at_ = number; }

  [[nodiscard]] std::uint64_t calls_count() const { return calls_count_; }
  [[nodiscard]] bool fired() const { return !failed_call_.empty(); }
  // What the failing call was, e.g. "datasync /data/t-0/00000000000000000000.log".
  [[nodiscard]] const std::string& failed_call() const { return failed_call_; }

  // Called before every call with its number, name and path: a suite can look at the disk as the call finds it.
  std::function<void(std::uint64_t number, const char* name, const storage::Path& path)> on_call;

  // Called with the path when a datasync is made to fail: what was not written back is lost (MemoryFs::lose_writeback).
  std::function<void(const storage::Path&)> on_failed_datasync;

  Result<std::shared_ptr<storage::File>> open(const storage::Path& path, storage::OpenMode mode) override;
  Result<void> rename(const storage::Path& from, const storage::Path& to) override;
  Result<void> unlink(const storage::Path& path) override;
  Result<void> create_directory(const storage::Path& path) override;
  Result<void> remove_directory(const storage::Path& path) override;
  Result<std::vector<storage::DirectoryEntry>> list(const storage::Path& directory) override;
  Result<bool> exists(const storage::Path& path) override;
  Result<void> sync_directory(const storage::Path& directory) override;
  Result<std::unique_ptr<storage::DirectoryLock>> lock(const storage::Path& path) override;

 private:
  class FaultFile;
  enum class Outcome { kGoOn, kFail };
  // Counts a call. kFail: it has to fail with error().
  Outcome begin_call(const char* name, const storage::Path& path);
  [[nodiscard]] std::unexpected<Error> error() const;
  [[nodiscard]] bool power_is_lost() const { return cut_at_ != 0 && calls_count_ > cut_at_; }
  bool coin() { return random_() % 2 == 0; }
  // For calls that are done or not, nothing in between.
  template <class Call>
  auto all_or_nothing(const char* name, const storage::Path& path, Call call) -> decltype(call());

  storage::FileSystem& inner_;
  std::mt19937_64 random_;
  std::uint64_t calls_count_ = 0;
  std::uint64_t fail_at_ = 0;
  std::uint64_t fail_from_ = 0;
  std::uint64_t cut_at_ = 0;
  std::string fail_name_;
  storage::Path failing_directory_;
  int os_errno_ = 0;
  std::string failed_call_;
};

}  // namespace weir::test
