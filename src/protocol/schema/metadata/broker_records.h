// Metadata log records about brokers and controllers: registration, fencing, what a running one reports.
// RegisterBroker: v1 controlled shutdown, v2 migration from ZooKeeper, v3 log directories, v4 cordoned ones.
// BrokerRegistrationChange: v1 controlled shutdown, v2 log directories, v3 cordoned ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct RegisterBrokerRecord {
  static constexpr std::uint32_t record_type = 0;
  static constexpr Versions valid{0, 4};
  static constexpr Version first_flexible = 0;

  struct BrokerEndpoint {
    std::string name{};
    std::string host{};
    std::uint16_t port = 0;
    std::int16_t security_protocol = 0;
    static consteval auto fields() {
      using M = BrokerEndpoint;
      return std::tuple{field<&M::name>(), field<&M::host>(), field<&M::port>(), field<&M::security_protocol>()};
    }
  };

  struct BrokerFeature {
    std::string name{};
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    static consteval auto fields() {
      using M = BrokerFeature;
      return std::tuple{field<&M::name>(), field<&M::min_supported_version>(), field<&M::max_supported_version>()};
    }
  };

  NodeId broker_id{};
  bool is_migrating_zk_broker = false;
  Uuid incarnation_id{};
  std::int64_t broker_epoch = 0;
  std::vector<BrokerEndpoint> end_points{};
  std::vector<BrokerFeature> features{};
  std::optional<std::string> rack{};
  bool fenced = true;
  bool in_controlled_shutdown = false;
  std::vector<Uuid> log_dirs{};
  std::optional<std::vector<Uuid>> cordoned_log_dirs{};

  static consteval auto fields() {
    using M = RegisterBrokerRecord;
    return std::tuple{field<&M::broker_id>(),
                      field<&M::is_migrating_zk_broker>(since(2)),
                      field<&M::incarnation_id>(),
                      field<&M::broker_epoch>(),
                      field<&M::end_points>(),
                      field<&M::features>(),
                      field<&M::rack>(),
                      field<&M::fenced>(),
                      field<&M::in_controlled_shutdown>(since(1)),
                      field<&M::log_dirs>(since(3), tagged(0)),
                      field<&M::cordoned_log_dirs>(since(4), tagged(1))};
  }
};
static_assert(fields_complete<RegisterBrokerRecord>);

struct UnregisterBrokerRecord {
  static constexpr std::uint32_t record_type = 1;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  NodeId broker_id{};
  std::int64_t broker_epoch = 0;

  static consteval auto fields() {
    using M = UnregisterBrokerRecord;
    return std::tuple{field<&M::broker_id>(), field<&M::broker_epoch>()};
  }
};
static_assert(fields_complete<UnregisterBrokerRecord>);

struct FenceBrokerRecord {
  static constexpr std::uint32_t record_type = 7;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  NodeId id{};
  std::int64_t epoch = 0;

  static consteval auto fields() {
    using M = FenceBrokerRecord;
    return std::tuple{field<&M::id>(), field<&M::epoch>()};
  }
};
static_assert(fields_complete<FenceBrokerRecord>);

struct UnfenceBrokerRecord {
  static constexpr std::uint32_t record_type = 8;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  NodeId id{};
  std::int64_t epoch = 0;

  static consteval auto fields() {
    using M = UnfenceBrokerRecord;
    return std::tuple{field<&M::id>(), field<&M::epoch>()};
  }
};
static_assert(fields_complete<UnfenceBrokerRecord>);

struct BrokerRegistrationChangeRecord {
  static constexpr std::uint32_t record_type = 17;
  static constexpr Versions valid{0, 3};
  static constexpr Version first_flexible = 0;

  NodeId broker_id{};
  std::int64_t broker_epoch = 0;
  std::int8_t fenced = 0;                  // -1: unfenced, 0: unchanged, 1: fenced
  std::int8_t in_controlled_shutdown = 0;  // 0: unchanged, 1: began
  std::vector<Uuid> log_dirs{};
  std::optional<std::vector<Uuid>> cordoned_log_dirs{};

  static consteval auto fields() {
    using M = BrokerRegistrationChangeRecord;
    return std::tuple{field<&M::broker_id>(),
                      field<&M::broker_epoch>(),
                      field<&M::fenced>(tagged(0)),
                      field<&M::in_controlled_shutdown>(since(1), tagged(1)),
                      field<&M::log_dirs>(since(2), tagged(2)),
                      field<&M::cordoned_log_dirs>(since(3), tagged(3))};
  }
};
static_assert(fields_complete<BrokerRegistrationChangeRecord>);

struct RegisterControllerRecord {
  static constexpr std::uint32_t record_type = 27;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  struct ControllerEndpoint {
    std::string name{};
    std::string host{};
    std::uint16_t port = 0;
    std::int16_t security_protocol = 0;
    static consteval auto fields() {
      using M = ControllerEndpoint;
      return std::tuple{field<&M::name>(), field<&M::host>(), field<&M::port>(), field<&M::security_protocol>()};
    }
  };

  struct ControllerFeature {
    std::string name{};
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    static consteval auto fields() {
      using M = ControllerFeature;
      return std::tuple{field<&M::name>(), field<&M::min_supported_version>(), field<&M::max_supported_version>()};
    }
  };

  NodeId controller_id{};
  Uuid incarnation_id{};
  bool zk_migration_ready = false;
  std::vector<ControllerEndpoint> end_points{};
  std::vector<ControllerFeature> features{};

  static consteval auto fields() {
    using M = RegisterControllerRecord;
    return std::tuple{field<&M::controller_id>(), field<&M::incarnation_id>(), field<&M::zk_migration_ready>(),
                      field<&M::end_points>(), field<&M::features>()};
  }
};
static_assert(fields_complete<RegisterControllerRecord>);

struct UnregisterControllerRecord {
  static constexpr std::uint32_t record_type = 29;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  NodeId controller_id{};

  static consteval auto fields() {
    using M = UnregisterControllerRecord;
    return std::tuple{field<&M::controller_id>()};
  }
};
static_assert(fields_complete<UnregisterControllerRecord>);

}  // namespace weir::protocol
