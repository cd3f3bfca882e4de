#include "storage/posix_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/planted_bug.h"

namespace weir::storage {
namespace {

// cachestat(2), Linux 6.5. Debian 12's headers don't know it; the number is the same on every architecture.
constexpr long kCachestatCall = 451;
struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t size_bytes;
};
struct CachestatAnswer {
  std::uint64_t cached_pages;
  std::uint64_t dirty_pages;
  std::uint64_t writeback_pages;
  std::uint64_t evicted_pages;
  std::uint64_t recently_evicted_pages;
};

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kFolioBytesMax = 2 * kMiB;  // of the page cache; aligned in the file
constexpr std::uint64_t kSampleStepBytes = 64 * kKiB;
constexpr std::size_t kPiecesPerCall = 64;  // below IOV_MAX, and on the stack

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> call_failed(int os_errno, std::string_view call, const Path& path) {
  return fail_errno(os_errno, fmt::format("{} {}", call, path.native()));
}

// Runs a call again while signals interrupt it.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, Path path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> pread(MutableByteView to, std::uint64_t offset) const override {
    std::size_t done = 0;
    while (done < to.size()) {
      const auto got = uninterrupted([&] {
        return ::pread(descriptor_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) return io_failed(errno, "pread", to.size() - done, offset + done);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<std::size_t> pread_if_resident(MutableByteView to, std::uint64_t offset) const override {
    std::size_t done = 0;
    while (done < to.size()) {
      const auto got = pread_nowait(to.subspan(done), offset + done);
      if (got < 0) {
        if (errno == EAGAIN) return fail(Errc::kNotReady, {});
        // A file system without RWF_NOWAIT: waiting is all that is left.
        if (errno == EOPNOTSUPP || errno == ENOSYS) return pread(to, offset);
        return io_failed(errno, "preadv2", to.size() - done, offset + done);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  bool is_resident(std::uint64_t offset, std::uint64_t size_bytes) const override {
    if (size_bytes == 0) return true;
    if (cachestat_usable_.load(std::memory_order_relaxed)) {
      const CachestatRange range{offset, size_bytes};
      CachestatAnswer answer{};
      if (::syscall(kCachestatCall, descriptor_.get(), &range, &answer, 0U) == 0) {
        const auto first_page = offset / kPageBytes;
        const auto end_page = (offset + size_bytes + kPageBytes - 1) / kPageBytes;
        if (answer.cached_pages >= end_page - first_page) return true;
        // A stacked file system (overlayfs) counts the pages of the wrong file and always says none.
        if (answer.cached_pages != 0 || !is_resident_at(offset)) return false;
      }
      cachestat_usable_.store(false, std::memory_order_relaxed);
    }
    for (auto at = offset; at < offset + size_bytes; at += kSampleStepBytes) {
      if (!is_resident_at(at)) return false;
    }
    return is_resident_at(offset + size_bytes - 1);
  }

  Result<void> pwritev(std::span<const ByteView> pieces, std::uint64_t offset) override {
    std::array<iovec, kPiecesPerCall> vectors;
    std::size_t skipped = 0;  // bytes of pieces[0] that are written already
    while (!pieces.empty()) {
      const auto count = std::min(pieces.size(), kPiecesPerCall);
      std::size_t asked = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const auto piece = i == 0 ? pieces[0].subspan(skipped) : pieces[i];
        vectors[i] = {const_cast<std::uint8_t*>(piece.data()), piece.size()};
        asked += piece.size();
      }
      const auto got = uninterrupted([&] {
        return ::pwritev(descriptor_.get(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      });
      if (got < 0) return io_failed(errno, "pwritev", asked, offset);
      if (got == 0 && asked != 0) return io_failed(EIO, "pwritev", asked, offset);
      if (is_planted(PlantedBug::kShortWriteIgnored)) return {};
      offset += static_cast<std::uint64_t>(got);
      auto left = static_cast<std::size_t>(got) + skipped;
      while (!pieces.empty() && left >= pieces[0].size()) {
        left -= pieces[0].size();
        pieces = pieces.subspan(1);
      }
      skipped = left;
    }
    return {};
  }

  Result<void> datasync() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0)
      return call_failed(errno, "fdatasync", path_);
    return {};
  }

  Result<void> truncate(std::uint64_t size_bytes) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size_bytes)); }) != 0) {
      return fail_errno(errno, fmt::format("ftruncate {} to {} bytes", path_.native(), size_bytes));
    }
    return {};
  }

  Result<void> preallocate(std::uint64_t offset, std::uint64_t size_bytes) override {
    const auto done = uninterrupted([&] {
      return ::fallocate(descriptor_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                         static_cast<off_t>(size_bytes));
    });
    if (done == 0) return {};
    const auto os_errno = errno;
    // On a full disk a failed fallocate leaves what it got behind; give it back.
    if (os_errno == ENOSPC || os_errno == EDQUOT) {
      WEIR_TRY_ASSIGN(size, this->size_bytes());
      WEIR_TRY(truncate(size));
    }
    if (os_errno == EOPNOTSUPP || os_errno == ENOSYS) {
      return fail(Errc::kUnsupported, fmt::format("fallocate {}", path_.native()));
    }
    return io_failed(os_errno, "fallocate", size_bytes, offset);
  }

  Result<std::uint64_t> size_bytes() const override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return call_failed(errno, "fstat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<std::int64_t> modified_ms() const override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return call_failed(errno, "fstat", path_);
    return std::int64_t{status.st_mtim.tv_sec} * 1000 + status.st_mtim.tv_nsec / 1'000'000;
  }

  void drop_cache(std::uint64_t offset, std::uint64_t size_bytes) const override {
    // Linux gives whole folios back, and one that reaches into the range is meant too.
    const auto before = offset % kFolioBytesMax;
    const auto size = size_bytes == 0 ? 0 : size_bytes + before;
    ::posix_fadvise(descriptor_.get(), static_cast<off_t>(offset - before), static_cast<off_t>(size),
                    POSIX_FADV_DONTNEED);
  }

  Result<std::shared_ptr<File>> reopen() override;
  int descriptor() const override { return descriptor_.get(); }

 private:
  std::unexpected<Error> io_failed(int os_errno, std::string_view call, std::uint64_t size, std::uint64_t at) const {
    return fail_errno(os_errno, fmt::format("{} {} ({} bytes at {})", call, path_.native(), size, at));
  }

  ssize_t pread_nowait(MutableByteView to, std::uint64_t offset) const {
    const iovec vector{to.data(), to.size()};
    return uninterrupted(
        [&] { return ::preadv2(descriptor_.get(), &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT); });
  }

  // Where RWF_NOWAIT is not known to the file system the answer is yes: it could never become so.
  bool is_resident_at(std::uint64_t offset) const {
    std::uint8_t byte;
    return pread_nowait({&byte, 1}, offset) >= 0 || errno != EAGAIN;
  }

  const Descriptor descriptor_;
  const Path path_;
  mutable std::atomic<bool> cachestat_usable_{true};
};

