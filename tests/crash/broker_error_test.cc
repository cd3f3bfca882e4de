// The n-th file-system call of a broker fails, once or from then on, for n = 1, 2, ... until none does. Nothing ends
// the process, nothing acked is lost by the next start, and while it runs the broker does what design decision 8 says:
// a full disk and a want of descriptors pass without a restart; anything else takes its log directory offline, for the
// life of the process, and the broker gives up when that was the metadata's, or the last one. A failed sync is never
// tried again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/log.h"
#include "crash/broker_clients.h"
#include "crash/broker_script.h"
#include "crash/captured_log.h"
#include "support/memory_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

constexpr Millis kPatience{3000};  // several rounds of what is tried again
constexpr std::int16_t kAcksAll = -1;
const storage::Path kFirstDirectory = "/weir";
const storage::Path kSecondDirectory = "/other";
constexpr const char* kCleanMarker = ".kafka_cleanshutdown";

bool takes_space(const std::string& call) {
  static const std::set<std::string> kCalls = {"pwritev", "create", "create_directory", "preallocate", "rename"};
  return kCalls.contains(call);
}
bool takes_a_descriptor(const std::string& call) {
  static const std::set<std::string> kCalls = {"open", "reopen", "create", "list", "sync_directory", "lock"};
  return kCalls.contains(call);
}
bool writes(const std::string& call) {
  static const std::set<std::string> kCalls = {"pwritev",          "create", "create_directory", "preallocate",
                                               "remove_directory", "rename", "truncate",         "unlink"};
  return kCalls.contains(call);
}
bool any_call(const std::string& call) {
  return call != "reopen";  // which asks no device
}
// After one of these nobody knows what is on the disk.
bool leaves_doubt(const std::string& call) {
  static const std::set<std::string> kCalls = {"pwritev", "datasync", "sync_directory", "truncate"};
  return kCalls.contains(call);
}

struct Fault {
  enum class Then {
    kPasses,         // without a restart
    kEndsBroker,     // the only directory is lost
    kEndsDirectory,  // one of two, without the metadata: the other serves on
  };
  std::string name;
  int os_errno;
  bool persists;
  bool (*applies)(const std::string& call);
  Then then;
};

std::vector<Fault> faults() {
  using enum Fault::Then;
  std::vector<Fault> all;
  for (const bool persists : {false, true}) {
    const std::string when = persists ? "FromThenOn" : "Once";
    all.push_back({"NoSpace" + when, ENOSPC, persists, takes_space, kPasses});
    all.push_back({"QuotaExceeded" + when, EDQUOT, persists, takes_space, kPasses});
    all.push_back({"TooManyFiles" + when, EMFILE, persists, takes_a_descriptor, kPasses});
    all.push_back({"IoError" + when, EIO, persists, any_call, kEndsBroker});
    all.push_back({"ReadOnly" + when, EROFS, persists, writes, kEndsBroker});
    all.push_back({"IoErrorOfOneOfTwo" + when, EIO, persists, any_call, kEndsDirectory});
    all.push_back({"ReadOnlyOneOfTwo" + when, EROFS, persists, writes, kEndsDirectory});
  }
  return all;
}

class BrokerErrors : public testing::TestWithParam<Fault> {
 protected:
  BrokerErrors() : seed_(draw_seed()) { set_log_level(LogLevel::kError); }
  ~BrokerErrors() override { set_log_level(LogLevel::kInfo); }

  // False: no call failed any more.
  bool run(std::uint64_t number);
  [[nodiscard]] TestBroker::Options options(std::shared_ptr<MemoryFs> disk);
  // Another start, nothing fails: nothing is missing.
  void restart(std::shared_ptr<MemoryFs> disk, History history, const std::string& where);
  bool serves(TestBroker& broker, History& history);
  bool second_is_offline(TestBroker& broker);
  void note_outcome(bool served);
  void expect_service(TestBroker& broker, History& history);
  // The error that one more batch for each partition is answered with; kNone: it was acked.
  std::map<storage::Path, ErrorCode> produce_everywhere(TestBroker& broker, History& history);

  struct Failed {
    std::string call;  // empty: none has
    storage::Path path;
    std::string where;              // for people
    std::uint64_t calls_after = 0;  // the same on the same file
  };

  const std::uint64_t seed_;
  CapturedLog log_;
  Failed failed_;
  std::uint64_t starts_ = 0;
  std::uint64_t starts_refused_ = 0;
  std::uint64_t runs_with_errors_ = 0;
  std::uint64_t recovered_ = 0;
  std::uint64_t ended_ = 0;                          // the broker gave up, or its second directory is offline
  std::map<std::string, std::uint64_t> lived_with_;  // calls whose failure ended nothing
};

