// What the kernel may do to a call and a healthy disk never shows: stop it half-way, interrupt it, fail it. The linker
// leads the calls of posix_fs.cc through here first (--wrap), so the real code runs around scripted answers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>

#include "storage/posix_fs.h"

namespace weir::storage {
namespace {

// One answer to a call; without one it is passed on.
struct Answer {
  int os_errno = 0;           // fails with it
  std::size_t bytes_max = 0;  // else: transfers no more than this; 0 with no errno: passes on
  bool nothing = false;       // says 0
};

struct Script {
  std::deque<Answer> answers;
  std::size_t every_bytes_max = 0;  // of every call that has no answer of its own
  int calls = 0;

  Answer next() {
    ++calls;
    if (answers.empty()) return {.bytes_max = every_bytes_max};
    const auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
};

Script g_pwritev;
Script g_pread;
Script g_fdatasync;
Script g_fsync;
Script g_ftruncate;
Script g_fallocate;

// The first bytes of a vector.
std::vector<iovec> front_of(const iovec* vectors, int count, std::size_t bytes) {
  std::vector<iovec> front;
  for (int i = 0; i < count && bytes != 0; ++i) {
    front.push_back({vectors[i].iov_base, std::min(bytes, vectors[i].iov_len)});
    bytes -= front.back().iov_len;
  }
  return front;
}

template <class Call>
auto scripted(Script& script, Call pass_on) -> decltype(pass_on()) {
  const auto answer = script.next();
  if (answer.os_errno == 0) return pass_on();
  errno = answer.os_errno;
  return -1;
}

}  // namespace

extern "C" {

ssize_t __real_pwritev(int fd, const iovec* vectors, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const iovec* vectors, int count, off_t offset) {
  const auto answer = g_pwritev.next();
  if (answer.os_errno != 0) {
    errno = answer.os_errno;
    return -1;
  }
  if (answer.nothing) return 0;
  if (answer.bytes_max == 0) return __real_pwritev(fd, vectors, count, offset);
  const auto front = front_of(vectors, count, answer.bytes_max);
  return __real_pwritev(fd, front.data(), static_cast<int>(front.size()), offset);
}

ssize_t __real_pread(int fd, void* to, std::size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void* to, std::size_t size, off_t offset) {
  const auto answer = g_pread.next();
  if (answer.os_errno != 0) {
    errno = answer.os_errno;
    return -1;
  }
  return __real_pread(fd, to, answer.bytes_max == 0 ? size : std::min(size, answer.bytes_max), offset);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd) {
  return scripted(g_fdatasync, [&] { return __real_fdatasync(fd); });
}
int __real_fsync(int fd);
int __wrap_fsync(int fd) {
  return scripted(g_fsync, [&] { return __real_fsync(fd); });
}
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size) {
  return scripted(g_ftruncate, [&] { return __real_ftruncate(fd, size); });
}
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size) {
  return scripted(g_fallocate, [&] { return __real_fallocate(fd, mode, offset, size); });
}

}  // extern "C"

namespace {

class PosixFaults : public testing::Test {
 protected:
  PosixFaults() {
    for (auto* script : {&g_pwritev, &g_pread, &g_fdatasync, &g_fsync, &g_ftruncate, &g_fallocate}) *script = {};
    std::string name = "/tmp/weir-posix-faults-XXXXXX";
    const char* made = ::mkdtemp(name.data());
    if (made == nullptr) std::abort();
    root_ = name;
    auto opened = fs_.open(root_ / "a", OpenMode::kCreateNew);
    if (!opened) std::abort();
    file_ = *opened;
    for (std::size_t i = 0; i < kPieces; ++i) {
      pieces_owned_.emplace_back(i % 5, static_cast<std::uint8_t>(i));
      all_.insert(all_.end(), pieces_owned_.back().begin(), pieces_owned_.back().end());
    }
    for (const auto& piece : pieces_owned_) pieces_.emplace_back(piece);
  }
  ~PosixFaults() override { std::filesystem::remove_all(root_); }

  Bytes content() {
    const auto script = std::exchange(g_pread, {});
    Bytes bytes(all_.size() + 100);
    const auto got = file_->pread(bytes, 0);
    EXPECT_TRUE(got.has_value());
    bytes.resize(got.value_or(0));
    g_pread = script;
    return bytes;
  }

