// The file weir.stamp in the root of a log directory: in which raft epochs Weir led, one start after the other without
// Apache Kafka in between (design decisions 7, 17). Whoever starts raises the epoch in the metadata log before it
// touches a partition, so the log's last epoch tells whose logs lie there: Kafka's indexes are synced by nobody, and
// its compaction leaves gaps between segments. Pure.
//
// "1 FIRST LAST CHECKSUM\n", the checksum over what stands before it. A file that is damaged or missing is no stamp:
// the logs are taken for Kafka's, which costs a longer recovery.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"

namespace weir::storage {

inline constexpr std::string_view kStampFile = "weir.stamp";

// Both inclusive.
struct EpochSpan {
  LeaderEpoch first;
  LeaderEpoch last;

  [[nodiscard]] bool contains(LeaderEpoch epoch) const { return first <= epoch && epoch <= last; }
  friend bool operator==(const EpochSpan&, const EpochSpan&) = default;
};

[[nodiscard]] std::string format_stamp(const EpochSpan& span);
[[nodiscard]] std::optional<EpochSpan> parse_stamp(std::string_view text);

}  // namespace weir::storage
