// A segment's `.txnindex`: the aborted transactions whose markers stand in it, in the order of the markers. A cache of
// the log's control batches (kafka-protocol 5.1). Formats as bytes, pure.
//
//   34 bytes an entry: version i16 = 0 | producer_id i64 | first_offset i64 | last_offset i64 (the marker)
//   | last_stable_offset i64
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

namespace weir::storage {

struct AbortedTransaction {
  static constexpr std::size_t kBytes = 34;
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;
  Offset last_stable_offset;  // of the log once this one had ended
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

[[nodiscard]] Bytes format_transaction_index(const std::vector<AbortedTransaction>& aborted);
// kCorrupt: entries cut off, of another version, out of order, or whose markers are not in [segment_base, segment_end).
// `name` is what errors call the file.
[[nodiscard]] Result<std::vector<AbortedTransaction>> parse_transaction_index(ByteView bytes, Offset segment_base,
                                                                              Offset segment_end,
                                                                              std::string_view name);

}  // namespace weir::storage
