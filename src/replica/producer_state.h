// What one partition knows of its idempotent producers: for each id the epoch and the last five batches, which decide
// whether a batch is new, a repetition or out of order (kafka-protocol 4.3); and where its open transactions began.
// Pure; owned by the partition's shard.
//
// Always: a producer's batches are in offset order, at most five; the batches are exactly what replaying the log
// gives (when a producer was last seen is not: a replay knows its timestamps only).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/ids.h"
#include "record/batch_header.h"
#include "storage/producer_snapshot.h"

namespace weir::replica {

struct SequencedBatch {
  std::int32_t first_sequence = kNoSequence;
  std::int32_t last_sequence = kNoSequence;
  Offset last_offset;
  std::int32_t offset_delta = 0;  // last_offset - first offset
  std::int64_t timestamp_ms = kNoTimestamp;

  [[nodiscard]] Offset first_offset() const { return last_offset - offset_delta; }
};

enum class SequenceVerdict {
  kNew,         // append it, then remember() it
  kDuplicate,   // one of the last five, exactly: answer with where it stands, once that is durable
  kOutOfOrder,  // a gap, or an overlap with something older
  kStaleEpoch,  // a newer incarnation of the producer has written
};

struct SequenceDecision {
  SequenceVerdict verdict = SequenceVerdict::kNew;
  SequencedBatch duplicate;  // of kDuplicate
};

// The end of a transaction, as its marker says.
struct TransactionMarker {
  bool is_abort = false;
  std::int32_t coordinator_epoch = -1;
};

// A transaction that a marker has ended.
struct EndedTransaction {
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;         // the marker's
  Offset last_stable_offset;  // of the log, with this one ended
  bool is_aborted = false;
};

class ProducerStates {
 public:
  static constexpr std::size_t kBatchWindow = 5;  // clients keep at most five requests in flight

  ProducerStates() = default;
  // What a snapshot holds.
  explicit ProducerStates(const std::vector<storage::ProducerMemory>& memories);
  // The same for a snapshot, in order of their ids.
  [[nodiscard]] std::vector<storage::ProducerMemory> memories() const;

  // Whether a validated batch with a producer id may be appended. No state for its id: anything is accepted.
  [[nodiscard]] SequenceDecision decide(const record::BatchHeader& batch) const;

  // Takes in a batch that was appended at `seen_ms`, in wall time; batches without a producer id are ignored. In a
  // replay nobody knows any more when it was appended: seen_ms is the batch's own time then, as in Kafka.
  void remember(const record::BatchHeader& batch, std::int64_t seen_ms);

  // Takes in a transaction marker; what it has ended, if anything was open.
  std::optional<EndedTransaction> end_transaction(const record::BatchHeader& batch, const TransactionMarker& marker);

  // The first offset of the oldest open transaction.
  [[nodiscard]] std::optional<Offset> first_open_offset() const;

  // Forgets producers that were last seen before `before_ms` (producer.id.expiration.ms). Kafka goes by the records'
  // own time here too, so a producer of old timestamps loses its idempotence under way; here it keeps it. Who has a
  // transaction open is never forgotten.
  void expire(std::int64_t before_ms);

  [[nodiscard]] std::size_t producer_count() const { return producers_.size(); }
  // The remembered batches of a producer, oldest first; empty when it is unknown.
  [[nodiscard]] std::span<const SequencedBatch> batches(ProducerId id) const;

 private:
  struct Producer {
    ProducerEpoch epoch = kNoProducerEpoch;
    std::uint8_t batch_count = 0;
    std::array<SequencedBatch, kBatchWindow> batches;  // the first batch_count, oldest first
    std::int64_t seen_ms = kNoTimestamp;
    std::int64_t timestamp_ms = kNoTimestamp;  // of the newest batch or marker
    std::int32_t coordinator_epoch = -1;
    Offset open_transaction = kNoOffset;

    [[nodiscard]] std::span<const SequencedBatch> window() const { return {batches.data(), batch_count}; }
    void push(const SequencedBatch& batch);
  };

  Producer& take_in(const record::BatchHeader& batch, std::int64_t seen_ms);

  std::unordered_map<ProducerId, Producer> producers_;
};

}  // namespace weir::replica
