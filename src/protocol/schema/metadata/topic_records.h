// Metadata log records about topics and their partitions. A PartitionRecord states a partition whole; a
// PartitionChangeRecord only what changed, and a change that names a leader raises the leader epoch by one.
// Versions of both: 1 adds the log directory of each replica (KIP-858), 2 eligible leaders (KIP-966).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct TopicRecord {
  static constexpr std::uint32_t record_type = 2;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string name{};
  Uuid topic_id{};

  static consteval auto fields() {
    using M = TopicRecord;
    return std::tuple{field<&M::name>(), field<&M::topic_id>()};
  }
};
static_assert(fields_complete<TopicRecord>);

struct RemoveTopicRecord {
  static constexpr std::uint32_t record_type = 9;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  Uuid topic_id{};

  static consteval auto fields() {
    using M = RemoveTopicRecord;
    return std::tuple{field<&M::topic_id>()};
  }
};
static_assert(fields_complete<RemoveTopicRecord>);

struct PartitionRecord {
  static constexpr std::uint32_t record_type = 3;
  static constexpr Versions valid{0, 2};
  static constexpr Version first_flexible = 0;

  PartitionIndex partition_id{-1};
  Uuid topic_id{};
  std::vector<NodeId> replicas{};
  std::vector<NodeId> isr{};
  std::vector<NodeId> removing_replicas{};
  std::vector<NodeId> adding_replicas{};
  NodeId leader{-1};                      // -1: none
  std::int8_t leader_recovery_state = 0;  // 1: recovering from an unclean election
  LeaderEpoch leader_epoch{-1};
  std::int32_t partition_epoch = -1;
  std::vector<Uuid> directories{};  // in the order of `replicas`
  std::optional<std::vector<NodeId>> eligible_leader_replicas{};
  std::optional<std::vector<NodeId>> last_known_elr{};

  static consteval auto fields() {
    using M = PartitionRecord;
    return std::tuple{field<&M::partition_id>(),
                      field<&M::topic_id>(),
                      field<&M::replicas>(),
                      field<&M::isr>(),
                      field<&M::removing_replicas>(),
                      field<&M::adding_replicas>(),
                      field<&M::leader>(),
                      field<&M::leader_recovery_state>(tagged(0)),
                      field<&M::leader_epoch>(),
                      field<&M::partition_epoch>(),
                      field<&M::directories>(since(1)),
                      field<&M::eligible_leader_replicas>(since(2), tagged(1)),
                      field<&M::last_known_elr>(since(2), tagged(2))};
  }
};
static_assert(fields_complete<PartitionRecord>);

// Null, or the sentinel beside a number, says that the field did not change.
struct PartitionChangeRecord {
  static constexpr std::uint32_t record_type = 5;
  static constexpr Versions valid{0, 2};
  static constexpr Version first_flexible = 0;

  PartitionIndex partition_id{-1};
  Uuid topic_id{};
  std::optional<std::vector<NodeId>> isr{};
  NodeId leader{-2};  // -2: unchanged, -1: none
  std::optional<std::vector<NodeId>> replicas{};
  std::optional<std::vector<NodeId>> removing_replicas{};
  std::optional<std::vector<NodeId>> adding_replicas{};
  std::int8_t leader_recovery_state = -1;  // -1: unchanged
  std::optional<std::vector<Uuid>> directories{};
  std::optional<std::vector<NodeId>> eligible_leader_replicas{};
  std::optional<std::vector<NodeId>> last_known_elr{};

  static consteval auto fields() {
    using M = PartitionChangeRecord;
    return std::tuple{field<&M::partition_id>(),
                      field<&M::topic_id>(),
                      field<&M::isr>(tagged(0)),
                      field<&M::leader>(tagged(1)),
                      field<&M::replicas>(tagged(2)),
                      field<&M::removing_replicas>(tagged(3)),
                      field<&M::adding_replicas>(tagged(4)),
                      field<&M::leader_recovery_state>(tagged(5)),
                      field<&M::directories>(since(1), tagged(8)),
                      field<&M::eligible_leader_replicas>(since(2), tagged(6)),
                      field<&M::last_known_elr>(since(2), tagged(7))};
  }
};
static_assert(fields_complete<PartitionChangeRecord>);

// An empty name clears the eligible leaders of every topic.
struct ClearElrRecord {
  static constexpr std::uint32_t record_type = 28;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string topic_name{};

  static consteval auto fields() {
    using M = ClearElrRecord;
    return std::tuple{field<&M::topic_name>()};
  }
};
static_assert(fields_complete<ClearElrRecord>);

}  // namespace weir::protocol
