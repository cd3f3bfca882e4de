// What a kernel may do to a call of a healthy disk: move fewer bytes than asked for, or be interrupted. The n-th call,
// or every one from then on, for n = 1, 2, ... until there is none: no client notices, then or after the next start.
// The linker leads the calls of posix_fs.cc through here first (--wrap); a file system in memory has none of them.
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "crash/broker_clients.h"
#include "crash/broker_script.h"
#include "storage/posix_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

enum class Kind { kShort, kInterrupted };

struct Disturbance {
  bool is_on = false;
  Kind kind = Kind::kShort;
  std::uint64_t first = 0;  // from 1
  bool persists = false;
  std::uint64_t calls = 0;
  std::uint64_t disturbed = 0;
  bool was_interrupted = false;  // the call before: its repetition passes

  bool strikes(Kind asked) {
    if (!is_on || asked != kind || std::exchange(was_interrupted, false)) return false;
    ++calls;
    if (persists ? calls < first : calls != first) return false;
    was_interrupted = kind == Kind::kInterrupted;
    ++disturbed;
    return true;
  }
};

Disturbance g_disturbance;

bool interrupts() {
  if (!g_disturbance.strikes(Kind::kInterrupted)) return false;
  errno = EINTR;
  return true;
}

// How much of `size` a call moves; all, or half of it.
std::size_t moved(std::size_t size) {
  return size > 1 && g_disturbance.strikes(Kind::kShort) ? size / 2 : size;
}

std::vector<iovec> front_of(const iovec* vectors, int count, std::size_t size) {
  std::vector<iovec> front;
  for (int i = 0; i < count && size != 0; ++i) {
    front.push_back({vectors[i].iov_base, std::min(size, vectors[i].iov_len)});
    size -= front.back().iov_len;
  }
  return front;
}

}  // namespace

extern "C" {

ssize_t __real_pwritev(int fd, const iovec* vectors, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const iovec* vectors, int count, off_t offset) {
  if (interrupts()) return -1;
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += vectors[i].iov_len;
  const auto front = front_of(vectors, count, moved(size));
  return __real_pwritev(fd, front.data(), static_cast<int>(front.size()), offset);
}

ssize_t __real_pread(int fd, void* to, std::size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void* to, std::size_t size, off_t offset) {
  return interrupts() ? -1 : __real_pread(fd, to, moved(size), offset);
}

int __real_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  return interrupts() ? -1 : __real_open(path, flags, mode);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd) {
  return interrupts() ? -1 : __real_fdatasync(fd);
}
int __real_fsync(int fd);
int __wrap_fsync(int fd) {
  return interrupts() ? -1 : __real_fsync(fd);
}
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size) {
  return interrupts() ? -1 : __real_ftruncate(fd, size);
}
// As a file system without it: in memory the pages would have to be found and zeroed, for every segment of every run.
int __wrap_fallocate(int, int, off_t, off_t) {
  if (!interrupts()) errno = EOPNOTSUPP;
  return -1;
}

}  // extern "C"

namespace {

// A directory of this process, in memory where there is such a place.
class Scratch {
 public:
  Scratch() {
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK) == 0;
    auto name = ((usable ? memory : std::filesystem::temp_directory_path()) / "weir-interrupted-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr, "no directory for the test: {}", name);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Case {
  std::string name;
  Kind kind;
  bool persists;
};

class BrokerInterrupted : public testing::TestWithParam<Case> {
 protected:
  BrokerInterrupted() : seed_(draw_seed()) { set_log_level(LogLevel::kError); }
  ~BrokerInterrupted() override {
    g_disturbance = {};
    set_log_level(LogLevel::kInfo);
  }

  // False: nothing was disturbed any more.
  bool run(std::uint64_t number);

  const std::uint64_t seed_;
  std::uint64_t disturbed_ = 0;
};

bool BrokerInterrupted::run(std::uint64_t number) {
  const auto where = fmt::format("{} at call {}", GetParam().name, number);
  const Scratch scratch;
  storage::PosixFileSystem fs;
  History history;
  auto settings = crash_settings();
  settings.push_back("log.dirs=" + (scratch.path() / "data").native());
  g_disturbance = {.is_on = true, .kind = GetParam().kind, .first = number, .persists = GetParam().persists};
  for (const bool again : {false, true}) {
    auto started = TestBroker::try_start({.settings = settings, .real_fs = &fs, .seed = seed_ + number});
    EXPECT_TRUE(started.has_value()) << where << ": " << to_string(started.error());
    if (!started) return true;
    Clients clients(**started, history);
    if (again) clients.check_all();
    if (!again) run_little(**started, clients, history);
    clients.go_on();
    EXPECT_TRUE(clients.all_answered()) << where;
    EXPECT_EQ(history.problem, "") << where << (again ? ", started again" : "");
    if (HasFailure()) return true;
  }
  disturbed_ += g_disturbance.disturbed;
  return g_disturbance.disturbed != 0;
}

TEST_P(BrokerInterrupted, AtEveryCall) {
  SCOPED_TRACE(repeat_with(seed_));
  constexpr std::uint64_t kCallsMax = 100'000;
  // What persists meets the calls behind in any case; the seed decides which ones are met first.
  const std::uint64_t step = (GetParam().persists ? 25 : 3) * (kSanitized ? 7 : 1);
  std::uint64_t runs = 0;
  for (std::uint64_t number = 1 + seed_ % step; number < kCallsMax && run(number); number += step) {
    ++runs;
    ASSERT_FALSE(HasFailure());
  }
  ASSERT_FALSE(HasFailure());
  fmt::print("{} ({} shards): {} runs, {} calls disturbed\n", GetParam().name, TestBroker::default_shard_count(), runs,
             disturbed_);
  EXPECT_GT(runs, 100U / step);
  EXPECT_GE(disturbed_, runs);
}

INSTANTIATE_TEST_SUITE_P(, BrokerInterrupted,
                         testing::Values(Case{"ShortOnce", Kind::kShort, false},
                                         Case{"ShortFromThenOn", Kind::kShort, true},
                                         Case{"InterruptedOnce", Kind::kInterrupted, false},
                                         Case{"InterruptedFromThenOn", Kind::kInterrupted, true}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace weir::test
