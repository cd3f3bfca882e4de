#include "record/timestamp_lookup.h"

#include "record/record_reader.h"

namespace weir::record {

Result<std::optional<RecordTimestamp>> find_record_by_timestamp(ByteView batch, std::int64_t timestamp_ms, Offset from,
                                                                std::uint64_t max_inflated_bytes) {
  WEIR_TRY_ASSIGN(reader, RecordReader::open(batch, {.max_inflated_bytes = max_inflated_bytes}));
  std::optional<RecordTimestamp> match;
  WEIR_TRY(reader.scan([&](const RecordShape& shape) {
    const RecordTimestamp here{reader.header().offset_at(shape.offset_delta),
                               reader.timestamp_ms(shape.timestamp_delta)};
    if (here.timestamp_ms >= timestamp_ms && here.offset >= from) match = here;
    return !match;
  }));
  return match;
}

Result<std::optional<RecordTimestamp>> find_max_timestamp_record(ByteView batch, std::uint64_t max_inflated_bytes) {
  WEIR_TRY_ASSIGN(reader, RecordReader::open(batch, {.max_inflated_bytes = max_inflated_bytes}));
  std::optional<RecordTimestamp> latest;
  WEIR_TRY(reader.scan([&](const RecordShape& shape) {
    const std::int64_t found_ms = reader.timestamp_ms(shape.timestamp_delta);
    if (!latest || found_ms > latest->timestamp_ms) {
      latest = RecordTimestamp{reader.header().offset_at(shape.offset_delta), found_ms};
    }
    return true;
  }));
  return latest;
}

}  // namespace weir::record
