// Finding a record of one stored batch by its timestamp, as ListOffsets asks for it. Pure; reads every record up to
// the answer and inflates compressed ones through a window, so it belongs on a helper thread.
//
// A record's effective timestamp is base_timestamp + its delta, or max_timestamp in a LogAppendTime batch.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

namespace weir::record {

struct RecordTimestamp {
  Offset offset;
  std::int64_t timestamp_ms;
};

// The first record in `batch` (one whole batch that passed check_batch) with an offset >= `from` and a timestamp >=
// `timestamp_ms`; nullopt when there is none. kCorrupt: records that don't decode. kTooLarge: they inflate to more
// than `max_inflated_bytes`.
[[nodiscard]] Result<std::optional<RecordTimestamp>> find_record_by_timestamp(ByteView batch, std::int64_t timestamp_ms,
                                                                              Offset from,
                                                                              std::uint64_t max_inflated_bytes);

// The first of the records with the largest timestamp; nullopt for a batch that compaction left empty. Errors as above.
[[nodiscard]] Result<std::optional<RecordTimestamp>> find_max_timestamp_record(ByteView batch,
                                                                               std::uint64_t max_inflated_bytes);

}  // namespace weir::record
