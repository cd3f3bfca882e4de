// The list of leader epochs: Kafka's text, what follows it in a running log, and what a start makes of a bad one.
#include "storage/leader_epochs.h"

#include <array>
#include <random>

#include "storage/log.h"
#include "storage/text_formats.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"
#include "support/seed.h"

namespace weir::storage {
namespace {

using Starts = std::vector<EpochStart>;

const Path kDirectory = "/data/topic-0";

TEST(LeaderEpochLists, AreKafkasText) {
  LeaderEpochs epochs;
  EXPECT_TRUE(epochs.note(LeaderEpoch{0}, Offset{0}));
  EXPECT_FALSE(epochs.note(LeaderEpoch{0}, Offset{5}));
  EXPECT_TRUE(epochs.note(LeaderEpoch{3}, Offset{12}));
  EXPECT_FALSE(epochs.note(LeaderEpoch{2}, Offset{13}));
  EXPECT_FALSE(epochs.note(kNoLeaderEpoch, Offset{13}));
  const auto text = format_leader_epochs(epochs);
  EXPECT_EQ(text, "0\n2\n0 0\n3 12\n");
  EXPECT_EQ(value_of(parse_leader_epochs(text, "file")).starts(), epochs.starts());
  EXPECT_TRUE(value_of(parse_leader_epochs("", "file")).starts().empty());
  for (const auto* bad : {"1\n0\n", "0\n", "0\n1\n", "0\n1\n0 0 0\n", "0\n1\n-1 0\n", "0\n1\n0 -1\n", "0\n1\n0 x\n",
                          "0\n2\n1 0\n1 5\n", "0\n2\n1 5\n2 5\n", "0\n0\n1 0\n"}) {
    const auto parsed = parse_leader_epochs(bad, "file");
    EXPECT_EQ(code_of(parsed), Errc::kCorrupt) << bad;
    EXPECT_TRUE(parsed.error().context.starts_with("file:")) << parsed.error().context;
  }
}

TEST(LeaderEpochLists, AreCutToTheLog) {
  const LeaderEpochs whole(
      Starts{{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{2}, Offset{10}}, {LeaderEpoch{5}, Offset{20}}});
  EXPECT_EQ(whole.at(Offset{9}), LeaderEpoch{1});
  EXPECT_EQ(whole.at(Offset{10}), LeaderEpoch{2});
  EXPECT_EQ(whole.at(Offset{99}), LeaderEpoch{5});
  auto cut = whole;
  cut.cut(Offset{15}, Offset{20});
  EXPECT_EQ(cut.starts(), (Starts{{LeaderEpoch{2}, Offset{15}}}));
  EXPECT_EQ(cut.at(Offset{14}), std::nullopt);
  cut = whole;
  cut.cut(Offset{20}, Offset{21});
  EXPECT_EQ(cut.starts(), (Starts{{LeaderEpoch{5}, Offset{20}}}));
}

class LogEpochs : public testing::Test {
 protected:
  LogEpochs() {
    EXPECT_OK(disk_.create_directory("/data"));
    EXPECT_OK(disk_.sync_directory("/"));
    settings_.segment_bytes = 2000;
    settings_.index_interval_bytes = 200;
  }
  Result<void> append(Log& log, std::int32_t epoch) {
    auto batch = test::make_stored_batch(log.log_end(), {"some", "value", "of", "some", "length"}, LeaderEpoch{epoch});
    const auto header = record::BatchHeader::read(batch.data());
    return log.append(batch, header);
  }
  Result<std::unique_ptr<Log>> open(FileSystem& fs, bool clean, Offset recovery_point) {
    LogOpenOptions options;
    options.clean = clean;
    options.recovery_point = recovery_point;
    return Log::open(fs, clock_, random_, kDirectory, settings_, options);
  }
  // Ten batches in each of the epochs 2, 3 and 7, closed.
  Starts make_log() {
    auto log = value_of(open(disk_, false, Offset{0}));
    for (const auto epoch : {2, 3, 7}) {
      for (int i = 0; i < 10; ++i) EXPECT_OK(append(*log, epoch));
    }
    EXPECT_OK(log->close());
    end_ = log->log_end();
    return log->epochs().starts();
  }
  std::string text(FileSystem& fs) {
    return std::string(as_text(value_of(read_whole_file(fs, kDirectory / kLeaderEpochFile, kMiB))));
  }

