#include "replica/producer_state.h"

#include <algorithm>
#include <limits>

namespace weir::replica {
namespace {

std::int32_t sequence_after(std::int32_t sequence) {
  return sequence == std::numeric_limits<std::int32_t>::max() ? 0 : sequence + 1;
}

}  // namespace

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

void ProducerStates::remember(const record::BatchHeader& batch, std::int64_t seen_ms) {
  if (!batch.has_producer()) return;
  auto& producer = producers_[batch.producer_id];
  if (batch.producer_epoch != producer.epoch) {
    producer.epoch = batch.producer_epoch;
    producer.batch_count = 0;
  }
  producer.seen_ms = std::max(producer.seen_ms, seen_ms);
  if (batch.is_control()) return;  // a marker carries no sequence
  producer.push({.first_sequence = batch.base_sequence,
                 .last_sequence = batch.last_sequence(),
                 .last_offset = batch.last_offset(),
                 .offset_delta = batch.last_offset_delta,
                 .timestamp_ms = batch.max_timestamp});
}

void ProducerStates::expire(std::int64_t before_ms) {
  std::erase_if(producers_, [&](const auto& entry) { return entry.second.seen_ms < before_ms; });
}

std::span<const SequencedBatch> ProducerStates::batches(ProducerId id) const {
  const auto found = producers_.find(id);
  if (found == producers_.end()) return {};
  return found->second.window();
}

}  // namespace weir::replica
