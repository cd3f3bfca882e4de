// ListOffsets (key 2): the offset of a timestamp or of a sentinel. Versions 1-11; 6 is the first flexible one.
// v2 isolation level, v4 leader epochs, v7 max timestamp (-3), v8 earliest local (-4), v9 latest tiered (-5), v10
// timeout, v11 earliest pending upload (-6).
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct ListOffsetsResponse {
  static constexpr ApiKey api_key = ApiKey::kListOffsets;
  static constexpr Versions valid{1, 11};
  static constexpr Version first_flexible = 6;

  struct ListOffsetsPartitionResponse {
    PartitionIndex partition_index{};
    ErrorCode error_code = ErrorCode::kNone;
    std::int64_t timestamp = -1;
    Offset offset{-1};
    LeaderEpoch leader_epoch{-1};
    static consteval auto fields() {
      using M = ListOffsetsPartitionResponse;
      return std::tuple{field<&M::partition_index>(), field<&M::error_code>(), field<&M::timestamp>(),
                        field<&M::offset>(), field<&M::leader_epoch>(since(4))};
    }
  };

  struct ListOffsetsTopicResponse {
    std::string name{};
    std::vector<ListOffsetsPartitionResponse> partitions{};
    static consteval auto fields() {
      using M = ListOffsetsTopicResponse;
      return std::tuple{field<&M::name>(), field<&M::partitions>()};
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<ListOffsetsTopicResponse> topics{};

  static consteval auto fields() {
    using M = ListOffsetsResponse;
    return std::tuple{field<&M::throttle_time_ms>(since(2), ignorable()), field<&M::topics>()};
  }
};
static_assert(fields_complete<ListOffsetsResponse>);

struct ListOffsetsRequest {
  static constexpr ApiKey api_key = ApiKey::kListOffsets;
  static constexpr Versions valid{1, 11};
  static constexpr Version first_flexible = 6;
  using Response = ListOffsetsResponse;

  struct ListOffsetsPartition {
    PartitionIndex partition_index{};
    LeaderEpoch current_leader_epoch{-1};
    std::int64_t timestamp = 0;
    static consteval auto fields() {
      using M = ListOffsetsPartition;
      return std::tuple{field<&M::partition_index>(), field<&M::current_leader_epoch>(since(4), ignorable()),
                        field<&M::timestamp>()};
    }
  };

  struct ListOffsetsTopic {
    std::string name{};
    std::vector<ListOffsetsPartition> partitions{};
    static consteval auto fields() {
      using M = ListOffsetsTopic;
      return std::tuple{field<&M::name>(), field<&M::partitions>()};
    }
  };

  NodeId replica_id{};
  std::int8_t isolation_level = 0;
  std::vector<ListOffsetsTopic> topics{};
  std::int32_t timeout_ms = 0;

  static consteval auto fields() {
    using M = ListOffsetsRequest;
    return std::tuple{field<&M::replica_id>(), field<&M::isolation_level>(since(2)), field<&M::topics>(),
                      field<&M::timeout_ms>(since(10), ignorable())};
  }
};
static_assert(fields_complete<ListOffsetsRequest>);

}  // namespace weir::protocol
