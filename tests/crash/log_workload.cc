#include "log_workload.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "storage/removal.h"
#include "support/batch_factory.h"

namespace weir::test {

using storage::FileSystem;
using storage::Log;
using storage::LogDirectory;
using storage::LogOpenOptions;
using storage::LogSettings;
using storage::OffsetCheckpoint;
using storage::ReadMode;

namespace {

const TopicPartition kLong{"long", PartitionIndex{0}};
const TopicPartition kDoomed{"doomed", PartitionIndex{1}};
const TopicPartition kLate{"late", PartitionIndex{2}};
const Uuid kTopicId = *Uuid::parse("AAECAwQFBgcICQoLDA0ODw");

constexpr int kRoundsCount = 44;
constexpr std::uint64_t kReadBytesMax = 3000;

// An error that a running owner lives with.
Result<void> unless_full(Result<void> result) {
  if (!result && result.error().code == Errc::kNoSpace) return {};
  return result;
}

Bytes bytes_of(const ByteChain& chain) {
  Bytes bytes;
  for (const auto& piece : chain.pieces()) {
    const auto view = std::get<SharedSlice>(piece).view;
    bytes.insert(bytes.end(), view.begin(), view.end());
  }
  return bytes;
}

}  // namespace

LogSettings workload_settings() {
  LogSettings settings;
  settings.segment_bytes = 16'000;  // some fifty batches: enough that entries are written before a roll
  settings.index_interval_bytes = 0;
  return settings;
}

void LogWorkload::drop() {
  partitions_.clear();
  directory_.reset();
}

Result<void> LogWorkload::open_partition(const TopicPartition& of) {
  WEIR_TRY_ASSIGN(log, Log::open(fs_, clock_, random_, directory_->partition_path(of), workload_settings(), {}));
  // It comes before the first data; without room for it the creation is tried again.
  if (!directory_->write_partition_metadata(of, kTopicId)) {
    WEIR_TRY(directory_->write_partition_metadata(of, kTopicId));
  }
  partitions_[of] = {std::move(log), &history_.logs[of]};
  return {};
}

Result<void> LogWorkload::append(Partition& to) {
  ++batch_number_;
  BatchSpec spec;
  spec.count = static_cast<std::int32_t>(1 + batch_number_ % 3);
  // From a small part of a sector to several, and every batch another.
  spec.value_bytes = batch_number_ % 7 == 0 ? 700 : 20 + 13 * (batch_number_ % 17);
  spec.base_timestamp_ms = static_cast<std::int64_t>(1'700'000'000'000 + 10 * batch_number_);
  auto batch = make_batch(spec);
  record::stamp_batch(batch, to.log->log_end(), LeaderEpoch{0});
  const auto header = record::BatchHeader::read(batch.data());
  to.history->attempts[header.base_offset].push_back(batch);
  WEIR_TRY(to.log->append(batch, header));
  to.history->accepted[header.base_offset] = std::move(batch);
  return {};
}

Result<void> LogWorkload::flush(Partition& of, bool retried) {
  if (!of.log->needs_flush()) return {};
  const auto job = of.log->begin_flush();
  if (auto passed = pass(of); !passed) return passed;
  const auto outcome = storage::run_flush(job);
  // Often something arrives while the flush runs: it must not count as flushed.
  Result<void> appended;
  for (std::uint64_t i = 0; appended && i < batch_number_ % 4; ++i) appended = unless_full(append(of));
  const auto completed = of.log->complete_flush(job, outcome);
  // An owner that does not take no for an answer: after a failed flush the log itself has to refuse.
  if (!completed && of.log->needs_flush() && !retried) return flush(of, true);
  of.history->acked = std::max(of.history->acked, of.log->flushed_end());
  WEIR_TRY(completed);
  return appended;
}

// While a job is out that has become late: appends, and flushes all of it beside the job.
Result<void> LogWorkload::pass(Partition& of) {
  clock_.advance(Millis{10'000});
  WEIR_TRY(unless_full(append(of)));
  if (!of.log->needs_flush()) return {};
  const auto job = of.log->begin_flush();
  ++history_.jobs_passed;
  WEIR_TRY(of.log->complete_flush(job, storage::run_flush(job)));
  of.history->acked = std::max(of.history->acked, of.log->flushed_end());
  return {};
}

// A consumer that reads what was flushed, the last bit of it.
Result<void> LogWorkload::read_flushed(Partition& from) {
  const auto limit = from.log->flushed_end();
  const auto view = from.log->view();
  auto next = std::max(limit - 10, Offset{0});
  while (next < limit) {
    WEIR_TRY_ASSIGN(read, view->read(next, limit, kReadBytesMax, true, ReadMode::kMayBlock));
    if (read.bytes.empty()) return fail(Errc::kCorrupt, "a consumer read nothing below the flushed end");
    const auto bytes = bytes_of(read.bytes);
    for (ByteView left = bytes; !left.empty();) {
      const auto header = record::BatchHeader::read(left.data());
      const auto& batch = from.history->accepted.at(header.base_offset);
      if (!std::ranges::equal(batch, left.first(batch.size()))) return fail(Errc::kCorrupt, "a consumer read noise");
      left = left.subspan(batch.size());
      ++history_.batches_read;
    }
    next = read.next;
  }
  return {};
}

Result<void> LogWorkload::checkpoint() {
  storage::LogOffsets offsets;
  for (const auto& [of, partition] : partitions_) {
    offsets.recovery_points[of] = partition.log->recovery_point();
    offsets.log_starts[of] = partition.log->log_start();
    offsets.high_watermarks[of] = partition.log->flushed_end();
  }
  return unless_full(directory_->write_checkpoints(offsets));
}

Result<void> LogWorkload::delete_partition(const TopicPartition& of) {
  auto& partition = partitions_.at(of);
  partition.history->deletion_asked = true;
  auto* history = partition.history;
  partitions_.erase(of);
  if (auto marked = directory_->mark_deleted(of); !marked) {
    if (marked.error().code != Errc::kNoSpace) return std::unexpected(std::move(marked).error());
    may_stop_cleanly_ = false;  // a log that was not closed stays behind
    return {};
  }
  history->deleted = true;
  auto deleted = directory_->list_deleted();
  if (!deleted) return unless_full(std::unexpected(std::move(deleted).error()));
  const std::atomic<bool> never = false;
  for (const auto& path : *deleted) WEIR_TRY(unless_full(storage::remove_tree_in_steps(fs_, path, never)));
  return {};
}

Result<void> LogWorkload::run_rounds() {
  for (int round = 0; round < kRoundsCount; ++round) {
    if (round == 15) WEIR_TRY(delete_partition(kDoomed));
    if (round == 30) WEIR_TRY(open_partition(kLate));
    for (auto& [of, partition] : partitions_) {
      const int batches = of == kLong ? 1 + round % 4 : round % 2;
      for (int i = 0; i < batches; ++i) WEIR_TRY(unless_full(append(partition)));
      WEIR_TRY(flush(partition));
      WEIR_TRY(read_flushed(partition));
    }
    if (round % 8 == 7) WEIR_TRY(checkpoint());
  }
  return {};
}

Result<void> LogWorkload::stop() {
  history_.stop_began = true;
  for (auto& [of, partition] : partitions_) {
    WEIR_TRY(partition.log->close());
    partition.history->acked = partition.log->flushed_end();
  }
  WEIR_TRY(checkpoint());
  partitions_.clear();
  if (!may_stop_cleanly_) return {};
  WEIR_TRY(directory_->write_clean_marker(1));
  history_.stopped_cleanly = true;
  directory_.reset();
  return {};
}

Result<void> LogWorkload::run() {
  WEIR_TRY_ASSIGN(directory, LogDirectory::open(fs_, kDataPath / "logs"));
  WEIR_TRY(directory->begin_changes());
  directory_ = std::move(directory);
  WEIR_TRY(directory_->read_identity());
  WEIR_TRY(directory_->write_identity({"cluster", NodeId{1}, kTopicId}));
  history_.identity_written = true;
  WEIR_TRY(open_partition(kLong));
  WEIR_TRY(open_partition(kDoomed));
  WEIR_TRY(run_rounds());
  return stop();
}

namespace {

// Judges one restarted log. Empty: all is well. An error: the file system gave one.
Result<std::string> compare(Log& log, const LogHistory& history) {
  if (!log.recovery().damaged.empty()) return std::string("reports damage where there was a power cut only");
  if (log.log_end() < history.acked) {
    return fmt::format("ends at {}, but {} was acked", log.log_end().value(), history.acked.value());
  }
  auto next = log.log_start();
  const auto view = log.view();
  while (next < log.log_end()) {
    const auto read = view->read(next, log.log_end(), kReadBytesMax, true, ReadMode::kMayBlock);
    if (!read && read.error().code == Errc::kIo) return std::unexpected(read.error());
    if (!read) return fmt::format("can't be read at {}: {}", next.value(), to_string(read.error()));
    const auto bytes = bytes_of(read->bytes);
    if (bytes.empty()) return fmt::format("has nothing at {}", next.value());
    for (ByteView left = bytes; !left.empty();) {
      const auto header = record::check_batch(left);
      if (!header) return fmt::format("holds a bad batch at {}", next.value());
      if (header->base_offset != next) return fmt::format("has a hole at {}", next.value());
      const auto attempts = history.attempts.find(next);
      const auto batch = left.first(header->size_bytes());
      const auto is_batch = [&](const Bytes& attempt) { return std::ranges::equal(attempt, batch); };
      if (attempts == history.attempts.end() || std::ranges::none_of(attempts->second, is_batch)) {
        return fmt::format("holds at {} what nobody wrote", next.value());
      }
      if (next < history.acked && !is_batch(history.accepted.at(next))) {
        return fmt::format("holds at {} another batch than the acked one", next.value());
      }
      next = header->next_offset();
      left = left.subspan(batch.size());
    }
  }
  return std::string();
}

class Restart {
 public:
  Restart(FileSystem& fs, const History& history) : fs_(fs), history_(history) {}

  // The problem, or an error of the file system.
  Result<std::string> run() {
    WEIR_TRY_ASSIGN(directory, LogDirectory::open(fs_, kDataPath / "logs"));
    if (directory->was_clean() && !history_.stop_began) return std::string("a stop that never was is called clean");
    if (!directory->was_clean() && history_.stopped_cleanly) return std::string("a clean stop was forgotten");
    WEIR_TRY(directory->begin_changes());
    WEIR_TRY_ASSIGN(identity, directory->read_identity());
    if (history_.identity_written && !identity) return std::string("the identity is gone");
    WEIR_TRY_ASSIGN(checkpoints, directory->read_checkpoints());
    WEIR_TRY_ASSIGN(listed, directory->list_partitions());
    for (const auto& [of, log_history] : history_.logs) {
      const bool is_there = std::ranges::find(listed, of) != listed.end();
      if (is_there && log_history.deleted) return of.topic + " is back though it was deleted";
      if (!is_there && log_history.acked > Offset{0} && !log_history.deletion_asked) return of.topic + " is gone";
      if (!is_there) continue;
      if (log_history.acked > Offset{0}) {
        WEIR_TRY_ASSIGN(topic_id, directory->read_partition_metadata(of));
        if (!topic_id) return of.topic + " has data but no partition.metadata";
      }
      LogOpenOptions options;
      options.clean = directory->was_clean();
      options.recovery_point = checkpoints.offsets.recovery_points[of];
      options.log_start = checkpoints.offsets.log_starts[of];
      WEIR_TRY_ASSIGN(log,
                      Log::open(fs_, clock_, random_, directory->partition_path(of), workload_settings(), options));
      WEIR_TRY_ASSIGN(problem, compare(*log, log_history));
      if (!problem.empty()) return of.topic + " " + problem;
      logs_[of] = std::move(log);
    }
    return std::string();
  }

  // Goes on where the logs ended; returns the history that this makes.
  Result<History> go_on() {
    auto history = history_;
    history.stop_began = history.stopped_cleanly = false;
    for (auto& [of, log] : logs_) {
      auto& log_history = history.logs[of];
      // What was recovered is durable and readable from now on.
      log_history.acked = log->log_end();
      std::erase_if(log_history.attempts, [&](const auto& entry) { return entry.first >= log->log_end(); });
      WEIR_TRY(readopt(*log, log_history));
      for (int i = 0; i < 2; ++i) {
        auto batch = make_stored_batch(log->log_end(), {"after", "the", "restart"});
        const auto header = record::BatchHeader::read(batch.data());
        log_history.attempts[header.base_offset].push_back(batch);
        log_history.accepted[header.base_offset] = batch;
        WEIR_TRY(log->append(batch, header));
      }
      const auto job = log->begin_flush();
      WEIR_TRY(log->complete_flush(job, storage::run_flush(job)));
      log_history.acked = log->log_end();
    }
    return history;
  }

 private:
  // Takes the batches that the log holds now as the accepted ones.
  static Result<void> readopt(Log& log, LogHistory& history) {
    const auto view = log.view();
    for (auto next = log.log_start(); next < log.log_end();) {
      WEIR_TRY_ASSIGN(read, view->read(next, log.log_end(), kReadBytesMax, true, ReadMode::kMayBlock));
      const auto bytes = bytes_of(read.bytes);
      for (ByteView left = bytes; !left.empty();) {
        const auto header = record::BatchHeader::read(left.data());
        const auto batch = left.first(header.size_bytes());
        history.accepted[header.base_offset] = Bytes(batch.begin(), batch.end());
        left = left.subspan(batch.size());
      }
      next = read.next;
    }
    return {};
  }

  FileSystem& fs_;
  const History& history_;
  ManualClock clock_;
  SeededRandom random_{12};
  std::map<TopicPartition, std::unique_ptr<Log>> logs_;
};

}  // namespace

std::string verify_restart(FileSystem& fs, const History& history, History* went_on, bool* failed) {
  Restart restart(fs, history);
  const auto problem = restart.run();
  if (!problem || !problem->empty()) {
    if (problem) return *problem;
    if (failed != nullptr) *failed = true;
    return "the restart failed: " + to_string(problem.error());
  }
  if (went_on == nullptr) return {};
  auto after = restart.go_on();
  if (!after) {
    if (failed != nullptr) *failed = true;
    return "going on failed: " + to_string(after.error());
  }
  *went_on = *std::move(after);
  return {};
}

}  // namespace weir::test