  test::MemoryFs disk_;
  LogSettings settings_;
  ManualClock clock_;
  SeededRandom random_{1};
  Offset end_;
};

TEST_F(LogEpochs, AreOnDiskWithTheFlushOfTheFirstBatch) {
  auto log = value_of(open(disk_, false, Offset{0}));
  ASSERT_OK(append(*log, 4));
  const auto job = log->begin_flush();
  ASSERT_EQ(job.files.size(), 1U);
  ASSERT_OK(log->complete_flush(job, run_flush(job)));
  const auto image = disk_.after_power_cut(test::PowerCut::kDrop, 0);
  EXPECT_EQ(text(*image), "0\n1\n4 0\n");
  ASSERT_OK(append(*log, 4));
  EXPECT_TRUE(log->begin_flush().files.empty());
}

TEST_F(LogEpochs, WaitForRoomWithoutHoldingUpTheFlush) {
  test::FaultFs faults(disk_);
  auto log = value_of(open(faults, false, Offset{0}));
  ASSERT_OK(append(*log, 4));
  faults.fail_next("open", ENOSPC);
  auto job = log->begin_flush();
  ASSERT_OK(log->complete_flush(job, run_flush(job)));
  ASSERT_TRUE(faults.fired());
  EXPECT_EQ(log->flushed_end(), log->log_end());
  ASSERT_OK(append(*log, 4));
  job = log->begin_flush();
  ASSERT_OK(log->complete_flush(job, run_flush(job)));
  EXPECT_EQ(text(disk_), "0\n1\n4 0\n");
}

TEST_F(LogEpochs, SurviveEveryKindOfStart) {
  const auto starts = make_log();
  ASSERT_EQ(starts, (Starts{{LeaderEpoch{2}, Offset{0}}, {LeaderEpoch{3}, Offset{50}}, {LeaderEpoch{7}, Offset{100}}}));
  for (const bool clean : {true, false}) {
    for (const auto recovery_point : {Offset{0}, Offset{60}, end_}) {
      EXPECT_EQ(value_of(open(disk_, clean, recovery_point))->epochs().starts(), starts);
    }
  }
}

// Cut off at, and garbled in, every byte: the list is what the log says, or fits it.
TEST_F(LogEpochs, ABadFileIsGatheredAgain) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  const auto starts = make_log();
  const auto whole = text(disk_);
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    for (const bool cut : {true, false}) {
      for (const bool clean : {true, false}) {
        const auto copy = disk_.after_power_cut(test::PowerCut::kKeep, 0);
        auto garbled = whole;
        if (cut) garbled.resize(at);
        if (!cut && at < whole.size()) garbled[at] = static_cast<char>(garbled[at] ^ (1 + random() % 127));
        auto file = value_of(copy->open(kDirectory / kLeaderEpochFile, OpenMode::kReadWrite));
        ASSERT_OK(file->truncate(0));
        const auto bytes = as_bytes(garbled);
        ASSERT_OK(file->pwritev({&bytes, 1}, 0));
        auto log = value_of(open(*copy, clean, end_));
        EXPECT_EQ(log->log_end(), end_);
        // Whatever the list said, every batch is served.
        std::size_t served = 0;
        ASSERT_OK(log->view()->visit_headers(Offset{0}, end_, [&](const record::BatchHeader&) -> Result<void> {
          ++served;
          return {};
        }));
        EXPECT_EQ(served, 30U) << (cut ? "cut at " : "garbled at ") << at << ": " << garbled;
        EXPECT_EQ(log->epochs().newest(), LeaderEpoch{7});
      }
    }
  }
  ASSERT_OK(disk_.unlink(kDirectory / kLeaderEpochFile));
  EXPECT_EQ(value_of(open(disk_, true, end_))->epochs().starts(), starts);
  EXPECT_EQ(text(disk_), whole);
}

}  // namespace
}  // namespace weir::storage
