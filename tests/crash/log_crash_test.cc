// Power is lost at every file-system call of a scripted life of a log directory, and every call fails once. After each:
// nothing acked is lost, nothing that was read has vanished, nothing is there that nobody wrote.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include "base/log.h"
#include "log_workload.h"
#include "support/fault_fs.h"
#include "support/memory_fs.h"
#include "support/seed.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kTearsCount = 5;  // seeds a cut

std::unique_ptr<MemoryFs> empty_disk() {
  auto fs = std::make_unique<MemoryFs>();
  EXPECT_TRUE(fs->create_directory(kDataPath).has_value());
  EXPECT_TRUE(fs->sync_directory("/").has_value());
  return fs;
}

// How often a kind of cut took something away.
struct Tally {
  std::uint64_t cuts = 0;
  std::uint64_t cuts_with_losses = 0;
  PowerCutLosses losses;

  std::unique_ptr<MemoryFs> cut(const MemoryFs& fs, PowerCut kind, std::uint64_t seed) {
    PowerCutLosses now;
    auto image = fs.after_power_cut(kind, seed, &now);
    ++cuts;
    if (now.files_changed + now.files_vanished != 0) ++cuts_with_losses;
    losses.files_changed += now.files_changed;
    losses.files_vanished += now.files_vanished;
    losses.later_write_survived += now.later_write_survived;
    return image;
  }
  void print(const char* name) const {
    fmt::print(
        "{}: {} cuts, {} of them lost something ({} files changed, {} directories, in {} files a later write "
        "survived an earlier one)\n",
        name, cuts, cuts_with_losses, losses.files_changed, losses.files_vanished, losses.later_write_survived);
  }
};

class LogCrashes : public testing::Test {
 protected:
  LogCrashes() { set_log_level(LogLevel::kError); }
  ~LogCrashes() override { set_log_level(LogLevel::kInfo); }

  // Restarts on `image`, goes on, loses power again at once, and restarts again.
  void expect_sound(MemoryFs& image, const History& history, const std::string& where) {
    History after;
    const auto problem = verify_restart(image, history, &after);
    ASSERT_EQ(problem, "") << where;
    const auto again = image.after_power_cut(PowerCut::kDrop, 0);
    const auto second = verify_restart(*again, after);
    ASSERT_EQ(second, "") << where << ", then power lost right after going on";
  }
};

TEST_F(LogCrashes, PowerLostAtEveryCall) {
  const auto seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Tally keep;
  Tally drop;
  Tally tear;
  Tally kill;
  std::uint64_t calls = 0;
  std::uint64_t acked_max = 0;
  std::uint64_t batches_read = 0;
  std::uint64_t jobs_passed = 0;
  for (std::uint64_t number = 1;; ++number) {
    const auto disk = empty_disk();
    FaultFs faults(*disk, seed + number);
    faults.cut_power_at(number);
    LogWorkload workload(faults);
    const auto ended = workload.run();
    const auto& history = workload.history();
    if (!faults.fired()) {
      ASSERT_TRUE(ended.has_value()) << to_string(ended.error());
      ASSERT_EQ(verify_restart(*disk, history), "");
      break;
    }
    ASSERT_FALSE(ended.has_value());
    const auto where = fmt::format("power lost at call {}, {}", number, faults.failed_call());
    workload.drop();
    expect_sound(*keep.cut(*disk, PowerCut::kKeep, 0), history, where + ", all kept");
    expect_sound(*drop.cut(*disk, PowerCut::kDrop, 0), history, where + ", all dropped");
    for (std::uint64_t i = 0; i < kTearsCount; ++i) {
      const auto tear_seed = seed + number * 1000 + i;
      expect_sound(*tear.cut(*disk, PowerCut::kTear, tear_seed), history,
                   fmt::format("{}, torn by {}", where, tear_seed));
      if (HasFatalFailure()) return;
    }
    // Killed, with power on: the next process finds the cache as it was.
    ++kill.cuts;
    expect_sound(*disk, history, where + ", killed");
    if (HasFatalFailure()) return;
    calls = number;
    for (const auto& [of, log] : history.logs) {
      acked_max = std::max(acked_max, static_cast<std::uint64_t>(log.acked.value()));
    }
    batches_read = std::max(batches_read, history.batches_read);
    jobs_passed = std::max(jobs_passed, history.jobs_passed);
  }
  fmt::print("{} calls, each cut; up to {} records acked and {} batches read in one log, {} late flushes passed\n",
             calls, acked_max, batches_read, jobs_passed);
  keep.print("kept");
  drop.print("dropped");
  tear.print("torn");
  EXPECT_GE(calls, 300U);
  EXPECT_GT(jobs_passed, 5U);
  EXPECT_GT(drop.cuts_with_losses, drop.cuts / 4);
  EXPECT_GT(tear.cuts_with_losses, tear.cuts / 4);
  EXPECT_GT(tear.losses.later_write_survived, 100U);
  EXPECT_EQ(keep.cuts_with_losses, 0U);
}

