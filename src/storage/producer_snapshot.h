// What is remembered of idempotent and transactional producers at one offset of a log, as files: Kafka's `.snapshot`,
// byte for byte, and beside it Weir's own `weir.<offset>.producers`, which holds what Kafka leaves out (kafka-protocol
// 5.1; reliability 3.1b, 2). Formats as bytes, pure; the files' calls block: start-up and helpers.
//
//   .snapshot          version i16 = 1 | crc u32 (CRC-32C of all behind it) | count i32 | entries of 46 bytes:
//                      producer_id i64 | epoch i16 | last_sequence i32 | last_offset i64 | offset_delta i32
//                      | timestamp i64 | coordinator_epoch i32 | current_txn_first_offset i64
//   weir.*.producers   version i16 = 1 | crc u32 (of all behind it) | crc u32 of the .snapshot | count i32 | of each
//                      producer of which the .snapshot does not tell all: producer_id i64 | count i8 | its batches,
//                      oldest first: last_sequence i32 | last_offset i64 | offset_delta i32 | timestamp i64
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "storage/fs.h"

namespace weir::storage {

// One remembered batch of a producer.
struct BatchMemory {
  std::int32_t last_sequence = kNoSequence;
  Offset last_offset = kNoOffset;
  std::int32_t offset_delta = 0;  // last offset - first offset
  std::int64_t timestamp_ms = kNoTimestamp;
  friend bool operator==(const BatchMemory&, const BatchMemory&) = default;
};

struct ProducerMemory {
  ProducerId id;
  ProducerEpoch epoch = kNoProducerEpoch;
  std::vector<BatchMemory> batches;          // oldest first; Kafka's file has the newest only
  std::int64_t timestamp_ms = kNoTimestamp;  // of the newest batch or marker
  std::int32_t coordinator_epoch = -1;
  Offset open_transaction = kNoOffset;  // its first offset
  friend bool operator==(const ProducerMemory&, const ProducerMemory&) = default;
};

// Both files of one moment; `windows` is empty when the snapshot tells all.
struct ProducerSnapshot {
  Bytes snapshot;
  Bytes windows;
};

[[nodiscard]] ProducerSnapshot format_producers(const std::vector<ProducerMemory>& producers);
// `windows` is passed over when it is empty or belongs to another snapshot (Kafka has written since). kCorrupt: either
// is damaged. `name` is what errors call the snapshot.
[[nodiscard]] Result<std::vector<ProducerMemory>> parse_producers(ByteView snapshot, ByteView windows,
                                                                  std::string_view name);

[[nodiscard]] std::string producer_windows_name(Offset offset);
// The offset in such a name.
[[nodiscard]] std::optional<Offset> parse_producer_windows_name(std::string_view name);

// The snapshot at `offset` in a partition directory. kNotFound: there is none; kCorrupt: it can't be used.
[[nodiscard]] Result<std::vector<ProducerMemory>> read_producers(FileSystem& fs, const Path& directory, Offset offset);
// Replaces both files for good.
[[nodiscard]] Result<void> write_producers(FileSystem& fs, const Path& directory, Offset offset,
                                           const ProducerSnapshot& content);
// Removes both files, those that there are.
[[nodiscard]] Result<void> remove_producers(FileSystem& fs, const Path& directory, Offset offset);

}  // namespace weir::storage