class PosixDirectoryLock final : public DirectoryLock {
 public:
  explicit PosixDirectoryLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;  // the lock ends with its open file description
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kReadWrite: return O_RDWR;
    case OpenMode::kCreateNew: return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kOpenOrCreate: return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

Descriptor open_descriptor(const Path& path, int flags) {
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); }));
}

// `descriptor` is negative when the open failed, errno says why.
Result<void> sync_opened(int descriptor, const Path& directory) {
  if (descriptor < 0) return call_failed(errno, "open", directory);
  if (uninterrupted([&] { return ::fsync(descriptor); }) == 0) return {};
  // Some file systems have no such call for a directory; their names are durable in their own way or never.
  if (errno == EINVAL) return {};
  return call_failed(errno, "fsync", directory);
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::shared_ptr<File>> PosixFile::reopen() {
  auto descriptor = open_descriptor(fmt::format("/proc/self/fd/{}", descriptor_.get()), O_RDWR);
  if (descriptor.get() < 0) return io_failed(errno, "open once more", 0, 0);
  return std::make_shared<PosixFile>(std::move(descriptor), path_);
}

Result<std::shared_ptr<File>> PosixFileSystem::open(const Path& path, OpenMode mode) {
  auto descriptor = open_descriptor(path, open_flags(mode));
  if (descriptor.get() < 0) return call_failed(errno, "open", path);
  return std::make_shared<PosixFile>(std::move(descriptor), path);
}

Result<void> PosixFileSystem::rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return fail_errno(errno, fmt::format("rename {} to {}", from.native(), to.native()));
  }
  return {};
}