TestBroker::Options BrokerErrors::options(std::shared_ptr<MemoryFs> disk) {
  auto settings = crash_settings();
  if (GetParam().then == Fault::Then::kEndsDirectory) {
    settings.push_back(fmt::format("log.dirs={},{}", kFirstDirectory.native(), kSecondDirectory.native()));
  }
  return {.settings = std::move(settings), .fs = std::move(disk), .seed = seed_ + ++starts_};
}

void BrokerErrors::restart(std::shared_ptr<MemoryFs> disk, History history, const std::string& where) {
  auto started = TestBroker::try_start(options(std::move(disk)));
  ASSERT_TRUE(started.has_value()) << where << ": " << to_string(started.error());
  Clients clients(**started, history);
  clients.check_all();
  ASSERT_EQ(history.problem, "") << where;
  clients.go_on();
  ASSERT_EQ(history.problem, "") << where << ", going on";
}

// As if nothing had been.
void BrokerErrors::expect_service(TestBroker& broker, History& history) {
  Clients clients(broker, history);
  clients.check_all();
  clients.create_topic("afterwards", 1);
  clients.init_producer();
  clients.step();
  clients.go_on();
  ASSERT_EQ(history.problem, "") << failed_.where << ", when it had passed";
}

std::map<storage::Path, ErrorCode> BrokerErrors::produce_everywhere(TestBroker& broker, History& history) {
  Clients clients(broker, history, Clients::Errors::kTolerated);
  std::map<storage::Path, ErrorCode> answers;
  for (std::size_t i = 0; i < history.topics.size(); ++i) {
    if (history.topics[i].state != TopicHistory::State::kThere) continue;
    if (history.topics[i].may_be_tight) continue;  // the change that was to end it has failed
    for (std::size_t p = 0; p < history.topics[i].partitions.size(); ++p) {
      const auto& sent = history.topics[i].partitions[p].sent;
      history.last_error = ErrorCode::kNone;
      clients.produce(i, p, kAcksAll);
      clients.step();
      const auto name = fmt::format("{}-{}", history.topics[i].name, p);
      EXPECT_TRUE(clients.all_answered()) << failed_.where << ": " << name;
      EXPECT_EQ(sent.back().acked_at == kNoOffset, history.last_error != ErrorCode::kNone) << failed_.where;
      answers[name] = history.last_error;
    }
  }
  EXPECT_EQ(history.problem, "") << failed_.where;
  return answers;
}

