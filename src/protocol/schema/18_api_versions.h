// ApiVersions (key 18): which APIs in which versions, and feature levels. Versions 0-5; 3 is the first flexible one.
// v1 throttle time; v3 client software and features; v5 the cluster and node that the client means (KIP-1242). The
// response header is always version 0, and an unknown version is answered with body version 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct ApiVersionsResponse {
  static constexpr ApiKey api_key = ApiKey::kApiVersions;
  static constexpr Versions valid{0, 5};
  static constexpr Version first_flexible = 3;

  struct ApiVersion {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    static consteval auto fields() {
      using M = ApiVersion;
      return std::tuple{field<&M::api_key>(), field<&M::min_version>(), field<&M::max_version>()};
    }
  };

  struct SupportedFeatureKey {
    std::string name{};
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    static consteval auto fields() {
      using M = SupportedFeatureKey;
      return std::tuple{field<&M::name>(), field<&M::min_version>(), field<&M::max_version>()};
    }
  };

  struct FinalizedFeatureKey {
    std::string name{};
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;
    static consteval auto fields() {
      using M = FinalizedFeatureKey;
      return std::tuple{field<&M::name>(), field<&M::max_version_level>(), field<&M::min_version_level>()};
    }
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::vector<ApiVersion> api_keys{};
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeatureKey> supported_features{};
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeatureKey> finalized_features{};
  bool zk_migration_ready = false;

  static consteval auto fields() {
    using M = ApiVersionsResponse;
    return std::tuple{field<&M::error_code>(),
                      field<&M::api_keys>(),
                      field<&M::throttle_time_ms>(since(1), ignorable()),
                      field<&M::supported_features>(since(3), tagged(0), ignorable()),
                      field<&M::finalized_features_epoch>(since(3), tagged(1), ignorable()),
                      field<&M::finalized_features>(since(3), tagged(2), ignorable()),
                      field<&M::zk_migration_ready>(since(3), tagged(3), ignorable())};
  }
};
static_assert(fields_complete<ApiVersionsResponse>);

struct ApiVersionsRequest {
  static constexpr ApiKey api_key = ApiKey::kApiVersions;
  static constexpr Versions valid{0, 5};
  static constexpr Version first_flexible = 3;
  using Response = ApiVersionsResponse;

  std::string client_software_name{};
  std::string client_software_version{};
  std::optional<std::string> cluster_id{};
  NodeId node_id{-1};

  static consteval auto fields() {
    using M = ApiVersionsRequest;
    return std::tuple{field<&M::client_software_name>(since(3), ignorable()),
                      field<&M::client_software_version>(since(3), ignorable()),
                      field<&M::cluster_id>(since(5), ignorable()), field<&M::node_id>(since(5), ignorable())};
  }
};
static_assert(fields_complete<ApiVersionsRequest>);

}  // namespace weir::protocol