Result<void> PosixFileSystem::unlink(const Path& path) {
  if (::unlink(path.c_str()) != 0) return call_failed(errno, "unlink", path);
  return {};
}

Result<void> PosixFileSystem::create_directory(const Path& path) {
  if (::mkdir(path.c_str(), 0755) != 0) return call_failed(errno, "mkdir", path);
  return {};
}

Result<void> PosixFileSystem::remove_directory(const Path& path) {
  if (::rmdir(path.c_str()) != 0) return call_failed(errno, "rmdir", path);
  return {};
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const Path& directory) {
  const std::unique_ptr<DIR, DirectoryCloser> stream(::opendir(directory.c_str()));
  if (stream == nullptr) return call_failed(errno, "opendir", directory);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
      struct stat status{};
      if (::stat((directory / name).c_str(), &status) == 0) is_directory = S_ISDIR(status.st_mode);
    }
    entries.push_back({std::string(name), is_directory});
  }
  if (errno != 0) return call_failed(errno, "readdir", directory);
  return entries;
}

Result<bool> PosixFileSystem::exists(const Path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT) return false;
  return call_failed(errno, "stat", path);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const auto soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return soft;
  return limit.rlim_cur;
}

PosixFileSystem::PosixFileSystem() : spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

PosixFileSystem::~PosixFileSystem() {
  if (spare_ >= 0) ::close(spare_);
}

Result<void> PosixFileSystem::sync_directory(const Path& directory) {
  const auto path = directory.empty() ? Path(".") : directory;
  auto descriptor = open_descriptor(path, O_RDONLY | O_DIRECTORY);
  if (descriptor.get() >= 0 || errno != EMFILE) {
    auto synced = sync_opened(descriptor.get(), directory);
    const std::lock_guard lock(spare_mutex_);
    if (spare_ < 0) spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return synced;
  }
  // An ack hangs on it, and the spare one is kept for this. Should another thread take its place meanwhile, the caller
  // hears so and tries again.
  const std::lock_guard lock(spare_mutex_);
  if (spare_ < 0) return fail_errno(EMFILE, fmt::format("open {}", directory.native()));
  ::close(std::exchange(spare_, -1));
  auto outcome = [&] {
    const auto in_place = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    return sync_opened(in_place.get(), directory);
  }();
  spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return outcome;
}

Result<std::unique_ptr<DirectoryLock>> PosixFileSystem::lock(const Path& path) {
  auto descriptor = open_descriptor(path, O_RDWR | O_CREAT);
  if (descriptor.get() < 0) return call_failed(errno, "open", path);
  struct flock whole_file{};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (uninterrupted([&] { return ::fcntl(descriptor.get(), F_OFD_SETLK, &whole_file); }) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return std::unexpected(Error{Errc::kBusy, fmt::format("lock {}", path.native()), 0});
    }
    return call_failed(errno, "fcntl(F_OFD_SETLK)", path);
  }
  return std::make_unique<PosixDirectoryLock>(std::move(descriptor));
}

}  // namespace weir::storage
