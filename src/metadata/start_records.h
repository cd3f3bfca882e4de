// The records that a node appends when it starts: what a new cluster begins with, its own registration, and the new
// leader epochs of the partitions that it leads. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "metadata/directory_records.h"
#include "metadata/image.h"
#include "metadata/record.h"

namespace weir::metadata {

// What this process tells the cluster of itself.
struct NodeRegistration {
  std::vector<Endpoint> endpoints;  // as advertised, with the ports that are bound
  std::optional<std::string> rack;
  std::vector<Uuid> log_dirs;  // ids of the log directories that are online; at least one
  MovedLogs moved;             // to directories that are online
};

// Registration: on a new cluster its metadata.version, then the broker, unfenced. The first record gets offset `first`;
// the broker's epoch is the offset of its registration record. `abort_open_transaction`: see ReplayedLog.
[[nodiscard]] Records registration_records(const Image& image, NodeId node, const NodeRegistration& registration,
                                           const Uuid& incarnation_id, Offset first, bool abort_open_transaction);

// A change for every partition that `node` leads, which raises its leader epoch, and for those without a leader that it
// may lead. It leads none whose directory its registration, in the image by now, does not name; of those that were
// moved the new directory is told. By topic name and partition.
[[nodiscard]] Records leadership_records(const Image& image, NodeId node, const MovedLogs& moved);

}  // namespace weir::metadata
