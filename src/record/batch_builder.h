// Builds one v2 batch: the broker's own (metadata log, internal topics, control batches) and those it re-encodes.
// Owned by one task. Memory: the records uncompressed until build(), and then the batch beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "record/record_view.h"

namespace weir::record {

struct BatchOptions {
  Codec codec = Codec::kNone;
  std::optional<std::int32_t> level = std::nullopt;  // nullopt: the codec's default
  // With kLogAppendTime, max_timestamp is log_append_time_ms; records keep the timestamps they are given.
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::int64_t log_append_time_ms = kNoTimestamp;
  Offset base_offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
};

struct NewRecord {
  std::int64_t timestamp_ms = kNoTimestamp;
  std::optional<ByteView> key = std::nullopt;
  std::optional<ByteView> value = std::nullopt;
  std::span<const RecordHeader> headers = {};
};

class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchOptions& options);

  // Adds a record with the next offset delta. The record's bytes are copied.
  void append(const NewRecord& record);
  // Adds a record that was read from another batch, its lengths written anew.
  void append(const RecordView& record, std::int64_t timestamp_ms);

  [[nodiscard]] std::int32_t count() const { return header_.records_count; }
  // Of the batch as it would be without compression.
  [[nodiscard]] std::uint64_t size_bytes() const { return plain_.size(); }

  // The batch, with its CRC. kInvalidArgument: no record was added. kTooLarge: it takes more than `max_bytes`, or more
  // than a batch can.
  [[nodiscard]] Result<Bytes> build(std::uint64_t max_bytes = INT32_MAX) &&;

 private:
  void begin_record(std::int64_t timestamp_ms, const std::optional<ByteView>& key, const std::optional<ByteView>& value,
                    std::size_t headers_count, std::size_t headers_bytes);
  void put_number(std::int64_t value);
  void put_field(const std::optional<ByteView>& field);
  void put_header(const RecordHeader& header);

  BatchHeader header_;
  std::optional<std::int32_t> level_;
  std::int64_t log_append_time_ms_;
  Bytes plain_;  // room for the header, then the records
};

}  // namespace weir::record