TEST_F(LogCrashes, PowerLostAgainAtEveryCallOfTheRecovery) {
  const auto seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Tally nested;
  std::uint64_t recoveries = 0;
  for (std::uint64_t number = 10;; number += 53) {
    const auto disk = empty_disk();
    FaultFs faults(*disk, seed + number);
    faults.cut_power_at(number);
    LogWorkload workload(faults);
    const auto ended = workload.run();
    if (ended.has_value()) break;
    workload.drop();
    const auto image = disk->after_power_cut(PowerCut::kTear, seed + number);
    ++recoveries;
    for (std::uint64_t nested_number = 1;; ++nested_number) {
      const auto copy = image->after_power_cut(PowerCut::kKeep, 0);
      FaultFs nested_faults(*copy, seed + nested_number);
      nested_faults.cut_power_at(nested_number);
      bool failed = false;
      const auto problem = verify_restart(nested_faults, workload.history(), nullptr, &failed);
      if (!nested_faults.fired()) {
        ASSERT_EQ(problem, "");
        break;
      }
      const auto where = fmt::format("power lost at call {}, then in recovery at call {}, {}", number, nested_number,
                                     nested_faults.failed_call());
      ASSERT_TRUE(failed) << where << ": " << problem;
      for (const auto kind : {PowerCut::kDrop, PowerCut::kTear}) {
        expect_sound(*nested.cut(*copy, kind, seed + nested_number), workload.history(), where);
        if (HasFatalFailure()) return;
      }
    }
  }
  fmt::print("{} recoveries cut at each of their calls\n", recoveries);
  nested.print("nested");
  EXPECT_GT(recoveries, 8U);
  EXPECT_GT(nested.cuts_with_losses, 50U);
}

// The fault loop: the n-th call fails, for n = 1, 2, ... until none does.
TEST_F(LogCrashes, EveryCallFailsOnce) {
  const auto seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  for (const int os_errno : {EIO, ENOSPC, EMFILE}) {
    std::uint64_t lived_through = 0;
    std::uint64_t calls = 0;
    for (std::uint64_t number = 1;; ++number) {
      const auto disk = empty_disk();
      FaultFs faults(*disk, seed + number);
      faults.on_failed_datasync = [&](const storage::Path& path) { disk->lose_writeback(path); };
      faults.fail_call(number, os_errno);
      LogWorkload workload(faults);
      const auto ended = workload.run();
      if (!faults.fired()) {
        ASSERT_TRUE(ended.has_value()) << to_string(ended.error());
        break;
      }
      calls = number;
      if (ended.has_value()) ++lived_through;
      const auto where = fmt::format("errno {} from call {}, {}", os_errno, number, faults.failed_call());
      workload.drop();
      expect_sound(*disk->after_power_cut(PowerCut::kDrop, 0), workload.history(), where + ", then power lost");
      expect_sound(*disk->after_power_cut(PowerCut::kTear, seed + number), workload.history(), where + ", then torn");
      expect_sound(*disk, workload.history(), where + ", then restarted");
      if (HasFatalFailure()) return;
    }
    fmt::print("errno {}: {} calls failed, the owner lived through {}\n", os_errno, calls, lived_through);
    EXPECT_GE(calls, 300U);
    EXPECT_TRUE(os_errno != ENOSPC || lived_through > calls / 4);
  }
}

}  // namespace
}  // namespace weir::test
