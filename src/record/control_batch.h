// Control batches: what brokers and controllers write among the records for each other. Uncompressed, most of
// one record; clients may not produce them and consumers never see them. Pure: any thread.
//
// Key: version i16 (0), type i16. Value of a transaction marker: version i16 (0), coordinator_epoch i32.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_builder.h"

namespace weir::record {

enum class ControlType : std::int16_t {
  kAbort = 0,
  kCommit = 1,
  kLeaderChange = 2,
  kSnapshotHeader = 3,
  kSnapshotFooter = 4,
  kKraftVersion = 5,
  kKraftVoters = 6,
};

// The type that a control record's key names. kCorrupt: too short or a negative version. kUnsupported: a type that this
// release does not know; such records are to be skipped.
[[nodiscard]] Result<ControlType> read_control_type(ByteView key);

// The coordinator's epoch in a transaction marker's value. kCorrupt: too short or a negative version.
[[nodiscard]] Result<std::int32_t> read_marker_epoch(ByteView value);

// A control batch holding one record of `type` with `value`. Of `options`, codec and control are ignored.
[[nodiscard]] Result<Bytes> build_control_batch(BatchOptions options, ControlType type, ByteView value,
                                                std::int64_t timestamp_ms);

// The same with several records, in order; at least one.
struct ControlEntry {
  ControlType type;
  Bytes value;
};
[[nodiscard]] Result<Bytes> build_control_batch(BatchOptions options, std::span<const ControlEntry> entries,
                                                std::int64_t timestamp_ms);

// A transaction marker. `options` names the producer and its epoch; type is kAbort or kCommit.
[[nodiscard]] Result<Bytes> build_transaction_marker(BatchOptions options, ControlType type,
                                                     std::int32_t coordinator_epoch, std::int64_t timestamp_ms);

}  // namespace weir::record
