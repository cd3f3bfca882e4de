// IncrementalAlterConfigs (key 44). Versions 0-1; 1 is the first flexible one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct IncrementalAlterConfigsResponse {
  static constexpr ApiKey api_key = ApiKey::kIncrementalAlterConfigs;
  static constexpr Versions valid{0, 1};
  static constexpr Version first_flexible = 1;

  struct AlterConfigsResourceResponse {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message{};
    std::int8_t resource_type = 0;
    std::string resource_name{};
    static consteval auto fields() {
      using M = AlterConfigsResourceResponse;
      return std::tuple{field<&M::error_code>(), field<&M::error_message>(), field<&M::resource_type>(),
                        field<&M::resource_name>()};
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<AlterConfigsResourceResponse> responses{};

  static consteval auto fields() {
    using M = IncrementalAlterConfigsResponse;
    return std::tuple{field<&M::throttle_time_ms>(), field<&M::responses>()};
  }
};
static_assert(fields_complete<IncrementalAlterConfigsResponse>);

struct IncrementalAlterConfigsRequest {
  static constexpr ApiKey api_key = ApiKey::kIncrementalAlterConfigs;
  static constexpr Versions valid{0, 1};
  static constexpr Version first_flexible = 1;
  using Response = IncrementalAlterConfigsResponse;

  struct AlterableConfig {
    std::string name{};
    std::int8_t config_operation = 0;  // 0 SET, 1 DELETE, 2 APPEND, 3 SUBTRACT
    std::optional<std::string> value{};
    static consteval auto fields() {
      using M = AlterableConfig;
      return std::tuple{field<&M::name>(), field<&M::config_operation>(), field<&M::value>()};
    }
  };

  struct AlterConfigsResource {
    std::int8_t resource_type = 0;  // 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group
    std::string resource_name{};
    std::vector<AlterableConfig> configs{};
    static consteval auto fields() {
      using M = AlterConfigsResource;
      return std::tuple{field<&M::resource_type>(), field<&M::resource_name>(), field<&M::configs>()};
    }
  };

  std::vector<AlterConfigsResource> resources{};
  bool validate_only = false;

  static consteval auto fields() {
    using M = IncrementalAlterConfigsRequest;
    return std::tuple{field<&M::resources>(), field<&M::validate_only>()};
  }
};
static_assert(fields_complete<IncrementalAlterConfigsRequest>);

}  // namespace weir::protocol
