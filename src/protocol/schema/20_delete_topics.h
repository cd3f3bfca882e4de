// DeleteTopics (key 20). Versions 1-6; 4 is the first flexible one.
// v5 error messages; v6 by name or by id, one row each, in place of the list of names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct DeleteTopicsResponse {
  static constexpr ApiKey api_key = ApiKey::kDeleteTopics;
  static constexpr Versions valid{1, 6};
  static constexpr Version first_flexible = 4;

  struct DeletableTopicResult {
    std::optional<std::string> name{};
    Uuid topic_id{};
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message{};
    static consteval auto fields() {
      using M = DeletableTopicResult;
      return std::tuple{field<&M::name>(nullable_since(6)), field<&M::topic_id>(since(6), ignorable()),
                        field<&M::error_code>(), field<&M::error_message>(since(5), ignorable())};
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DeletableTopicResult> responses{};

  static consteval auto fields() {
    using M = DeleteTopicsResponse;
    return std::tuple{field<&M::throttle_time_ms>(), field<&M::responses>()};
  }
};
static_assert(fields_complete<DeleteTopicsResponse>);

struct DeleteTopicsRequest {
  static constexpr ApiKey api_key = ApiKey::kDeleteTopics;
  static constexpr Versions valid{1, 6};
  static constexpr Version first_flexible = 4;
  using Response = DeleteTopicsResponse;

  struct DeleteTopicState {
    std::optional<std::string> name{};
    Uuid topic_id{};
    static consteval auto fields() {
      using M = DeleteTopicState;
      return std::tuple{field<&M::name>(), field<&M::topic_id>()};
    }
  };

  std::vector<DeleteTopicState> topics{};
  std::vector<std::string> topic_names{};
  std::int32_t timeout_ms = 0;

  static consteval auto fields() {
    using M = DeleteTopicsRequest;
    return std::tuple{field<&M::topics>(since(6)), field<&M::topic_names>(versions(1, 5), ignorable()),
                      field<&M::timeout_ms>()};
  }
};
static_assert(fields_complete<DeleteTopicsRequest>);

}  // namespace weir::protocol
