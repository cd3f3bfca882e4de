// FindCoordinator (key 10): who coordinates a group, a transactional id or a share partition. Versions 0-6; 3 is the
// first flexible one. v1 key types, v4 many keys, v6 share partitions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct FindCoordinatorResponse {
  static constexpr ApiKey api_key = ApiKey::kFindCoordinator;
  static constexpr Versions valid{0, 6};
  static constexpr Version first_flexible = 3;

  struct Coordinator {
    std::string key;
    NodeId node_id;
    std::string host;
    std::int32_t port = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";
    static consteval auto fields() {
      return std::tuple{field<&Coordinator::key>(),        field<&Coordinator::node_id>(),
                        field<&Coordinator::host>(),       field<&Coordinator::port>(),
                        field<&Coordinator::error_code>(), field<&Coordinator::error_message>(ignorable())};
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message = "";
  NodeId node_id;
  std::string host;
  std::int32_t port = 0;
  std::vector<Coordinator> coordinators;

  static consteval auto fields() {
    using M = FindCoordinatorResponse;
    return std::tuple{field<&M::throttle_time_ms>(since(1), ignorable()),
                      field<&M::error_code>(versions(0, 3)),
                      field<&M::error_message>(versions(1, 3), ignorable()),
                      field<&M::node_id>(versions(0, 3)),
                      field<&M::host>(versions(0, 3)),
                      field<&M::port>(versions(0, 3)),
                      field<&M::coordinators>(since(4))};
  }
};
static_assert(fields_complete<FindCoordinatorResponse>);

struct FindCoordinatorRequest {
  static constexpr ApiKey api_key = ApiKey::kFindCoordinator;
  static constexpr Versions valid{0, 6};
  static constexpr Version first_flexible = 3;
  using Response = FindCoordinatorResponse;

  std::string key;
  std::int8_t key_type = 0;
  std::vector<std::string> coordinator_keys;

  static consteval auto fields() {
    using M = FindCoordinatorRequest;
    return std::tuple{field<&M::key>(versions(0, 3)), field<&M::key_type>(since(1)),
                      field<&M::coordinator_keys>(since(4))};
  }
};
static_assert(fields_complete<FindCoordinatorRequest>);

}  // namespace weir::protocol
