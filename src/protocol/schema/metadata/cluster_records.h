// Metadata log records about the cluster as a whole: configs, quotas, feature levels, producer-id blocks, and those
// that bracket a change of many records (KIP-868).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct ConfigRecord {
  static constexpr std::uint32_t record_type = 4;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::int8_t resource_type = 0;  // 2: topic, 4: broker (empty name: every broker), 16: client metrics, 32: group
  std::string resource_name{};
  std::string name{};
  std::optional<std::string> value{};  // null: back to the default

  static consteval auto fields() {
    using M = ConfigRecord;
    return std::tuple{field<&M::resource_type>(), field<&M::resource_name>(), field<&M::name>(), field<&M::value>()};
  }
};
static_assert(fields_complete<ConfigRecord>);

struct ClientQuotaRecord {
  static constexpr std::uint32_t record_type = 14;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  struct EntityData {
    std::string entity_type{};
    std::optional<std::string> entity_name{};
    static consteval auto fields() {
      using M = EntityData;
      return std::tuple{field<&M::entity_type>(), field<&M::entity_name>()};
    }
  };

  std::vector<EntityData> entity{};
  std::string key{};
  double value = 0;
  bool remove = false;

  static consteval auto fields() {
    using M = ClientQuotaRecord;
    return std::tuple{field<&M::entity>(), field<&M::key>(), field<&M::value>(), field<&M::remove>()};
  }
};
static_assert(fields_complete<ClientQuotaRecord>);

struct FeatureLevelRecord {
  static constexpr std::uint32_t record_type = 12;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string name{};
  std::int16_t feature_level = 0;  // 0: not finalized

  static consteval auto fields() {
    using M = FeatureLevelRecord;
    return std::tuple{field<&M::name>(), field<&M::feature_level>()};
  }
};
static_assert(fields_complete<FeatureLevelRecord>);

struct ProducerIdsRecord {
  static constexpr std::uint32_t record_type = 15;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  NodeId broker_id{};
  std::int64_t broker_epoch = -1;
  ProducerId next_producer_id{};  // the first id of the next block

  static consteval auto fields() {
    using M = ProducerIdsRecord;
    return std::tuple{field<&M::broker_id>(), field<&M::broker_epoch>(), field<&M::next_producer_id>()};
  }
};
static_assert(fields_complete<ProducerIdsRecord>);

struct NoOpRecord {
  static constexpr std::uint32_t record_type = 20;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  static consteval auto fields() { return std::tuple<>{}; }
};
static_assert(fields_complete<NoOpRecord>);

struct ZkMigrationStateRecord {
  static constexpr std::uint32_t record_type = 21;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::int8_t zk_migration_state = 0;

  static consteval auto fields() {
    using M = ZkMigrationStateRecord;
    return std::tuple{field<&M::zk_migration_state>()};
  }
};
static_assert(fields_complete<ZkMigrationStateRecord>);

struct BeginTransactionRecord {
  static constexpr std::uint32_t record_type = 23;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::optional<std::string> name{};

  static consteval auto fields() {
    using M = BeginTransactionRecord;
    return std::tuple{field<&M::name>(tagged(0))};
  }
};
static_assert(fields_complete<BeginTransactionRecord>);

struct EndTransactionRecord {
  static constexpr std::uint32_t record_type = 24;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  static consteval auto fields() { return std::tuple<>{}; }
};
static_assert(fields_complete<EndTransactionRecord>);

struct AbortTransactionRecord {
  static constexpr std::uint32_t record_type = 25;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::optional<std::string> reason{};

  static consteval auto fields() {
    using M = AbortTransactionRecord;
    return std::tuple{field<&M::reason>(tagged(0))};
  }
};
static_assert(fields_complete<AbortTransactionRecord>);

}  // namespace weir::protocol