  static constexpr std::size_t kPieces = 150;  // more than one call takes, empty ones among them
  PosixFileSystem fs_;
  Path root_;
  std::shared_ptr<File> file_;
  std::vector<Bytes> pieces_owned_;
  std::vector<ByteView> pieces_;
  Bytes all_;
};

TEST_F(PosixFaults, AWriteThatStopsAnywhereGoesOnThere) {
  for (std::size_t at_most = 1; at_most <= all_.size(); ++at_most) {
    ASSERT_TRUE(file_->truncate(0).has_value());
    g_pwritev = {.answers = {}, .every_bytes_max = at_most};
    ASSERT_TRUE(file_->pwritev(pieces_, 0).has_value());
    ASSERT_EQ(content(), all_) << at_most << " bytes a call";
    ASSERT_GE(g_pwritev.calls, static_cast<int>(all_.size() / at_most));
  }
}

TEST_F(PosixFaults, AnInterruptedWriteIsMadeAgain) {
  g_pwritev.answers = {
      {.os_errno = EINTR}, {.bytes_max = 7}, {.os_errno = EINTR}, {.os_errno = EINTR}, {.bytes_max = 1}};
  ASSERT_TRUE(file_->pwritev(pieces_, 0).has_value());
  EXPECT_EQ(content(), all_);
  EXPECT_GE(g_pwritev.calls, 6);
}

TEST_F(PosixFaults, AWriteThatFailsHalfWaySaysSo) {
  for (std::size_t part = 1; part < all_.size(); part += 17) {
    ASSERT_TRUE(file_->truncate(0).has_value());
    g_pwritev = {.answers = {{.bytes_max = part}, {.os_errno = ENOSPC}}};
    const auto written = file_->pwritev(pieces_, 0);
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().code, Errc::kNoSpace);
    EXPECT_EQ(g_pwritev.calls, 2) << "an error is not tried again";
    // The first call takes so many pieces at most.
    constexpr std::size_t kPiecesPerCall = 64;
    std::size_t asked = 0;
    for (std::size_t i = 0; i < kPiecesPerCall; ++i) asked += pieces_[i].size();
    EXPECT_EQ(content().size(), std::min(part, asked)) << "the caller has to cut it off";
  }
}

TEST_F(PosixFaults, AWriteOfNothingIsAnError) {
  g_pwritev.answers = {{.nothing = true}};
  const auto written = file_->pwritev(pieces_, 0);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Errc::kIo);
}

TEST_F(PosixFaults, AReadThatStopsAnywhereGoesOnThere) {
  ASSERT_TRUE(file_->pwritev(pieces_, 0).has_value());
  for (std::size_t at_most = 1; at_most <= all_.size(); at_most += 3) {
    g_pread = {.answers = {{.os_errno = EINTR}}, .every_bytes_max = at_most};
    Bytes got(all_.size());
    const auto read = file_->pread(got, 0);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, all_.size());
    EXPECT_EQ(got, all_);
  }
}

TEST_F(PosixFaults, AnInterruptedSyncIsMadeAgainAndAFailedOneNever) {
  g_fdatasync.answers = {{.os_errno = EINTR}, {.os_errno = EINTR}};
  EXPECT_TRUE(file_->datasync().has_value());
  EXPECT_EQ(g_fdatasync.calls, 3);
  g_fdatasync = {.answers = {{.os_errno = EIO}}};
  const auto synced = file_->datasync();
  ASSERT_FALSE(synced.has_value());
  EXPECT_EQ(synced.error().code, Errc::kIo);
  EXPECT_EQ(g_fdatasync.calls, 1);

  g_fsync.answers = {{.os_errno = EINTR}};
  EXPECT_TRUE(fs_.sync_directory(root_).has_value());
  EXPECT_EQ(g_fsync.calls, 2);
  g_fsync = {.answers = {{.os_errno = EIO}}};
  const auto named = fs_.sync_directory(root_);
  ASSERT_FALSE(named.has_value());
  EXPECT_EQ(named.error().code, Errc::kIo);
  EXPECT_EQ(g_fsync.calls, 1);
}

TEST_F(PosixFaults, TruncatingGoesOnAfterASignal) {
  ASSERT_TRUE(file_->pwritev(pieces_, 0).has_value());
  g_ftruncate.answers = {{.os_errno = EINTR}};
  EXPECT_TRUE(file_->truncate(3).has_value());
  EXPECT_EQ(content().size(), 3U);
}

TEST_F(PosixFaults, AReservationThatFoundNoRoomIsGivenBack) {
  ASSERT_TRUE(file_->pwritev(pieces_, 0).has_value());
  g_fallocate.answers = {{.os_errno = EINTR}, {.os_errno = ENOSPC}};
  const auto reserved = file_->preallocate(all_.size(), 1 << 20);
  ASSERT_FALSE(reserved.has_value());
  EXPECT_EQ(reserved.error().code, Errc::kNoSpace);
  EXPECT_EQ(g_fallocate.calls, 2);
  EXPECT_EQ(g_ftruncate.calls, 1);
  EXPECT_EQ(content(), all_);
}

// No script here: the kernel itself writes a part, then refuses.
TEST_F(PosixFaults, TheKernelStopsAWriteAtALimit) {
  constexpr rlim_t kLimitBytes = 200;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  auto lowered = before;
  lowered.rlim_cur = kLimitBytes;
  ASSERT_GT(all_.size(), kLimitBytes);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lowered), 0);
  const auto written = file_->pwritev(pieces_, 0);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().os_errno, EFBIG);
  EXPECT_EQ(content().size(), kLimitBytes);
}

}  // namespace
}  // namespace weir::storage
