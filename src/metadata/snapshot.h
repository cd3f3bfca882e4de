// Snapshots of the metadata log (kafka-protocol 5.3): an image as batches between a SnapshotHeader and a SnapshotFooter
// control record, offsets counted from 0. Pure; any thread.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/image.h"
#include "model/ids.h"

namespace weir::metadata {

// Which part of the log a snapshot stands for; also the order of age.
struct SnapshotId {
  Offset end{0};         // the first offset that is not in it
  LeaderEpoch epoch{0};  // the raft epoch of the offset before
  friend auto operator<=>(const SnapshotId&, const SnapshotId&) = default;
};

inline constexpr std::string_view kSnapshotSuffix = ".checkpoint";
// The records that a formatted directory starts with, in the same format, in the root of the log directory.
inline constexpr std::string_view kBootstrapFile = "bootstrap.checkpoint";

// "00000000000000000107-0000000003.checkpoint".
[[nodiscard]] std::string snapshot_file_name(const SnapshotId& id);
// nullopt for any other name, also of a snapshot in the making or on its way out.
[[nodiscard]] std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name);

// The snapshot that `image` is. It holds at least one record.
[[nodiscard]] SnapshotId snapshot_id_of(const Image& image);

// `last_log_timestamp_ms`: of the newest batch in it. kInvalidArgument as of records_of(). Memory: twice its size.
[[nodiscard]] Result<Bytes> encode_snapshot(const Image& image, std::int64_t last_log_timestamp_ms,
                                            std::int64_t now_ms);

// The image of a whole snapshot. kCorrupt: cut, damaged, or contradicting itself; an older one may serve. kUnsupported:
// a record type or metadata.version that is not known here, so none may.
[[nodiscard]] Result<std::shared_ptr<const Image>> read_snapshot(ByteView content, const SnapshotId& id);

// What a cluster is to begin with: framed records, each of which decodes, and the quorum's own part.
struct Bootstrap {
  std::vector<Bytes> records;
  std::int16_t kraft_version = 0;
  Bytes voters;  // empty: none
};

// A bootstrap file, or a snapshot of offset 0, which is one too: Kafka's formatting writes the voters into it, from 4.4
// on the records as well, and whoever leads first writes those into the log. Errors as of read_snapshot().
[[nodiscard]] Result<Bootstrap> read_bootstrap(ByteView content);

}  // namespace weir::metadata
