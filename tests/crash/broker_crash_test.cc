// Power is lost at every file-system call of a whole broker's life. Whatever becomes of what was not synced, the next
// broker starts on it, and no client finds anything wrong: nor after power is lost once more right then, nor, in the
// short script, at any call of the recovery itself.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "crash/broker_clients.h"
#include "crash/broker_script.h"
#include "support/memory_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

// What a cut left, and what the clients had been told by then.
struct Image {
  std::shared_ptr<MemoryFs> disk;
  std::string how;
};

class BrokerCrashes : public testing::Test {
 protected:
  BrokerCrashes() : seed_(draw_seed()) { set_log_level(LogLevel::kError); }
  ~BrokerCrashes() override { set_log_level(LogLevel::kInfo); }

  // Of how many calls one is cut; which ones, the seed decides.
  struct Stride {
    std::uint64_t cuts;            // of the script
    std::uint64_t cut_recoveries;  // of those cuts: after how many the recovery is cut in turn
    std::uint64_t nested_cuts;     // of such a recovery
  };
  // Runs `script` once and tries every end of it, with `tears` seeds.
  void cut_everywhere(const BrokerScript& script, std::uint64_t tears, Stride stride);

  void print(const char* name) const {
    fmt::print(
        "{} ({} shards): {} calls, {} cuts, {} of recoveries, {} starts; {} files changed, {} directories, in {} files "
        "a "
        "later write survived an earlier one; up to {} batches acked, {} shown, {} log starts moved, {} limits set "
        "that refused {} batches\n",
        name, TestBroker::default_shard_count(), calls_, cuts_, nested_cuts_, starts_, losses_.files_changed,
        losses_.files_vanished, losses_.later_write_survived, batches_acked_, batches_shown_, starts_moved_,
        limits_acked_, batches_limited_);
  }

  [[nodiscard]] TestBroker::Options options(std::shared_ptr<MemoryFs> disk) {
    return {.settings = settings_, .fs = std::move(disk), .seed = seed_ + ++starts_};
  }

  std::vector<Image> images_of(const MemoryFs& disk, std::uint64_t tears) {
    std::vector<Image> images;
    images.push_back({disk.after_kill(), "killed"});
    for (const auto kind : {PowerCut::kKeep, PowerCut::kDrop}) {
      images.push_back({disk.after_power_cut(kind, 0, &losses_), kind == PowerCut::kKeep ? "all kept" : "all dropped"});
    }
    for (std::uint64_t i = 0; i < tears; ++i) {
      const auto tear_seed = seed_ * 31 + ++tears_drawn_;
      images.push_back(
          {disk.after_power_cut(PowerCut::kTear, tear_seed, &losses_), fmt::format("torn by {}", tear_seed)});
    }
    return images;
  }

  // A broker starts on `image`, is checked and goes on; then power is lost once more. With `nested_every` also at its
  // calls. `depth` is how many cuts came before.
  void restart(const Image& image, const History& before, const std::string& where, std::uint64_t nested_every,
               int depth = 1);

  std::vector<std::string> settings_ = crash_settings();
  const std::uint64_t seed_;
  std::uint64_t calls_ = 0;
  std::uint64_t cuts_ = 0;
  std::uint64_t nested_cuts_ = 0;
  std::uint64_t starts_ = 0;
  std::uint64_t tears_drawn_ = 0;
  std::uint64_t batches_acked_ = 0;
  std::uint64_t batches_shown_ = 0;
  std::uint64_t starts_moved_ = 0;
  std::uint64_t limits_acked_ = 0;
  std::uint64_t batches_limited_ = 0;
  PowerCutLosses losses_;
};

void BrokerCrashes::restart(const Image& image, const History& before, const std::string& where,
                            std::uint64_t nested_every, int depth) {
  if (HasFatalFailure()) return;
  const auto here = fmt::format("{}, {}", where, image.how);
  auto history = before;
  Clients* clients = nullptr;
  std::vector<std::pair<Image, History>> ends;  // of this life
  auto restarted = options(image.disk);
  restarted.arrange_faults = [&](FaultFs& faults) {
    if (nested_every == 0) return;
    faults.on_call = [&, disk = image.disk](std::uint64_t number, const char* name, const storage::Path& path) {
      if ((number + starts_) % nested_every != 0) return;
      if (clients != nullptr) clients->collect();
      const auto what = fmt::format("then at call {}, {} {}", number, name, path.native());
      ends.push_back({{disk->after_power_cut(PowerCut::kDrop, 0, &losses_), what + ", all dropped"}, history});
      const auto tear_seed = seed_ * 31 + ++tears_drawn_;
      ends.push_back({{disk->after_power_cut(PowerCut::kTear, tear_seed, &losses_),
                       fmt::format("{}, torn by {}", what, tear_seed)},
                      history});
    };
  };
  {
    auto started = TestBroker::try_start(std::move(restarted));
    ASSERT_TRUE(started.has_value()) << here << ": " << to_string(started.error());
    Clients watching(**started, history);
    clients = &watching;
    watching.check_all();
    ASSERT_EQ(history.problem, "") << here;
    watching.go_on();
    ASSERT_EQ(history.problem, "") << here << ", going on";
    clients = nullptr;
  }
  nested_cuts_ += ends.size();
  if (depth == 1) {
    // Right after a recovery: what it served was durable.
    ends.push_back({{image.disk->after_power_cut(PowerCut::kDrop, 0, &losses_), "then right after"}, history});
  }
  for (const auto& [end, told] : ends) {
    restart(end, told, here, 0, depth + 1);
    if (HasFatalFailure()) return;
  }
}

