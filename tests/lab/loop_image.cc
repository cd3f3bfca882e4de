#include "lab/loop_image.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "lab/broker_process.h"

namespace weir::lab {
namespace {

constexpr auto kGoingDown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutLogFlush = 2;
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kTornPages = 64;  // before the end of a file

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<LoopImage> LoopImage::create(const std::string& kind, const std::string& folder) {
  const auto image = folder + "/disk.img";
  WEIR_TRY(run_command("rm -f " + image + " && truncate -s 512M " + image));
  WEIR_TRY_ASSIGN(device, run_command("losetup --find --show " + image));
  while (!device.empty() && device.back() == '\n') device.pop_back();
  auto created = create_on(kind, device, folder);
  if (!created) {
    WEIR_TRY(run_command("losetup -d " + device));
    return created;
  }
  created->owns_device_ = true;
  return created;
}

Result<LoopImage> LoopImage::create_on(const std::string& kind, std::string device, const std::string& folder) {
  const auto root = folder + "/mnt";
  WEIR_TRY(run_command("mkdir -p " + root));
  WEIR_TRY(run_command((kind == "xfs" ? "mkfs.xfs -q -f " : "mkfs.ext4 -q -F ") + device));
  LoopImage image(kind, std::move(device), root, false);
  WEIR_TRY(image.mount());
  return image;
}

LoopImage::LoopImage(LoopImage&& from) noexcept
    : kind_(std::move(from.kind_)),
      device_(std::move(from.device_)),
      root_(std::move(from.root_)),
      owns_device_(std::exchange(from.owns_device_, false)),
      mounted_(std::exchange(from.mounted_, false)) {}

LoopImage::~LoopImage() {
  if (mounted_) ::umount2(root_.c_str(), MNT_DETACH);
  if (owns_device_) static_cast<void>(run_command("losetup -d " + device_));
}

Result<void> LoopImage::mount() {
  if (::mount(device_.c_str(), root_.c_str(), kind_.c_str(), 0, nullptr) != 0) {
    return fail_errno(errno, "mount " + device_ + " (" + kind_ + ")");
  }
  mounted_ = true;
  return {};
}

Result<void> LoopImage::unmount() {
  constexpr int kTries = 500;
  for (int left = kTries; ::umount2(root_.c_str(), 0) != 0; --left) {
    if (errno != EBUSY || left == 0) return fail_errno(errno, "umount " + root_);
    constexpr int kPauseMs = 2;
    ::poll(nullptr, 0, kPauseMs);
  }
  mounted_ = false;
  return {};
}

Result<void> LoopImage::cut() const {
  const Descriptor directory(root_, O_RDONLY | O_DIRECTORY);
  if (directory.get() < 0) return fail_errno(errno, "open " + root_);
  auto how = kWithoutLogFlush;
  if (::ioctl(directory.get(), kGoingDown, &how) != 0) return fail_errno(errno, "GOINGDOWN " + root_);
  return {};
}

Result<std::uint64_t> write_back_random_pages(const std::string& root, const std::string& data, Random& random) {
  std::uint64_t pages = 0;
  std::error_code ended;  // files come and go below a live broker
  for (auto entry = std::filesystem::recursive_directory_iterator(data, ended);
       !ended && entry != std::filesystem::recursive_directory_iterator(); entry.increment(ended)) {
    if (entry->path().extension() != ".log") continue;
    const Descriptor file(entry->path(), O_RDWR);
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) continue;
    const auto end_page = (static_cast<std::uint64_t>(status.st_size) + kPageBytes - 1) / kPageBytes;
    for (auto page = end_page - std::min(end_page, kTornPages); page < end_page; ++page) {
      if (random.next_u64() % 2 == 0) continue;
      constexpr unsigned kWriteAndWait =
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
      if (::sync_file_range(file.get(), static_cast<off_t>(page * kPageBytes), kPageBytes, kWriteAndWait) != 0) {
        return fail_errno(errno, "sync_file_range " + entry->path().native());
      }
      ++pages;
    }
  }
  const Descriptor journal(root + "/journal-forced", O_RDWR | O_CREAT | O_TRUNC);
  const char byte = 'j';
  if (journal.get() < 0 || ::write(journal.get(), &byte, 1) != 1 || ::fsync(journal.get()) != 0) {
    return fail_errno(errno, "forcing the journal of " + root);
  }
  return pages;
}

void drop_cached_pages(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() >= 0) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace weir::lab
