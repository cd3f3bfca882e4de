// The small text files of a log directory, in Apache Kafka's formats (kafka-protocol 5.1), as strings. Pure. Parsers
// are strict: anything a writer would not have written is kCorrupt with "NAME:LINE".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "storage/leader_epochs.h"

namespace weir::storage {

// meta.properties, version 1.
struct DirectoryIdentity {
  std::string cluster_id;
  NodeId node_id;
  Uuid directory_id;     // zero in directories that Apache Kafka before 3.7 made
  bool checked = false;  // read from a text with a checksum that holds; Apache Kafka writes none
};

using OffsetCheckpoint = std::map<TopicPartition, Offset>;

// `name` is what errors call the text, usually its path.
[[nodiscard]] Result<OffsetCheckpoint> parse_checkpoint(std::string_view text, std::string_view name);
[[nodiscard]] std::string format_checkpoint(const OffsetCheckpoint& offsets);

// Java properties: `key=value` lines, `#` and `!` comments, backslash escapes. Unknown keys are passed over (and, as in
// Kafka, gone after the next write). Version 0 is read too: there the node is `broker.id`. What is written here begins
// with a comment that holds a checksum of the rest: without it one wrong character makes another cluster or node.
[[nodiscard]] Result<DirectoryIdentity> parse_identity(std::string_view text, std::string_view name);
[[nodiscard]] std::string format_identity(const DirectoryIdentity& identity);

[[nodiscard]] Result<Uuid> parse_partition_metadata(std::string_view text, std::string_view name);
[[nodiscard]] std::string format_partition_metadata(const Uuid& topic_id);

// `0`, the number of entries, then `epoch start_offset` a line. An empty text is no epochs: Kafka leaves one behind for
// a log that was never written to.
[[nodiscard]] Result<LeaderEpochs> parse_leader_epochs(std::string_view text, std::string_view name);
[[nodiscard]] std::string format_leader_epochs(const LeaderEpochs& epochs);

[[nodiscard]] std::string format_clean_marker(std::int64_t broker_epoch);

}  // namespace weir::storage
