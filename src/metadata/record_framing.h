// Metadata records as v2 batches, both ways (kafka-protocol 5.3): framed values with null keys in data batches, and the
// quorum's control records. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "record/batch_header.h"
#include "record/control_batch.h"

namespace weir::metadata {

// The largest batch that Kafka's raft log takes.
inline constexpr std::uint64_t kBatchBytesMax = 8 * kMiB;

// What a batch is stamped with.
struct BatchPlace {
  Offset base_offset;
  LeaderEpoch epoch;  // of the raft quorum
  std::int64_t timestamp_ms = kNoTimestamp;
};

// What `values` take in a batch at most, its header included.
[[nodiscard]] std::uint64_t framed_size_bytes(std::span<const Bytes> values);

// One batch of `values`, in order; at least one. kTooLarge: over kBatchBytesMax.
[[nodiscard]] Result<Bytes> frame_records(std::span<const Bytes> values, const BatchPlace& at);

// The same in as many batches as it takes; none for no values. kTooLarge: one value alone is over the limit.
[[nodiscard]] Result<std::vector<Bytes>> frame_in_batches(std::span<const Bytes> values, BatchPlace at);

// Who leads from this epoch on: the first batch of every epoch. One offset.
[[nodiscard]] Result<Bytes> frame_leader_change(NodeId leader, std::span<const NodeId> voters, const BatchPlace& at);

// A member of the quorum and where the others would reach it.
struct Voter {
  NodeId id;
  Uuid directory_id;  // of the directory that holds its metadata log
  std::string host;
  std::uint16_t port = 0;
};

// kraft.version, and the voters that it asks for from 1 on. One offset each.
[[nodiscard]] Result<Bytes> frame_kraft_version(std::int16_t version, const BatchPlace& at);
[[nodiscard]] Result<Bytes> frame_voters(std::span<const Voter> voters, const BatchPlace& at);

// The ends of a snapshot. The head is one batch: the time of the newest batch that the snapshot stands for, and, from
// kraft.version 1 on, that version and `voters`, a VotersRecord's body (empty: none).
[[nodiscard]] Result<Bytes> frame_snapshot_head(std::int64_t last_log_timestamp_ms, std::int16_t kraft_version,
                                                ByteView voters, const BatchPlace& at);
[[nodiscard]] Result<Bytes> frame_snapshot_footer(const BatchPlace& at);

// One entry of a batch.
struct LogEntry {
  Offset offset;
  bool is_control = false;
  record::ControlType control{};  // when is_control
  ByteView value;                 // lives during the visit
};

// Proves `batch` (one whole batch) and visits its records in order, up to the visitor's first error. kCorrupt: bytes
// that don't decode, records with keys or without values. kUnsupported: a control type that this build does not know.
using EntryVisitor = std::function<Result<void>(const LogEntry&)>;
Result<record::BatchHeader> visit_batch(ByteView batch, const EntryVisitor& visit);

}  // namespace weir::metadata
