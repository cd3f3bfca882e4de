// Produce (key 0): one v2 batch a partition. Versions 3-13; 9 is the first flexible one.
// v5 log_start_offset in the answer, v7 zstd allowed, v8 record errors, v10 current leader and endpoints, v12 a
// transaction's partitions are added on the way, v13 topic ids in place of names. ApiVersions advertises 0 as the
// lowest (KAFKA-18659) although only 3 and up are accepted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct ProduceResponse {
  static constexpr ApiKey api_key = ApiKey::kProduce;
  static constexpr Versions valid{3, 13};
  static constexpr Version first_flexible = 9;

  struct BatchIndexAndErrorMessage {
    std::int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message{};
    static consteval auto fields() {
      using M = BatchIndexAndErrorMessage;
      return std::tuple{field<&M::batch_index>(), field<&M::batch_index_error_message>()};
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

  struct PartitionProduceResponse {
    PartitionIndex index{};
    ErrorCode error_code = ErrorCode::kNone;
    Offset base_offset{};
    std::int64_t log_append_time_ms = -1;
    Offset log_start_offset{-1};
    std::vector<BatchIndexAndErrorMessage> record_errors{};
    std::optional<std::string> error_message{};
    LeaderIdAndEpoch current_leader{};
    static consteval auto fields() {
      using M = PartitionProduceResponse;
      return std::tuple{field<&M::index>(),
                        field<&M::error_code>(),
                        field<&M::base_offset>(),
                        field<&M::log_append_time_ms>(),
                        field<&M::log_start_offset>(since(5), ignorable()),
                        field<&M::record_errors>(since(8), ignorable()),
                        field<&M::error_message>(since(8), ignorable()),
                        field<&M::current_leader>(since(10), tagged(0))};
    }
  };

  struct TopicProduceResponse {
    std::string name{};
    Uuid topic_id{};
    std::vector<PartitionProduceResponse> partition_responses{};
    static consteval auto fields() {
      using M = TopicProduceResponse;
      return std::tuple{field<&M::name>(versions(0, 12), ignorable()), field<&M::topic_id>(since(13), ignorable()),
                        field<&M::partition_responses>()};
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

  std::vector<TopicProduceResponse> responses{};
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints{};

  static consteval auto fields() {
    using M = ProduceResponse;
    return std::tuple{field<&M::responses>(), field<&M::throttle_time_ms>(),
                      field<&M::node_endpoints>(since(10), tagged(0))};
  }
};
static_assert(fields_complete<ProduceResponse>);

struct ProduceRequest {
  static constexpr ApiKey api_key = ApiKey::kProduce;
  static constexpr Versions valid{3, 13};
  static constexpr Version first_flexible = 9;
  using Response = ProduceResponse;

  struct PartitionProduceData {
    PartitionIndex index{};
    Records records{};
    static consteval auto fields() {
      using M = PartitionProduceData;
      return std::tuple{field<&M::index>(), field<&M::records>()};
    }
  };

  struct TopicProduceData {
    std::string name{};
    Uuid topic_id{};
    std::vector<PartitionProduceData> partition_data{};
    static consteval auto fields() {
      using M = TopicProduceData;
      return std::tuple{field<&M::name>(versions(0, 12), ignorable()), field<&M::topic_id>(since(13), ignorable()),
                        field<&M::partition_data>()};
    }
  };

  std::optional<std::string> transactional_id{};
  std::int16_t acks = 0;
  std::int32_t timeout_ms = 0;
  std::vector<TopicProduceData> topic_data{};

  static consteval auto fields() {
    using M = ProduceRequest;
    return std::tuple{field<&M::transactional_id>(), field<&M::acks>(), field<&M::timeout_ms>(),
                      field<&M::topic_data>()};
  }
};
static_assert(fields_complete<ProduceRequest>);

}  // namespace weir::protocol
