// One partition that this broker leads: its log, its producers, and the high watermark up to which consumers read.
// Owned by one shard, where every append happens; the "any thread" part is what fetches on other shards use.
//
// Always: log_start <= high_watermark <= log_end. The high watermark is the minimum over the in-sync replicas; our own
// term is flushed_end, or log_end where durability is left to the page cache (design decision 5). With one replica
// that term is the minimum.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/watch_list.h"
#include "model/error_code.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "record/batch_validator.h"
#include "replica/log_dir.h"
#include "replica/producer_restore.h"
#include "replica/producer_state.h"
#include "storage/log.h"

namespace weir::replica {

// What a partition obeys, resolved from the broker's and the topic's settings.
struct PartitionRules {
  record::BatchRules batch;
  storage::LogSettings log;
  storage::RetentionRules retention;
  std::int64_t file_delete_delay_ms = 60000;
  std::int32_t min_insync_replicas = 1;
  bool ack_needs_flush = true;                  // weir.durability=fsync, or the topic's flush.messages=1
  std::int64_t flush_messages_max = INT64_MAX;  // without ack_needs_flush: flush once this many records are not durable
};

enum class Acks : std::int16_t { kAll = -1, kNone = 0, kLeader = 1 };

struct AppendOutcome {
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> message;
  std::vector<record::RecordFault> record_faults;
  Offset base_offset = kNoOffset;
  Offset end{0};  // after the batch: durable when the high watermark reaches it
  std::int64_t log_append_time_ms = kNoTimestamp;
  Offset log_start = kNoOffset;
};

class Partition final : public Flushable, public std::enable_shared_from_this<Partition> {
 public:
  struct Identity {
    TopicPartition name;
    Uuid topic_id;
  };

  // `log` is recovered and durable up to its end; `producers` are what it tells.
  Partition(Shard& owner, const Clock& clock, LogDir& log_dir, Identity identity, LeaderEpoch leader_epoch,
            PartitionRules rules, std::unique_ptr<storage::Log> log, RestoredProducers producers);

  // -- any thread --
  [[nodiscard]] Shard& owner() const { return owner_; }
  [[nodiscard]] const TopicPartition& name() const { return identity_.name; }
  [[nodiscard]] const Uuid& topic_id() const { return identity_.topic_id; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] LogDir& log_dir() const { return log_dir_; }
  [[nodiscard]] Offset high_watermark() const { return Offset(high_watermark_.load(std::memory_order_acquire)); }
  [[nodiscard]] Offset log_end() const { return Offset(log_end_.load(std::memory_order_acquire)); }
  [[nodiscard]] std::shared_ptr<const storage::LogView> view() const { return log_->view(); }
  // Rung when the high watermark moves, and when the partition closes.
  [[nodiscard]] WatchList& watches() { return watches_; }
  [[nodiscard]] bool is_closed() const { return closed_.load(std::memory_order_acquire); }

  // -- owner --
  // Checks one batch (it passed record::check_produce_shape), appends it and starts the flush that makes it durable.
  // `batch` is patched in place. Errors are answers, in Kafka's order of checks (kafka-protocol 4.1, 7 to 12).
  AppendOutcome append(MutableByteView batch, Acks acks);

  // Waits until the high watermark reaches `end`. REQUEST_TIMED_OUT: `deadline` passed, the data stays.
  // KAFKA_STORAGE_ERROR: the flush failed. NOT_LEADER_OR_FOLLOWER: the partition closed.
  boost::asio::awaitable<ErrorCode> wait_committed(Offset end, SteadyTime deadline);

  // Asks for a higher log start: `at` at most high_watermark() and what is durable. It holds, and is shown, once
  // start_to_checkpoint() has been made durable and settle_start() called with it.
  void raise_start(Offset at);
  // The same for what the retention rules no longer keep at `now_ms` (wall time).
  void apply_retention(std::int64_t now_ms);
  [[nodiscard]] Offset start_to_checkpoint() const { return std::max(wanted_start_, log_->log_start()); }
  // Whether settle_start() has something to do.
  [[nodiscard]] bool is_start_unsettled() const {
    return wanted_start_ > log_->log_start() || log_->has_segments_below_start();
  }
  // `start` is in a durable checkpoint. What the log no longer holds, for its files to be removed.
  [[nodiscard]] std::vector<std::shared_ptr<storage::Segment>> settle_start(Offset start);
  [[nodiscard]] const PartitionRules& rules() const { return rules_; }

  void set_rules(PartitionRules rules);
  void expire_producers(std::int64_t before_ms) { producers_.expire(before_ms); }
  [[nodiscard]] std::size_t producer_count() const { return producers_.producer_count(); }
  [[nodiscard]] const storage::Log& log() const { return *log_; }

  // Refuses appends from now on and ends every wait. Flushes that run are completed.
  void close();
  // close(), and returns once no flush runs, or after a while where a device hangs.
  boost::asio::awaitable<void> end_service();
  // The same with KAFKA_STORAGE_ERROR: its directory is offline.
  void fail(const Error& why);
  // After close(), with no flush running: a clean stop of the log, which leaves what is known of its producers beside
  // it. `fs` is the log's. Blocks: helpers.
  Result<void> close_log(storage::FileSystem& fs);

  // -- the commit loop --
  [[nodiscard]] bool needs_flush() const override { return !is_closed() && log_->needs_flush(); }
  [[nodiscard]] storage::FlushJob begin_flush() override;
  void complete_flush(const storage::FlushJob& job, const Result<void>& outcome) override;
  // Starts a flush of what is not durable, where the rules left it to later.
  void flush_soon();

 private:
  [[nodiscard]] AppendOutcome refused(record::BatchRefusal refusal) const;
  [[nodiscard]] AppendOutcome failed(ErrorCode error) const;
  [[nodiscard]] std::optional<AppendOutcome> decide_sequence(const record::BatchHeader& header) const;
  // The log has rolled: what is known of the producers below the new segment goes to disk with the next flush.
  void leave_snapshot_at_roll();
  void advance_high_watermark();
  void flush_again();
  // Looks again when the flush that is out is late: nobody else may come by who would pass it.
  void watch_flush();
  void end_waits(ErrorCode error);
  [[nodiscard]] ErrorCode reason_closed() const;

  // Constant.
  Shard& owner_;
  const Clock& clock_;
  LogDir& log_dir_;
  const Identity identity_;
  const LeaderEpoch leader_epoch_;

  // Published to any thread.
  std::atomic<std::int64_t> high_watermark_;
  std::atomic<std::int64_t> log_end_;
  std::atomic<bool> closed_ = false;
  WatchList watches_;

  // The owner's.
  PartitionRules rules_;
  std::unique_ptr<storage::Log> log_;
  ProducerStates producers_;
  std::optional<Offset> newest_snapshot_;  // of them on disk, or on its way there
  Offset wanted_start_{0};
  bool flush_is_watched_ = false;
  std::shared_ptr<OneShot<bool>> flush_ended_;                               // somebody waits for it
  std::multimap<Offset, std::shared_ptr<OneShot<ErrorCode>>> commit_waits_;  // by the end they wait for
};

// Kafka's answer to a storage failure.
[[nodiscard]] ErrorCode to_error_code(const Error& error);

}  // namespace weir::replica
