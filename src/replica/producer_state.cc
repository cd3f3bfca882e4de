#include "replica/producer_state.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::replica {
namespace {

std::int32_t sequence_after(std::int32_t sequence) {
  return sequence == std::numeric_limits<std::int32_t>::max() ? 0 : sequence + 1;
}

// Sequences wrap from 2147483647 to 0.
std::int32_t first_sequence_of(const storage::BatchMemory& batch) {
  if (batch.last_sequence == kNoSequence) return kNoSequence;
  const auto first = std::int64_t{batch.last_sequence} - batch.offset_delta;
  return static_cast<std::int32_t>(first >= 0 ? first : first + std::numeric_limits<std::int32_t>::max() + 1LL);
}

}  // namespace

ProducerStates::ProducerStates(const std::vector<storage::ProducerMemory>& memories) {
  for (const auto& memory : memories) {
    auto& producer = producers_[memory.id];
    producer.epoch = memory.epoch;
    producer.seen_ms = producer.timestamp_ms = memory.timestamp_ms;
    producer.coordinator_epoch = memory.coordinator_epoch;
    producer.open_transaction = memory.open_transaction;
    for (const auto& batch : memory.batches) {
      producer.push({.first_sequence = first_sequence_of(batch),
                     .last_sequence = batch.last_sequence,
                     .last_offset = batch.last_offset,
                     .offset_delta = batch.offset_delta,
                     .timestamp_ms = batch.timestamp_ms});
    }
  }
}

std::vector<storage::ProducerMemory> ProducerStates::memories() const {
  std::vector<storage::ProducerMemory> memories;
  memories.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) {
    storage::ProducerMemory memory{.id = id,
                                   .epoch = producer.epoch,
                                   .batches = {},
                                   .timestamp_ms = producer.timestamp_ms,
                                   .coordinator_epoch = producer.coordinator_epoch,
                                   .open_transaction = producer.open_transaction};
    for (const auto& batch : producer.window()) {
      memory.batches.push_back({batch.last_sequence, batch.last_offset, batch.offset_delta, batch.timestamp_ms});
    }
    memories.push_back(std::move(memory));
  }
  std::ranges::sort(memories, {}, &storage::ProducerMemory::id);
  return memories;
}

void ProducerStates::Producer::push(const SequencedBatch& batch) {
  if (batch_count == kBatchWindow) {
    std::shift_left(batches.begin(), batches.end(), 1);
    --batch_count;
  }
  batches[batch_count++] = batch;
}

SequenceDecision ProducerStates::decide(const record::BatchHeader& batch) const {
  const auto found = producers_.find(batch.producer_id);
  if (found == producers_.end()) return {};
  const auto& producer = found->second;

  if (batch.producer_epoch == producer.epoch) {
    const auto same = std::ranges::find_if(producer.window(), [&](const SequencedBatch& known) {
      return known.first_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence();
    });
    if (same != producer.window().end()) return {SequenceVerdict::kDuplicate, *same};
  }
  if (batch.producer_epoch < producer.epoch) return {SequenceVerdict::kStaleEpoch, {}};
  if (batch.producer_epoch > producer.epoch) {
    return {batch.base_sequence == 0 ? SequenceVerdict::kNew : SequenceVerdict::kOutOfOrder, {}};
  }
  // A producer known only by a transaction marker has no sequence to follow yet.
  if (producer.batch_count == 0) return {};
  const bool follows = batch.base_sequence == sequence_after(producer.window().back().last_sequence);
  return {follows ? SequenceVerdict::kNew : SequenceVerdict::kOutOfOrder, {}};
}

ProducerStates::Producer& ProducerStates::take_in(const record::BatchHeader& batch, std::int64_t seen_ms) {
  auto& producer = producers_[batch.producer_id];
  if (batch.producer_epoch != producer.epoch) {
    producer.epoch = batch.producer_epoch;
    producer.batch_count = 0;
  }
  producer.seen_ms = std::max(producer.seen_ms, seen_ms);
  producer.timestamp_ms = batch.max_timestamp;
  return producer;
}

void ProducerStates::remember(const record::BatchHeader& batch, std::int64_t seen_ms) {
  if (!batch.has_producer()) return;
  auto& producer = take_in(batch, seen_ms);
  if (batch.is_control()) return;  // a marker carries no sequence
  if (batch.is_transactional() && producer.open_transaction == kNoOffset) {
    producer.open_transaction = batch.base_offset;
  }
  producer.push({.first_sequence = batch.base_sequence,
                 .last_sequence = batch.last_sequence(),
                 .last_offset = batch.last_offset(),
                 .offset_delta = batch.last_offset_delta,
                 .timestamp_ms = batch.max_timestamp});
}

std::optional<EndedTransaction> ProducerStates::end_transaction(const record::BatchHeader& batch,
                                                                const TransactionMarker& marker) {
  auto& producer = take_in(batch, batch.max_timestamp);
  producer.coordinator_epoch = marker.coordinator_epoch;
  const auto first = std::exchange(producer.open_transaction, kNoOffset);
  if (first == kNoOffset) return std::nullopt;
  return EndedTransaction{.producer_id = batch.producer_id,
                          .first_offset = first,
                          .last_offset = batch.last_offset(),
                          .last_stable_offset = first_open_offset().value_or(batch.next_offset()),
                          .is_aborted = marker.is_abort};
}

std::optional<Offset> ProducerStates::first_open_offset() const {
  std::optional<Offset> first;
  for (const auto& [id, producer] : producers_) {
    if (producer.open_transaction == kNoOffset) continue;
    if (!first || producer.open_transaction < *first) first = producer.open_transaction;
  }
  return first;
}

void ProducerStates::expire(std::int64_t before_ms) {
  std::erase_if(producers_, [&](const auto& entry) {
    return entry.second.seen_ms < before_ms && entry.second.open_transaction == kNoOffset;
  });
}

std::span<const SequencedBatch> ProducerStates::batches(ProducerId id) const {
  const auto found = producers_.find(id);
  if (found == producers_.end()) return {};
  return found->second.window();
}

}  // namespace weir::replica
