// What becomes of partitions whose log directory is offline (KIP-858): the directory leaves the broker's registration,
// so that nothing new is placed there, and its partitions lose their leader until it is back. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "metadata/image.h"
#include "metadata/record.h"

namespace weir::metadata {

// Where logs lie that are not in the directory that the metadata says.
using MovedLogs = std::map<TopicPartition, Uuid>;

// One change has at most so many records: one batch holds them.
inline constexpr std::size_t kOfflinePartitionsMax = 10'000;

// Whether `node`, as far as it is registered, has the directory of its replica; one that was never chosen it has.
[[nodiscard]] bool has_directory_of(const Image& image, const Partition& partition, NodeId node);

// For clients: the broker is gone, fenced, or without the directory.
[[nodiscard]] bool is_replica_offline(const Image& image, const Partition& partition, NodeId node);

// Takes the leadership from `node`, which leads and has lost the log. As in Kafka the last one in sync stays in sync,
// or, where there are eligible leader replicas, becomes one.
[[nodiscard]] protocol::PartitionChangeRecord leaderless_record(const Image& image, const Topic& topic,
                                                                std::int32_t index, NodeId node);

// `node` goes on without the directories `lost`: its registration, and the partitions that it led from there. Empty:
// the image knows all that; otherwise there may be more for a next change. Also empty if the node has no others, or the
// metadata's level no place for directories.
[[nodiscard]] Records offline_records(const Image& image, NodeId node, const std::vector<Uuid>& lost);

}  // namespace weir::metadata
