#include "replica/partition.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/planted_bug.h"
#include "storage/segment_names.h"

namespace weir::replica {
namespace {

// Nobody waits for it where acks don't; it keeps what is dirty from piling up until the kernel writes it all at once.
constexpr std::uint64_t kWriteBehindBytes = 4 * kMiB;

}  // namespace

ErrorCode to_error_code(const Error& error) {
  switch (error.code) {
    case Errc::kOutOfRange: return ErrorCode::kOffsetOutOfRange;
    case Errc::kCorrupt: return ErrorCode::kCorruptMessage;
    case Errc::kTooLarge: return ErrorCode::kMessageTooLarge;
    default: return ErrorCode::kKafkaStorageError;
  }
}

Partition::Partition(Shard& owner, const Clock& clock, LogDir& log_dir, Identity identity, LeaderEpoch leader_epoch,
                     PartitionRules rules, std::unique_ptr<storage::Log> log, RestoredProducers producers)
    : owner_(owner),
      clock_(clock),
      log_dir_(log_dir),
      identity_(std::move(identity)),
      leader_epoch_(leader_epoch),
      high_watermark_(log->flushed_end().value()),
      log_end_(log->log_end().value()),
      rules_(std::move(rules)),
      log_(std::move(log)),
      producers_(std::move(producers.states)),
      newest_snapshot_(producers.newest_snapshot) {}

AppendOutcome Partition::failed(ErrorCode error) const {
  return {.error = error};
}

AppendOutcome Partition::refused(record::BatchRefusal refusal) const {
  AppendOutcome outcome{.error = record::to_error_code(refusal.fault), .log_start = log_->log_start()};
  // Kafka sends a message along with the records it refuses, and none for most other faults.
  if (!refusal.records.empty()) outcome.message = std::move(refusal.message);
  outcome.record_faults = std::move(refusal.records);
  return outcome;
}

AppendOutcome Partition::append(MutableByteView batch, Acks acks) {
  if (is_closed()) return failed(reason_closed());
  constexpr std::int32_t kInSyncReplicas = 1;
  if (acks == Acks::kAll && rules_.min_insync_replicas > kInSyncReplicas) return failed(ErrorCode::kNotEnoughReplicas);

  const auto now_ms = clock_.wall_ms();
  auto valid = record::validate_batch(batch, rules_.batch, now_ms);
  if (!valid) return refused(std::move(valid).error());
  // Before the duplicates: a log that takes no more writes can't make the original durable either.
  if (log_->fence() != nullptr) return failed(ErrorCode::kKafkaStorageError);
  if (auto answer = decide_sequence(valid->header)) return *std::move(answer);

  auto& header = valid->header;
  header.base_offset = log_->log_end();
  header.leader_epoch = leader_epoch_;
  record::stamp_batch(valid->bytes, header.base_offset, header.leader_epoch);
  const auto segment_before = log_->active_base();
  if (const auto written = log_->append(valid->bytes, header); !written) {
    log_warn("{}-{}: append failed: {}", identity_.name.topic, identity_.name.partition, to_string(written.error()));
    const auto error = to_error_code(written.error());
    if (log_->fence() != nullptr) {
      end_waits(ErrorCode::kKafkaStorageError);  // no flush will come for them
      log_dir_.fail(*log_->fence());
    }
    return failed(error);
  }
  if (log_->active_base() != segment_before) leave_snapshot_at_roll();
  producers_.remember(header, now_ms);
  log_end_.store(header.next_offset().value(), std::memory_order_release);
  if (!rules_.ack_needs_flush || is_planted(PlantedBug::kHighWatermarkBeforeSync)) advance_high_watermark();
  const bool is_due = log_->log_end() - log_->flushed_end() >= rules_.flush_messages_max ||
                      log_->unflushed_bytes() >= kWriteBehindBytes;
  if (rules_.ack_needs_flush || is_due) flush_soon();

  const bool broker_time = rules_.batch.timestamp_type == record::TimestampType::kLogAppendTime;
  return {.base_offset = header.base_offset,
          .end = header.next_offset(),
          .log_append_time_ms = broker_time ? valid->max_timestamp_ms : kNoTimestamp,
          .log_start = log_->log_start()};
}

void Partition::leave_snapshot_at_roll() {
  const auto base = log_->active_base();
  auto content = storage::format_producers(producers_.memories());
  if (!content.windows.empty()) log_->replace_file(storage::producer_windows_name(base), std::move(content.windows));
  log_->replace_file(storage::segment_file_name(base, storage::kProducerSnapshotSuffix), std::move(content.snapshot));
  newest_snapshot_ = base;
}

std::optional<AppendOutcome> Partition::decide_sequence(const record::BatchHeader& header) const {
  if (!header.has_producer()) return std::nullopt;
  const auto decision = producers_.decide(header);
  switch (decision.verdict) {
    case SequenceVerdict::kNew: return std::nullopt;
    case SequenceVerdict::kDuplicate:
      // Waits for durability like the original: its first answer may never have been sent.
      return AppendOutcome{.base_offset = decision.duplicate.first_offset(),
                           .end = decision.duplicate.last_offset + 1,
                           .log_append_time_ms = decision.duplicate.timestamp_ms,
                           .log_start = log_->log_start()};
    case SequenceVerdict::kOutOfOrder:
      return AppendOutcome{.error = ErrorCode::kOutOfOrderSequenceNumber, .log_start = log_->log_start()};
    case SequenceVerdict::kStaleEpoch: break;
  }
  return AppendOutcome{.error = ErrorCode::kInvalidProducerEpoch, .log_start = log_->log_start()};
}

boost::asio::awaitable<ErrorCode> Partition::wait_committed(Offset end, SteadyTime deadline) {
  if (high_watermark() >= end || is_planted(PlantedBug::kAckBeforeSync)) co_return ErrorCode::kNone;
  if (log_->fence() != nullptr) co_return ErrorCode::kKafkaStorageError;
  if (is_closed()) co_return reason_closed();
  auto committed = make_one_shot<ErrorCode>(owner_);
  const auto self = shared_from_this();  // a closed partition leaves the table while we wait
  commit_waits_.emplace(end, committed);
  const auto error = co_await committed->wait(deadline);
  if (error) co_return *error;
  // Timed out. It may have been taken out already, between the timer and this turn.
  const auto [first, last] = commit_waits_.equal_range(end);
  const auto place = std::find_if(first, last, [&](const auto& entry) { return entry.second == committed; });
  if (place != last) commit_waits_.erase(place);
  co_return ErrorCode::kRequestTimedOut;
}

void Partition::raise_start(Offset at) {
  if (is_closed() || log_->fence() != nullptr) return;
  wanted_start_ = std::max(wanted_start_, at);
}

void Partition::apply_retention(std::int64_t now_ms) {
  const auto limit = std::min(high_watermark(), log_->flushed_end());
  raise_start(log_->retained_start(rules_.retention, limit, now_ms));
}

std::vector<std::shared_ptr<storage::Segment>> Partition::settle_start(Offset start) {
  if (is_closed()) return {};
  const auto before = log_->log_start();
  const auto segment_before = log_->active_base();
  auto gone = log_->advance_start(start);
  if (log_->fence() != nullptr) log_dir_.fail(*log_->fence());
  if (log_->active_base() != segment_before) leave_snapshot_at_roll();
  if (log_->log_start() > before) {
    log_info("{}-{}: the log starts at {} now, {} segments go", identity_.name.topic, identity_.name.partition,
             log_->log_start().value(), gone.size());
  }
  return gone;
}

void Partition::set_rules(PartitionRules rules) {
  rules_ = std::move(rules);
  log_->set_settings(rules_.log);
}

void Partition::flush_soon() {
  if (needs_flush()) {
    log_dir_.commit_loop(owner_).mark_dirty(shared_from_this());
  } else {
    watch_flush();
  }
}

storage::FlushJob Partition::begin_flush() {
  auto job = log_->begin_flush();
  watch_flush();
  return job;
}

// One timer at a time, which goes on with whatever flush is out when it fires: none is cancelled.
void Partition::watch_flush() {
  if (flush_is_watched_ || is_closed() || !rules_.ack_needs_flush) return;
  const auto late_at = log_->needs_flush_at();
  if (!late_at) return;
  flush_is_watched_ = true;
  owner_.start_timer(*late_at, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_is_watched_ = false;
    self->flush_soon();
  });
}

