// Metadata (key 3): brokers, topics, leaders. Versions 0-13; 9 is the first flexible one.
// v0 asks for all topics by an empty list, later versions by null. v1 rack, controller, internal; v2 cluster id; v4
// auto-creation flag; v5 offline replicas; v7 leader epoch; v8 authorized operations (of the cluster until v10); v10
// topic ids in the answer; v12 topics asked for by id; v13 top-level error.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct MetadataResponse {
  static constexpr ApiKey api_key = ApiKey::kMetadata;
  static constexpr Versions valid{0, 13};
  static constexpr Version first_flexible = 9;

  struct MetadataResponseBroker {
    NodeId node_id{};
    std::string host{};
    std::int32_t port = 0;
    std::optional<std::string> rack{};
    static consteval auto fields() {
      using M = MetadataResponseBroker;
      return std::tuple{field<&M::node_id>(), field<&M::host>(), field<&M::port>(),
                        field<&M::rack>(since(1), ignorable())};
    }
  };

  struct MetadataResponsePartition {
    ErrorCode error_code = ErrorCode::kNone;
    PartitionIndex partition_index{};
    NodeId leader_id{};
    LeaderEpoch leader_epoch{-1};
    std::vector<NodeId> replica_nodes{};
    std::vector<NodeId> isr_nodes{};
    std::vector<NodeId> offline_replicas{};
    static consteval auto fields() {
      using M = MetadataResponsePartition;
      return std::tuple{field<&M::error_code>(),
                        field<&M::partition_index>(),
                        field<&M::leader_id>(),
                        field<&M::leader_epoch>(since(7), ignorable()),
                        field<&M::replica_nodes>(),
                        field<&M::isr_nodes>(),
                        field<&M::offline_replicas>(since(5), ignorable())};
    }
  };

  struct MetadataResponseTopic {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> name{};
    Uuid topic_id{};
    bool is_internal = false;
    std::vector<MetadataResponsePartition> partitions{};
    std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();
    static consteval auto fields() {
      using M = MetadataResponseTopic;
      return std::tuple{field<&M::error_code>(),
                        field<&M::name>(nullable_since(12)),
                        field<&M::topic_id>(since(10), ignorable()),
                        field<&M::is_internal>(since(1), ignorable()),
                        field<&M::partitions>(),
                        field<&M::topic_authorized_operations>(since(8))};
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<MetadataResponseBroker> brokers{};
  std::optional<std::string> cluster_id{};
  NodeId controller_id{-1};
  std::vector<MetadataResponseTopic> topics{};
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();
  ErrorCode error_code = ErrorCode::kNone;

  static consteval auto fields() {
    using M = MetadataResponse;
    return std::tuple{field<&M::throttle_time_ms>(since(3), ignorable()),
                      field<&M::brokers>(),
                      field<&M::cluster_id>(since(2), ignorable()),
                      field<&M::controller_id>(since(1), ignorable()),
                      field<&M::topics>(),
                      field<&M::cluster_authorized_operations>(versions(8, 10)),
                      field<&M::error_code>(since(13), ignorable())};
  }
};
static_assert(fields_complete<MetadataResponse>);

struct MetadataRequest {
  static constexpr ApiKey api_key = ApiKey::kMetadata;
  static constexpr Versions valid{0, 13};
  static constexpr Version first_flexible = 9;
  using Response = MetadataResponse;

  struct MetadataRequestTopic {
    Uuid topic_id{};
    std::optional<std::string> name{};
    static consteval auto fields() {
      using M = MetadataRequestTopic;
      return std::tuple{field<&M::topic_id>(since(10), ignorable()), field<&M::name>(nullable_since(10))};
    }
  };

  std::optional<std::vector<MetadataRequestTopic>> topics{};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static consteval auto fields() {
    using M = MetadataRequest;
    return std::tuple{field<&M::topics>(nullable_since(1)), field<&M::allow_auto_topic_creation>(since(4)),
                      field<&M::include_cluster_authorized_operations>(versions(8, 10)),
                      field<&M::include_topic_authorized_operations>(since(8))};
  }
};
static_assert(fields_complete<MetadataRequest>);

}  // namespace weir::protocol
