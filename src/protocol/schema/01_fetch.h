// Fetch (key 1): batches from an offset on, for consumers and followers. Versions 4-18; 12 is the first flexible one.
// v5 log start, v7 sessions, v9 leader epoch check, v10 zstd allowed, v11 rack and preferred replica, v12 divergence by
// epoch, v13 topic ids in place of names, v15 replica state, v16 endpoints, v17 directory id, v18 follower's high
// watermark.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct FetchResponse {
  static constexpr ApiKey api_key = ApiKey::kFetch;
  static constexpr Versions valid{4, 18};
  static constexpr Version first_flexible = 12;

  struct EpochEndOffset {
    LeaderEpoch epoch{-1};
    Offset end_offset{-1};
    static consteval auto fields() {
      using M = EpochEndOffset;
      return std::tuple{field<&M::epoch>(), field<&M::end_offset>()};
    }
  };

  struct LeaderIdAndEpoch {
    NodeId leader_id{-1};
    LeaderEpoch leader_epoch{-1};
    static consteval auto fields() {
      using M = LeaderIdAndEpoch;
      return std::tuple{field<&M::leader_id>(), field<&M::leader_epoch>()};
    }
  };

  struct SnapshotId {
    Offset end_offset{-1};
    LeaderEpoch epoch{-1};
    static consteval auto fields() {
      using M = SnapshotId;
      return std::tuple{field<&M::end_offset>(), field<&M::epoch>()};
    }
  };

  struct AbortedTransaction {
    ProducerId producer_id{};
    Offset first_offset{};
    static consteval auto fields() {
      using M = AbortedTransaction;
      return std::tuple{field<&M::producer_id>(), field<&M::first_offset>()};
    }
  };

  struct PartitionData {
    PartitionIndex partition_index{};
    ErrorCode error_code = ErrorCode::kNone;
    Offset high_watermark{};
    Offset last_stable_offset{-1};
    Offset log_start_offset{-1};
    EpochEndOffset diverging_epoch{};
    LeaderIdAndEpoch current_leader{};
    SnapshotId snapshot_id{};
    std::optional<std::vector<AbortedTransaction>> aborted_transactions{};
    NodeId preferred_read_replica{-1};
    Records records{};
    static consteval auto fields() {
      using M = PartitionData;
      return std::tuple{field<&M::partition_index>(),
                        field<&M::error_code>(),
                        field<&M::high_watermark>(),
                        field<&M::last_stable_offset>(),
                        field<&M::log_start_offset>(since(5), ignorable()),
                        field<&M::diverging_epoch>(since(12), tagged(0)),
                        field<&M::current_leader>(since(12), tagged(1)),
                        field<&M::snapshot_id>(since(12), tagged(2)),
                        field<&M::aborted_transactions>(),
                        field<&M::preferred_read_replica>(since(11)),
                        field<&M::records>()};
    }
  };

  struct FetchableTopicResponse {
    std::string topic{};
    Uuid topic_id{};
    std::vector<PartitionData> partitions{};
    static consteval auto fields() {
      using M = FetchableTopicResponse;
      return std::tuple{field<&M::topic>(versions(0, 12), ignorable()), field<&M::topic_id>(since(13), ignorable()),
                        field<&M::partitions>()};
    }
  };

  struct NodeEndpoint {
    NodeId node_id{};
    std::string host{};
    std::int32_t port = 0;
    std::optional<std::string> rack{};
    static consteval auto fields() {
      using M = NodeEndpoint;
      return std::tuple{field<&M::node_id>(), field<&M::host>(), field<&M::port>(), field<&M::rack>()};
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t session_id = 0;
  std::vector<FetchableTopicResponse> responses{};
  std::vector<NodeEndpoint> node_endpoints{};

  static consteval auto fields() {
    using M = FetchResponse;
    return std::tuple{field<&M::throttle_time_ms>(), field<&M::error_code>(since(7), ignorable()),
                      field<&M::session_id>(since(7)), field<&M::responses>(),
                      field<&M::node_endpoints>(since(16), tagged(0))};
  }
};
static_assert(fields_complete<FetchResponse>);

struct FetchRequest {
  static constexpr ApiKey api_key = ApiKey::kFetch;
  static constexpr Versions valid{4, 18};
  static constexpr Version first_flexible = 12;
  using Response = FetchResponse;

  struct ReplicaState {
    NodeId replica_id{-1};
    std::int64_t replica_epoch = -1;
    static consteval auto fields() {
      using M = ReplicaState;
      return std::tuple{field<&M::replica_id>(), field<&M::replica_epoch>()};
    }
  };

  struct FetchPartition {
    PartitionIndex partition{};
    LeaderEpoch current_leader_epoch{-1};
    Offset fetch_offset{};
    LeaderEpoch last_fetched_epoch{-1};
    Offset log_start_offset{-1};
    std::int32_t partition_max_bytes = 0;
    Uuid replica_directory_id{};
    Offset high_watermark{std::numeric_limits<std::int64_t>::max()};
    static consteval auto fields() {
      using M = FetchPartition;
      return std::tuple{field<&M::partition>(),
                        field<&M::current_leader_epoch>(since(9), ignorable()),
                        field<&M::fetch_offset>(),
                        field<&M::last_fetched_epoch>(since(12)),
                        field<&M::log_start_offset>(since(5), ignorable()),
                        field<&M::partition_max_bytes>(),
                        field<&M::replica_directory_id>(since(17), tagged(0), ignorable()),
                        field<&M::high_watermark>(since(18), tagged(1), ignorable())};
    }
  };

  struct FetchTopic {
    std::string topic{};
    Uuid topic_id{};
    std::vector<FetchPartition> partitions{};
    static consteval auto fields() {
      using M = FetchTopic;
      return std::tuple{field<&M::topic>(versions(0, 12), ignorable()), field<&M::topic_id>(since(13), ignorable()),
                        field<&M::partitions>()};
    }
  };

  struct ForgottenTopic {
    std::string topic{};
    Uuid topic_id{};
    std::vector<PartitionIndex> partitions{};
    static consteval auto fields() {
      using M = ForgottenTopic;
      return std::tuple{field<&M::topic>(versions(0, 12), ignorable()), field<&M::topic_id>(since(13), ignorable()),
                        field<&M::partitions>()};
    }
  };

  std::optional<std::string> cluster_id{};
  NodeId replica_id{-1};
  ReplicaState replica_state{};
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();
  std::int8_t isolation_level = 0;
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<FetchTopic> topics{};
  std::vector<ForgottenTopic> forgotten_topics_data{};
  std::string rack_id{};

  static consteval auto fields() {
    using M = FetchRequest;
    return std::tuple{field<&M::cluster_id>(since(12), tagged(0), ignorable()),
                      field<&M::replica_id>(versions(4, 14)),
                      field<&M::replica_state>(since(15), tagged(1)),
                      field<&M::max_wait_ms>(),
                      field<&M::min_bytes>(),
                      field<&M::max_bytes>(),
                      field<&M::isolation_level>(),
                      field<&M::session_id>(since(7), ignorable()),
                      field<&M::session_epoch>(since(7), ignorable()),
                      field<&M::topics>(),
                      field<&M::forgotten_topics_data>(since(7)),
                      field<&M::rack_id>(since(11), ignorable())};
  }
};
static_assert(fields_complete<FetchRequest>);

}  // namespace weir::protocol