void Partition::complete_flush(const storage::FlushJob& job, const Result<void>& outcome) {
  const auto flushed = log_->complete_flush(job, outcome);
  if (flush_ended_ && !log_->is_flushing()) std::exchange(flush_ended_, nullptr)->set(true);
  if (!flushed) log_dir_.report(flushed.error());
  if (is_closed()) return;  // its directory may be gone by now; a clean stop flushes once more by itself
  if (!flushed && log_->fence() == nullptr) {
    log_warn("{}-{}: flush failed, tried again soon: {}", identity_.name.topic, identity_.name.partition,
             to_string(flushed.error()));
    end_waits(ErrorCode::kKafkaStorageError);
    flush_again();
    return;
  }
  if (!flushed) {
    log_error("{}-{}: flush failed, the partition takes no more writes: {}", identity_.name.topic,
              identity_.name.partition, to_string(flushed.error()));
    end_waits(ErrorCode::kKafkaStorageError);
    log_dir_.fail(flushed.error());
    return;
  }
  advance_high_watermark();
  if (rules_.ack_needs_flush) flush_soon();  // what came while the job was out
}

void Partition::flush_again() {
  constexpr Millis kPause{1000};
  owner_.start_timer(owner_.clock().steady() + kPause, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->flush_soon();
  });
}

