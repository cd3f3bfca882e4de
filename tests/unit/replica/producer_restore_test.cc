// What is known of producers after every kind of stop: exactly what the whole log would tell, all five batches of each.
#include "replica/producer_restore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "record/control_batch.h"
#include "storage/segment_names.h"
#include "storage/transaction_index.h"
#include "support/batch_factory.h"
#include "support/fault_fs.h"
#include "support/manual_clock.h"
#include "support/memory_fs.h"

namespace weir::replica {
namespace {

using storage::Log;
using storage::LogOpenOptions;
using storage::Path;
using test::MemoryFs;

const Path kDirectory = "/data/topic-0";
constexpr ProducerId kTransactional{77};

class ProducerRestores : public testing::Test {
 protected:
  ProducerRestores() : disk_(std::make_unique<MemoryFs>()) {
    EXPECT_TRUE(disk_->create_directory("/data").has_value());
    settings_.segment_bytes = 1500;
    open(*disk_, false);
  }

  void open(storage::FileSystem& fs, bool clean) {
    log_.reset();
    LogOpenOptions options;
    options.clean = clean;
    options.log_start = log_start_;
    auto log = Log::open(fs, clock_, random_, kDirectory, settings_, options);
    ASSERT_TRUE(log.has_value()) << to_string(log.error());
    log_ = *std::move(log);
  }
  RestoredProducers restore(storage::FileSystem& fs, bool clean) {
    open(fs, clean);
    auto restored = restore_producers(fs, *log_, clean);
    EXPECT_TRUE(restored.has_value()) << to_string(restored.error());
    return *std::move(restored);
  }

  // As a partition does it, a snapshot at each roll included.
  void append(Bytes batch) {
    record::stamp_batch(batch, log_->log_end(), LeaderEpoch{0});
    const auto header = record::BatchHeader::read(batch.data());
    const auto base = log_->active_base();
    ASSERT_TRUE(log_->append(batch, header).has_value());
    if (log_->active_base() != base) {
      const auto content = storage::format_producers(states_.memories());
      ASSERT_TRUE(storage::write_producers(*disk_, kDirectory, log_->active_base(), content).has_value());
      newest_ = log_->active_base();
    }
    if (!header.is_control()) states_.remember(header, header.max_timestamp);
  }
  void append_from(std::int64_t id, std::int32_t sequence, bool transactional = false) {
    test::BatchSpec spec;
    spec.count = 2;
    spec.value_bytes = 60;
    spec.base_timestamp_ms = 1'700'000'000'000 + sequence;
    spec.options.producer_id = ProducerId{id};
    spec.options.producer_epoch = ProducerEpoch{1};
    spec.options.base_sequence = sequence;
    spec.options.transactional = transactional;
    append(test::make_batch(spec));
  }
  void append_marker(record::ControlType type) {
    record::BatchOptions options;
    options.producer_id = kTransactional;
    options.producer_epoch = ProducerEpoch{1};
    auto marker = record::build_transaction_marker(options, type, 5, 1'700'000'000'500);
    ASSERT_TRUE(marker.has_value());
    auto header = record::BatchHeader::read(marker->data());
    append(*std::move(marker));
    header.base_offset = log_->log_end() - 1;
    ended_ = states_.end_transaction(header, {.is_abort = type == record::ControlType::kAbort, .coordinator_epoch = 5});
  }
  // Three producers in some thirty batches and several segments.
  void fill() {
    for (std::int32_t i = 0; i < 12; ++i) {
      append_from(1, 2 * i);
      append_from(2, 2 * i);
      if (i % 4 == 0) append_from(kTransactional.value(), i / 2, true);
    }
    ASSERT_GT(log_->view()->segments().size(), 2U);
  }
  void stop() {
    ASSERT_TRUE(log_->close().has_value());
    ASSERT_TRUE(leave_snapshot(*disk_, *log_, states_, newest_).has_value());
  }
  std::vector<std::string> files_with(std::string_view part) {
    std::vector<std::string> found;
    const auto entries = disk_->list(kDirectory);
    for (const auto& entry : *entries) {
      if (entry.name.find(part) != std::string::npos) found.push_back(entry.name);
    }
    std::ranges::sort(found);
    return found;
  }