// Nothing fails any more: what has become of the broker? False: something failed for good, as far as answers tell.
bool BrokerErrors::serves(TestBroker& broker, History& history) {
  const auto& fault = GetParam();
  const auto answers = produce_everywhere(broker, history);
  const auto reasons = broker.broker().unready_reasons();
  if (fault.then == Fault::Then::kEndsBroker) {
    const bool ended = std::ranges::any_of(
        reasons, [](const std::string& reason) { return reason.find("metadata") != std::string::npos; });
    for (const auto& [name, error] : answers) {
      EXPECT_EQ(error, ended ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << failed_.where << ": " << name;
    }
    return !ended;
  }
  EXPECT_TRUE(reasons.empty()) << failed_.where << ": " << reasons.front();
  bool all_served = true;
  for (const auto& [name, error] : answers) {
    const bool is_elsewhere = broker.fs()->exists(kFirstDirectory / name).value_or(false);
    if (is_elsewhere) EXPECT_EQ(error, ErrorCode::kNone) << failed_.where << ": " << name;
    if (is_elsewhere || error == ErrorCode::kNone) continue;
    EXPECT_EQ(error, ErrorCode::kKafkaStorageError) << failed_.where << ": " << name;
    all_served = false;
  }
  return all_served;
}

// Whether what failed for good is known to have: a directory that is offline is not marked clean.
bool BrokerErrors::second_is_offline(TestBroker& broker) {
  const auto stopped = broker.try_stop();
  EXPECT_TRUE(stopped.has_value()) << failed_.where << ": " << to_string(stopped.error());
  EXPECT_TRUE(broker.fs()->exists(kFirstDirectory / kCleanMarker).value_or(false)) << failed_.where;
  return !broker.fs()->exists(kSecondDirectory / kCleanMarker).value_or(false);
}

bool BrokerErrors::run(std::uint64_t number) {
  const auto& fault = GetParam();
  const auto disk = std::make_shared<MemoryFs>();
  failed_ = {};
  History history;
  auto failing = options(disk);
  failing.arrange_faults = [&](FaultFs& faults) {
    faults.applies = [&fault](const std::string& call, const storage::Path& path) {
      const bool is_second = path.native().starts_with(kSecondDirectory.native());
      return fault.applies(call) && (is_second || fault.then != Fault::Then::kEndsDirectory);
    };
    faults.on_failed_datasync = [&disk](const storage::Path& path) { disk->lose_writeback(path); };
    if (fault.persists) {
      faults.fail_from(number, fault.os_errno);
    } else {
      faults.fail_call(number, fault.os_errno);
    }
    // The fault file system goes with a broker that could not start: what it saw is kept here.
    faults.on_call = [&](std::uint64_t at, const char* name, const storage::Path& path) {
      if (at > number && failed_.call == name && failed_.path == path) ++failed_.calls_after;
      if (at != number) return;
      failed_ = {.call = name,
                 .path = path,
                 .where = fmt::format("{} at call {}, {} {}", fault.name, number, name, path.native())};
      log_.begin(fmt::format("{}; seed {}", failed_.where, seed_));
    };
  };
  std::vector<std::pair<std::shared_ptr<MemoryFs>, const char*>> images;
  const auto take_images = [&] {
    images.emplace_back(disk->after_kill(), "then killed");
    images.emplace_back(disk->after_power_cut(PowerCut::kDrop, 0), "then power lost");
    images.emplace_back(disk->after_power_cut(PowerCut::kTear, seed_ + number), "then torn");
  };
  if (auto started = TestBroker::try_start(std::move(failing)); !started) {
    ++starts_refused_;
    take_images();
  } else {
    auto& broker = **started;
    {
      Clients clients(broker, history, Clients::Errors::kTolerated);
      run_little(broker, clients, history);
      EXPECT_EQ(history.problem, "") << failed_.where;
      if (history.errors_told != 0) ++runs_with_errors_;
    }
    broker.faults().heal();
    if (failed_.call.empty()) return false;
    broker.advance(kPatience);
    bool served = true;
    if (fault.then == Fault::Then::kPasses) {
      expect_service(broker, history);
    } else {
      served = serves(broker, history);
      if (served && fault.then == Fault::Then::kEndsBroker) expect_service(broker, history);
    }
    take_images();
    if (fault.then == Fault::Then::kEndsDirectory && second_is_offline(broker)) served = false;
    note_outcome(served);
  }
  for (auto& [image, how] : images) {
    if (HasFailure()) return true;
    restart(std::move(image), history, fmt::format("{}, {}", failed_.where, how));
  }
  return !failed_.call.empty();
}

void BrokerErrors::note_outcome(bool served) {
  const auto& fault = GetParam();
  // Opening a directory may be tried again for want of a descriptor, its sync never.
  const bool syncs = failed_.call == "datasync" || (failed_.call == "sync_directory" && fault.os_errno != EMFILE);
  if (syncs) EXPECT_EQ(failed_.calls_after, 0U) << failed_.where << ": tried again";
  if (fault.then == Fault::Then::kPasses) {
    ++recovered_;
    return;
  }
  if (!served) {
    ++ended_;
    return;
  }
  EXPECT_FALSE(fault.persists) << failed_.where << ": all goes on";
  EXPECT_FALSE(leaves_doubt(failed_.call)) << failed_.where << ": all goes on";
  ++lived_with_[fmt::format("{} {}", failed_.call, failed_.path.extension().native())];
}

TEST_P(BrokerErrors, AtEveryCall) {
  SCOPED_TRACE(repeat_with(seed_));
  constexpr std::uint64_t kCallsMax = 100'000;
  const std::uint64_t step = kSanitized ? 7 : 1;
  std::uint64_t failed = 0;
  for (std::uint64_t number = 1; number < kCallsMax; number += step) {
    if (!run(number)) break;
    ++failed;
    ASSERT_FALSE(HasFailure());
  }
  std::string lived_with;
  for (const auto& [call, count] : lived_with_) lived_with += fmt::format(", {} {}", count, call);
  fmt::print(
      "{} ({} shards): {} calls failed; {} starts refused, {} runs told errors, {} ended what had failed, {} served "
      "everything again without a restart{}\n",
      GetParam().name, TestBroker::default_shard_count(), failed, starts_refused_, runs_with_errors_, ended_,
      recovered_, lived_with.empty() ? lived_with : "; lived with" + lived_with.substr(1));
  EXPECT_GT(failed, 100U / step);
  EXPECT_GT(runs_with_errors_, 0U);
}

INSTANTIATE_TEST_SUITE_P(, BrokerErrors, testing::ValuesIn(faults()),
                         [](const auto& fault) { return fault.param.name; });

}  // namespace
}  // namespace weir::test