void Partition::advance_high_watermark() {
  const bool flushed_only = rules_.ack_needs_flush && !is_planted(PlantedBug::kHighWatermarkBeforeSync);
  const auto own_end = flushed_only ? log_->flushed_end() : log_->log_end();
  if (own_end <= high_watermark()) return;
  high_watermark_.store(own_end.value(), std::memory_order_release);
  while (!commit_waits_.empty() && commit_waits_.begin()->first <= own_end) {
    commit_waits_.extract(commit_waits_.begin()).mapped()->set(ErrorCode::kNone);
  }
  watches_.ring_all();
}

void Partition::end_waits(ErrorCode error) {
  for (const auto& [end, committed] : std::exchange(commit_waits_, {})) committed->set(error);
  watches_.ring_all();
}

void Partition::close() {
  closed_.store(true, std::memory_order_release);
  end_waits(ErrorCode::kNotLeaderOrFollower);
}

boost::asio::awaitable<void> Partition::end_service() {
  constexpr Millis kFlushTimeMax{10'000};
  close();
  if (!log_->is_flushing()) co_return;
  const auto self = shared_from_this();
  const auto ended = make_one_shot<bool>(owner_);
  flush_ended_ = ended;
  co_await ended->wait(owner_.clock().steady() + kFlushTimeMax);
}

void Partition::fail(const Error& why) {
  log_->fence_off(why);
  closed_.store(true, std::memory_order_release);
  end_waits(ErrorCode::kKafkaStorageError);
}

ErrorCode Partition::reason_closed() const {
  return log_->fence() != nullptr ? ErrorCode::kKafkaStorageError : ErrorCode::kNotLeaderOrFollower;
}

Result<void> Partition::close_log(storage::FileSystem& fs) {
  WEIR_TRY(log_->close());
  return leave_snapshot(fs, *log_, producers_, newest_snapshot_);
}

}  // namespace weir::replica
