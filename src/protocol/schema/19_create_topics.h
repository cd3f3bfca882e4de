// CreateTopics (key 19). Versions 2-7; 5 is the first flexible one.
// v5 answers partition count, replication factor and configs; v6 may answer THROTTLING_QUOTA_EXCEEDED; v7 answers the
// topic id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct CreateTopicsResponse {
  static constexpr ApiKey api_key = ApiKey::kCreateTopics;
  static constexpr Versions valid{2, 7};
  static constexpr Version first_flexible = 5;

  struct CreatableTopicConfigs {
    std::string name{};
    std::optional<std::string> value{};
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    static consteval auto fields() {
      using M = CreatableTopicConfigs;
      return std::tuple{field<&M::name>(), field<&M::value>(), field<&M::read_only>(), field<&M::config_source>(),
                        field<&M::is_sensitive>()};
    }
  };

  struct CreatableTopicResult {
    std::string name{};
    Uuid topic_id{};
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message{};
    ErrorCode topic_config_error_code = ErrorCode::kNone;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<CreatableTopicConfigs>> configs = std::vector<CreatableTopicConfigs>{};
    static consteval auto fields() {
      using M = CreatableTopicResult;
      return std::tuple{field<&M::name>(),
                        field<&M::topic_id>(since(7), ignorable()),
                        field<&M::error_code>(),
                        field<&M::error_message>(),
                        field<&M::topic_config_error_code>(since(5), tagged(0), ignorable()),
                        field<&M::num_partitions>(since(5), ignorable()),
                        field<&M::replication_factor>(since(5), ignorable()),
                        field<&M::configs>(since(5), ignorable())};
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<CreatableTopicResult> topics{};

  static consteval auto fields() {
    using M = CreateTopicsResponse;
    return std::tuple{field<&M::throttle_time_ms>(), field<&M::topics>()};
  }
};
static_assert(fields_complete<CreateTopicsResponse>);

struct CreateTopicsRequest {
  static constexpr ApiKey api_key = ApiKey::kCreateTopics;
  static constexpr Versions valid{2, 7};
  static constexpr Version first_flexible = 5;
  using Response = CreateTopicsResponse;

  struct CreatableReplicaAssignment {
    PartitionIndex partition_index{};
    std::vector<NodeId> broker_ids{};
    static consteval auto fields() {
      using M = CreatableReplicaAssignment;
      return std::tuple{field<&M::partition_index>(), field<&M::broker_ids>()};
    }
  };

  struct CreatableTopicConfig {
    std::string name{};
    std::optional<std::string> value{};
    static consteval auto fields() {
      using M = CreatableTopicConfig;
      return std::tuple{field<&M::name>(), field<&M::value>()};
    }
  };

  struct CreatableTopic {
    std::string name{};
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<CreatableReplicaAssignment> assignments{};
    std::vector<CreatableTopicConfig> configs{};
    static consteval auto fields() {
      using M = CreatableTopic;
      return std::tuple{field<&M::name>(), field<&M::num_partitions>(), field<&M::replication_factor>(),
                        field<&M::assignments>(), field<&M::configs>()};
    }
  };

  std::vector<CreatableTopic> topics{};
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static consteval auto fields() {
    using M = CreateTopicsRequest;
    return std::tuple{field<&M::topics>(), field<&M::timeout_ms>(), field<&M::validate_only>()};
  }
};
static_assert(fields_complete<CreateTopicsRequest>);

}  // namespace weir::protocol