  std::unique_ptr<MemoryFs> disk_;
  storage::LogSettings settings_;
  Offset log_start_{0};
  ManualClock clock_;
  SeededRandom random_{3};
  std::unique_ptr<Log> log_;
  ProducerStates states_;
  std::optional<Offset> newest_;
  std::optional<EndedTransaction> ended_;
};

TEST_F(ProducerRestores, ACleanStartReadsOneSnapshotAndWritesNothing) {
  fill();
  stop();
  const auto at_end = storage::segment_file_name(log_->log_end(), storage::kProducerSnapshotSuffix);
  EXPECT_EQ(files_with(".snapshot").back(), at_end);
  for (const auto* call : {"pwritev", "unlink", "rename", "datasync", "sync_directory"}) {
    test::FaultFs faults(*disk_);
    faults.fail_next(call, EIO);
    const auto restored = restore(faults, true);
    EXPECT_FALSE(faults.fired()) << faults.failed_call();
    EXPECT_EQ(restored.states.memories(), states_.memories());
    EXPECT_EQ(restored.newest_snapshot, log_->log_end());
  }
  EXPECT_EQ(states_.batches(ProducerId{1}).size(), ProducerStates::kBatchWindow);
}

TEST_F(ProducerRestores, AKilledLogTellsTheSameAndItsLastSegmentIsEnough) {
  fill();
  const auto restored = restore(*disk_, false);
  EXPECT_EQ(restored.states.memories(), states_.memories());
  EXPECT_EQ(restored.newest_snapshot, newest_);
  // Without any snapshot it takes the whole log, and leaves one so that the next start does not.
  for (const auto& name : files_with(".snapshot")) ASSERT_TRUE(disk_->unlink(kDirectory / name).has_value());
  for (const auto& name : files_with("weir.")) ASSERT_TRUE(disk_->unlink(kDirectory / name).has_value());
  const auto again = restore(*disk_, false);
  EXPECT_EQ(again.states.memories(), states_.memories());
  EXPECT_EQ(again.newest_snapshot, log_->log_end());
  EXPECT_EQ(restore(*disk_, false).states.memories(), states_.memories());
}

// The start was durable, and a kill came before its segments went: they are no longer read, but their batches were
// taken.
TEST_F(ProducerRestores, BatchesBelowTheLogStartCountBehindASnapshot) {
  fill();
  log_start_ = log_->log_end();
  EXPECT_EQ(restore(*disk_, false).states.memories(), states_.memories());
  // An older snapshot, too, until the segments are gone.
  ASSERT_TRUE(storage::remove_producers(*disk_, kDirectory, *newest_).has_value());
  EXPECT_EQ(restore(*disk_, false).states.memories(), states_.memories());
}

TEST_F(ProducerRestores, ACleanLogWithoutAnySnapshotHasNoProducers) {
  fill();
  ASSERT_TRUE(log_->close().has_value());
  for (const auto& name : files_with(".snapshot")) ASSERT_TRUE(disk_->unlink(kDirectory / name).has_value());
  EXPECT_EQ(restore(*disk_, true).states.producer_count(), 0U);
}

// Cut off at, and garbled in, every byte of the newest snapshot and of what lies beside it.
TEST_F(ProducerRestores, ADamagedSnapshotCostsNoBatch) {
  fill();
  stop();
  const auto end = log_->log_end();
  for (const auto& path : {kDirectory / storage::segment_file_name(end, storage::kProducerSnapshotSuffix),
                           kDirectory / storage::producer_windows_name(end)}) {
    const auto whole = storage::read_whole_file(*disk_, path, kMiB);
    ASSERT_TRUE(whole.has_value()) << path;
    for (std::size_t at = 0; at < whole->size(); ++at) {
      for (const bool cut : {true, false}) {
        for (const bool clean : {true, false}) {
          const auto copy = disk_->after_power_cut(test::PowerCut::kKeep, 0);
          auto file = copy->open(path, storage::OpenMode::kReadWrite);
          const std::uint8_t garbled[] = {static_cast<std::uint8_t>((*whole)[at] ^ 0x41)};
          const ByteView view = garbled;
          ASSERT_TRUE((cut ? (*file)->truncate(at) : (*file)->pwritev({&view, 1}, at)).has_value());
          ASSERT_EQ(restore(*copy, clean).states.memories(), states_.memories())
              << path << (cut ? " cut at " : " garbled at ") << at << ", clean " << clean;
          ASSERT_EQ(restore(*copy, clean).states.memories(), states_.memories());
        }
      }
    }
  }
}

TEST_F(ProducerRestores, SnapshotsThatNobodyNeedsGo) {
  fill();
  stop();
  const auto kept = files_with(".snapshot");
  const auto content = storage::format_producers({});
  const auto end = log_->log_end();
  for (const auto stray : {Offset{1}, Offset{3}, end - 1, end + 5}) {
    ASSERT_TRUE(storage::write_producers(*disk_, kDirectory, stray, content).has_value());
  }
  auto orphan = disk_->open(kDirectory / storage::producer_windows_name(Offset{2}), storage::OpenMode::kCreateNew);
  ASSERT_TRUE(orphan.has_value());
  EXPECT_EQ(restore(*disk_, false).states.memories(), states_.memories());
  EXPECT_EQ(files_with(".snapshot"), kept);
  EXPECT_TRUE(files_with(storage::producer_windows_name(Offset{2})).empty());
}

TEST_F(ProducerRestores, AStopSupersedesTheSnapshotOfTheStopBefore) {
  append_from(1, 0);
  stop();
  ASSERT_EQ(files_with(".snapshot"), (std::vector<std::string>{"00000000000000000002.snapshot"}));
  newest_ = restore(*disk_, true).newest_snapshot;
  append_from(1, 2);
  stop();
  EXPECT_EQ(files_with(".snapshot"), (std::vector<std::string>{"00000000000000000004.snapshot"}));
}

TEST_F(ProducerRestores, ALogWithoutProducersLeavesNoSnapshot) {
  append(test::make_batch({"nobody's"}));
  stop();
  EXPECT_TRUE(files_with(".snapshot").empty());
  EXPECT_EQ(restore(*disk_, true).states.producer_count(), 0U);
}

TEST_F(ProducerRestores, OpenTransactionsSurviveAndMarkersEndThem) {
  append_from(1, 0);
  append_from(kTransactional.value(), 0, true);
  append_from(kTransactional.value(), 2, true);
  stop();
  auto restored = restore(*disk_, true);
  EXPECT_EQ(restored.states.first_open_offset(), Offset{2});
  restored.states.expire(INT64_MAX);
  EXPECT_EQ(restored.states.producer_count(), 1U) << "who has a transaction open is not forgotten";
  append_marker(record::ControlType::kAbort);
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->first_offset, Offset{2});
  EXPECT_EQ(ended_->last_offset, Offset{6});
  EXPECT_EQ(ended_->last_stable_offset, Offset{7});
  EXPECT_TRUE(ended_->is_aborted);
  restored = restore(*disk_, false);
  EXPECT_EQ(restored.states.memories(), states_.memories());
  EXPECT_EQ(restored.states.first_open_offset(), std::nullopt);
}

// The index of aborted transactions is what the markers say, however it was before.
TEST_F(ProducerRestores, AbortedTransactionsAreIndexedAnew) {
  append_from(kTransactional.value(), 0, true);
  append_marker(record::ControlType::kAbort);
  append_from(kTransactional.value(), 2, true);
  append_marker(record::ControlType::kCommit);
  append_from(kTransactional.value(), 4, true);
  append_marker(record::ControlType::kAbort);
  static_cast<void>(restore(*disk_, false));
  const auto path = kDirectory / storage::segment_file_name(Offset{0}, storage::kTransactionIndexSuffix);
  const auto whole = storage::read_whole_file(*disk_, path, kMiB);
  ASSERT_TRUE(whole.has_value());
  const std::vector<storage::AbortedTransaction> expected{{kTransactional, Offset{0}, Offset{2}, Offset{3}},
                                                          {kTransactional, Offset{6}, Offset{8}, Offset{9}}};
  EXPECT_EQ(*whole, storage::format_transaction_index(expected));
  stop();
  for (std::size_t size = 0; size < whole->size(); ++size) {
    for (const bool clean : {true, false}) {
      // A whole entry that is missing at the end looks like a transaction that was committed; so it does to Kafka.
      if (size % storage::AbortedTransaction::kBytes == 0) continue;
      const auto copy = disk_->after_power_cut(test::PowerCut::kKeep, 0);
      auto file = copy->open(path, storage::OpenMode::kReadWrite);
      ASSERT_TRUE((*file)->truncate(size).has_value());
      EXPECT_EQ(restore(*copy, clean).states.memories(), states_.memories());
      const auto anew = storage::read_whole_file(*copy, path, kMiB);
      ASSERT_TRUE(anew.has_value());
      EXPECT_EQ(*anew, *whole) << size << ", clean " << clean;
    }
  }
}

}  // namespace
}  // namespace weir::replica
