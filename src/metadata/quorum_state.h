// The content of the file quorum-state in __cluster_metadata-0 (kafka-protocol 5.3): which raft epoch this node is in
// and who leads it. Pure; the broker writes the file, atomically, before the epoch's first record is appended.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace weir::metadata {

inline constexpr std::string_view kQuorumStateFile = "quorum-state";

struct QuorumState {
  NodeId leader_id{-1};  // -1: unknown
  LeaderEpoch leader_epoch{0};
  NodeId voted_id{-1};  // -1: no vote in this epoch
  Uuid voted_directory_id;
  std::vector<NodeId> voters;  // version 0 alone names them
  friend bool operator==(const QuorumState&, const QuorumState&) = default;
};

// Version 1, as Kafka writes it with kraft.version 1.
[[nodiscard]] std::string to_json(const QuorumState& state);

// Versions 0 and 1. kCorrupt: not such an object; the context says what to do. kUnsupported: another version.
[[nodiscard]] Result<QuorumState> parse_quorum_state(std::string_view text);

}  // namespace weir::metadata