void BrokerCrashes::cut_everywhere(const BrokerScript& script, std::uint64_t tears, Stride stride) {
  SCOPED_TRACE(repeat_with(seed_));
  History history;
  Clients* clients = nullptr;
  const auto disk = std::make_shared<MemoryFs>();
  auto first = options(disk);
  first.arrange_faults = [&](FaultFs& faults) {
    faults.on_call = [&](std::uint64_t number, const char* name, const storage::Path& path) {
      calls_ = number;
      if ((number + seed_) % stride.cuts != 0 || HasFatalFailure()) return;
      const bool nests = (number + seed_) % (stride.cuts * stride.cut_recoveries) == 0;
      if (clients != nullptr) clients->collect();
      const auto where = fmt::format("power lost at call {}, {} {}", number, name, path.native());
      for (const auto& image : images_of(*disk, tears)) {
        ++cuts_;
        restart(image, history, where, nests ? stride.nested_cuts : 0);
      }
    };
  };
  {
    auto started = TestBroker::try_start(std::move(first));
    ASSERT_TRUE(started.has_value()) << to_string(started.error());
    Clients running(**started, history);
    clients = &running;
    const bool stopped = script(**started, running, history);
    ASSERT_EQ(history.problem, "");
    ASSERT_TRUE(stopped);
    ASSERT_TRUE(running.all_answered());
    clients = nullptr;
  }
  batches_acked_ = history.batches_acked;
  batches_shown_ = history.batches_shown;
  starts_moved_ = history.starts_moved;
  limits_acked_ = history.limits_acked;
  batches_limited_ = history.batches_limited;
  for (const auto& image : images_of(*disk, tears)) restart(image, history, "stopped", stride.nested_cuts);
}

TEST_F(BrokerCrashes, AtEveryCallOfEverything) {
  cut_everywhere(run_everything, 3, kSanitized ? Stride{11, 9, 11} : Stride{1, 97, 5});
  print("everything");
  EXPECT_GT(calls_, 300U);
  EXPECT_GT(losses_.files_changed, calls_ / 4);
  EXPECT_GT(losses_.files_vanished, calls_ / 4);
  EXPECT_GT(losses_.later_write_survived, kSanitized ? 1U : 50U);
  EXPECT_GT(batches_acked_, 100U);
  EXPECT_GT(batches_shown_, 100U);
  EXPECT_GT(starts_moved_, 2U);
  EXPECT_GT(limits_acked_, 4U);
  EXPECT_GT(batches_limited_, 4U);
}

// Partitions in both; each directory has its own checkpoints, and is recovered by what they say.
TEST_F(BrokerCrashes, WithTwoLogDirectories) {
  settings_.emplace_back("log.dirs=/weir,/other");
  cut_everywhere(run_everything, 1, kSanitized ? Stride{23, 9, 11} : Stride{4, 53, 9});
  print("everything in two directories");
  EXPECT_GT(calls_, 300U);
  EXPECT_GT(losses_.files_changed, calls_ / 16);
  EXPECT_GT(batches_acked_, 100U);
  EXPECT_GT(starts_moved_, 2U);
}

// Which calls of the recoveries: they shift from one recovery to the next, so that all kinds are met; with
// WEIR_NESTED_CALLS=1 it is all of them, in some two minutes.
TEST_F(BrokerCrashes, InItsRecoveriesToo) {
  const char* const asked = std::getenv("WEIR_NESTED_CALLS");
  const std::uint64_t nested_calls = asked == nullptr ? 7 : std::strtoull(asked, nullptr, 10);
  cut_everywhere(run_short, 1, kSanitized ? Stride{11, 1, 5} : Stride{1, 1, nested_calls});
  print("short");
  EXPECT_GT(nested_cuts_, 100U);
}

}  // namespace
}  // namespace weir::test
