#include "metadata/log_replay.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/codec.h"
#include "protocol/schema/control_records.h"
#include "protocol/schema/metadata_record.h"

namespace weir::metadata {

LogReplay::LogReplay(const std::shared_ptr<const Image>& snapshot, Offset next, LeaderEpoch epoch)
    : builder_(snapshot), next_offset_(next), last_epoch_(epoch) {}

Result<void> LogReplay::add_batch(ByteView batch) {
  WEIR_TRY_ASSIGN(header, record::check_batch(batch));
  if (header.base_offset != next_offset_) {
    return fail(Errc::kCorrupt, fmt::format("metadata log: a batch at offset {} where {} is due",
                                            header.base_offset.value(), next_offset_.value()));
  }
  if (header.leader_epoch < last_epoch_) {
    return fail(Errc::kCorrupt, fmt::format("metadata log: epoch {} at offset {} after epoch {}",
                                            header.leader_epoch.value(), next_offset_.value(), last_epoch_.value()));
  }
  auto visited = visit_batch(batch, [this](const LogEntry& entry) { return on_entry(entry); });
  if (!visited) {
    auto& error = visited.error();
    error.context = fmt::format("metadata log, batch at offset {}: {}", next_offset_.value(), error.context);
    return std::unexpected(std::move(error));
  }
  next_offset_ = header.next_offset();
  last_epoch_ = header.leader_epoch;
  last_timestamp_ms_ = header.max_timestamp;
  builder_.advance(header.last_offset(), last_epoch_);
  return {};
}

Result<void> LogReplay::on_entry(const LogEntry& entry) {
  return entry.is_control ? on_control(entry) : on_record(entry.value);
}

Result<void> LogReplay::on_control(const LogEntry& entry) {
  if (entry.control == record::ControlType::kKraftVersion) {
    WEIR_TRY_ASSIGN(message, protocol::decode_const<protocol::KRaftVersionRecord>(entry.value, 0));
    builder_.set_kraft_version(message.k_raft_version);
  } else if (entry.control == record::ControlType::kKraftVoters) {
    WEIR_TRY(protocol::decode_const<protocol::VotersRecord>(entry.value, 0));
    builder_.set_voters(Bytes(entry.value.begin(), entry.value.end()));
  }
  return {};  // leader changes are in the batches' epochs, snapshot ends say nothing of the cluster
}

Result<void> LogReplay::on_record(ByteView value) {
  WEIR_TRY_ASSIGN(decoded, protocol::decode_metadata_record(value));
  const auto& record = decoded.record;
  if (std::holds_alternative<protocol::BeginTransactionRecord>(record)) {
    if (before_transaction_ != nullptr) return fail(Errc::kCorrupt, "a transaction begins within another");
    before_transaction_ = builder_.finish();
    return {};
  }
  const bool ends = std::holds_alternative<protocol::EndTransactionRecord>(record);
  const bool aborts = std::holds_alternative<protocol::AbortTransactionRecord>(record);
  if (!ends && !aborts) return builder_.apply(record, value);
  if (before_transaction_ == nullptr) return fail(Errc::kCorrupt, "the end of a transaction that never began");
  if (aborts) builder_ = ImageBuilder(before_transaction_);
  before_transaction_ = nullptr;
  return {};
}

ReplayedLog LogReplay::finish() {
  ReplayedLog result;
  result.next_offset = next_offset_;
  result.last_epoch = last_epoch_;
  result.last_timestamp_ms = last_timestamp_ms_;
  result.open_transaction = before_transaction_ != nullptr;
  if (result.open_transaction) {
    builder_ = ImageBuilder(before_transaction_);
    builder_.advance(next_offset_ - 1, last_epoch_);
  }
  result.image = builder_.finish();
  return result;
}

}  // namespace weir::metadata
