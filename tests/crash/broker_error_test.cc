// The n-th file-system call of a broker fails, once or from then on, for n = 1, 2, ... until none does. Nothing ends
// the process, nothing acked is lost by the next start, and while it runs the broker does what design decision 8 says:
// a full disk and a want of descriptors pass without a restart, anything else ends what can't be trusted any more.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "crash/broker_clients.h"
#include "crash/broker_script.h"
#include "support/memory_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

constexpr Millis kPatience{3000};  // several rounds of what is tried again

// Standard error goes to a file while this lives: a broker whose disk fails says so, thousands of times here. When a
// failed CHECK ends the program, it was about `scenario`, and the end of the file is printed.
class CapturedLog {
 public:
  CapturedLog() : file_(std::tmpfile()), real_(::dup(STDERR_FILENO)) {
    CHECK(file_ != nullptr && real_ >= 0, "no file for standard error");
    ::dup2(::fileno(file_), STDERR_FILENO);
    instance_ = this;
    std::signal(SIGABRT, [](int) { instance_->tell(); });
  }
  ~CapturedLog() {
    std::signal(SIGABRT, SIG_DFL);
    ::dup2(real_, STDERR_FILENO);
    ::close(real_);
    std::fclose(file_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // What is logged from here on belongs to it.
  void begin(const std::string& scenario) {
    std::rewind(file_);
    static_cast<void>(!::ftruncate(::fileno(file_), 0));
    scenario_ = scenario + "\n";
  }

 private:
  void tell() const {
    std::array<char, 4096> log;
    const auto size = std::min<off_t>(::lseek(::fileno(file_), 0, SEEK_END), log.size());
    const auto got = ::pread(::fileno(file_), log.data(), log.size(), ::lseek(::fileno(file_), -size, SEEK_END));
    static_cast<void>(!::write(real_, scenario_.data(), scenario_.size()));
    if (got > 0) static_cast<void>(!::write(real_, log.data(), static_cast<std::size_t>(got)));
  }

  static inline CapturedLog* instance_ = nullptr;
  std::FILE* const file_;
  const int real_;
  std::string scenario_;
};

bool takes_space(const std::string& call) {
  static const std::set<std::string> kCalls = {"pwritev", "create", "create_directory", "preallocate", "rename"};
  return kCalls.contains(call);
}
bool takes_a_descriptor(const std::string& call) {
  static const std::set<std::string> kCalls = {"open", "create", "list", "sync_directory", "lock"};
  return kCalls.contains(call);
}
bool writes(const std::string& call) {
  static const std::set<std::string> kCalls = {"pwritev",          "create", "create_directory", "preallocate",
                                               "remove_directory", "rename", "truncate",         "unlink"};
  return kCalls.contains(call);
}

struct Fault {
  std::string name;
  int os_errno;
  bool persists;
  std::function<bool(const std::string&)> applies;
  bool passes;  // without a restart
};

std::vector<Fault> faults() {
  std::vector<Fault> all;
  for (const bool persists : {false, true}) {
    const std::string when = persists ? "FromThenOn" : "Once";
    all.push_back({"NoSpace" + when, ENOSPC, persists, takes_space, true});
    all.push_back({"QuotaExceeded" + when, EDQUOT, persists, takes_space, true});
    all.push_back({"TooManyFiles" + when, EMFILE, persists, takes_a_descriptor, true});
    all.push_back({"IoError" + when, EIO, persists, nullptr, false});
    all.push_back({"ReadOnly" + when, EROFS, persists, writes, false});
  }
  return all;
}

class BrokerErrors : public testing::TestWithParam<Fault> {
 protected:
  BrokerErrors() : seed_(draw_seed()) { set_log_level(LogLevel::kError); }
  ~BrokerErrors() override { set_log_level(LogLevel::kInfo); }

  // False: no call failed any more.
  bool run(std::uint64_t number);
  // Another start, nothing fails: nothing is missing.
  void restart(std::shared_ptr<MemoryFs> disk, History history, const std::string& where);
  void expect_service(TestBroker& broker, History& history, const std::string& where);

  const std::uint64_t seed_;
  CapturedLog log_;
  std::uint64_t starts_ = 0;
  std::uint64_t starts_refused_ = 0;
  std::uint64_t runs_with_errors_ = 0;
  std::uint64_t unready_ = 0;
  std::uint64_t recovered_ = 0;
};

void BrokerErrors::restart(std::shared_ptr<MemoryFs> disk, History history, const std::string& where) {
  auto started =
      TestBroker::try_start({.settings = crash_settings(), .fs = std::move(disk), .seed = seed_ + ++starts_});
  ASSERT_TRUE(started.has_value()) << where << ": " << to_string(started.error());
  Clients clients(**started, history);
  clients.check_all();
  ASSERT_EQ(history.problem, "") << where;
  clients.go_on();
  ASSERT_EQ(history.problem, "") << where << ", going on";
}

// After a fault that passes: everything works again in the same process.
void BrokerErrors::expect_service(TestBroker& broker, History& history, const std::string& where) {
  Clients clients(broker, history);
  clients.check_all();
  clients.create_topic("afterwards", 1);
  clients.init_producer();
  clients.step();
  clients.go_on();
  ASSERT_EQ(history.problem, "") << where << ", when it had passed";
}

bool BrokerErrors::run(std::uint64_t number) {
  const auto& fault = GetParam();
  const auto disk = std::make_shared<MemoryFs>();
  FaultFs* calls = nullptr;
  bool fired = false;
  std::string where;
  History history;
  TestBroker::Options options{.settings = crash_settings(), .fs = disk, .seed = seed_ + ++starts_};
  options.arrange_faults = [&](FaultFs& faults) {
    calls = &faults;
    faults.applies = fault.applies;
    faults.on_failed_datasync = [&disk](const storage::Path& path) { disk->lose_writeback(path); };
    if (fault.persists) {
      faults.fail_from(number, fault.os_errno);
    } else {
      faults.fail_call(number, fault.os_errno);
    }
    // The fault file system goes with a broker that could not start: what it saw is kept here.
    faults.on_call = [&](std::uint64_t at, const char* name, const storage::Path& path) {
      if (at != number) return;
      fired = true;
      where = fmt::format("{} at call {}, {} {}", fault.name, number, name, path.native());
      log_.begin(fmt::format("{}; seed {}", where, seed_));
    };
  };
  {
    auto started = TestBroker::try_start(std::move(options));
    if (!started) {
      ++starts_refused_;
    } else {
      auto& broker = **started;
      {
        Clients clients(broker, history, Clients::Errors::kTolerated);
        run_little(broker, clients, history);
        EXPECT_EQ(history.problem, "") << where;
        if (history.errors_told != 0) ++runs_with_errors_;
        if (!broker.broker().unready_reasons().empty()) ++unready_;
      }
      broker.faults().heal();
      if (fired) broker.advance(kPatience);
      if (fired && fault.passes) {
        auto copy = history;
        expect_service(broker, copy, where);
        if (copy.problem.empty()) ++recovered_;
        history = copy;
      }
    }
  }
  if (HasFatalFailure()) return true;
  restart(disk->after_kill(), history, where + ", then killed");
  if (HasFatalFailure()) return true;
  restart(disk->after_power_cut(PowerCut::kDrop, 0), history, where + ", then power lost");
  if (HasFatalFailure()) return true;
  restart(disk->after_power_cut(PowerCut::kTear, seed_ + number), history, where + ", then torn");
  return fired;
}

TEST_P(BrokerErrors, AtEveryCall) {
  SCOPED_TRACE(repeat_with(seed_));
  constexpr std::uint64_t kCallsMax = 100'000;
  const std::uint64_t step = kSanitized ? 7 : 1;
  std::uint64_t failed = 0;
  for (std::uint64_t number = 1; number < kCallsMax; number += step) {
    if (!run(number)) break;
    ++failed;
    ASSERT_FALSE(HasFatalFailure());
  }
  fmt::print(
      "{} ({} shards): {} calls failed; {} starts refused, {} runs told errors, {} were not ready at the end, {} "
      "served everything again without a restart\n",
      GetParam().name, TestBroker::default_shard_count(), failed, starts_refused_, runs_with_errors_, unready_,
      recovered_);
  EXPECT_GT(failed, 100U / step);
  EXPECT_GT(runs_with_errors_, 0U);
}

INSTANTIATE_TEST_SUITE_P(, BrokerErrors, testing::ValuesIn(faults()),
                         [](const auto& fault) { return fault.param.name; });

}  // namespace
}  // namespace weir::test
