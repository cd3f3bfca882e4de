// InitProducerId (key 22): a producer id and epoch. Versions 0-5; 2 is the first flexible one.
// v3 the id and epoch that the producer holds, to resume with. v6 (two-phase commit) is unstable in Kafka 4.4 and not
// declared here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct InitProducerIdResponse {
  static constexpr ApiKey api_key = ApiKey::kInitProducerId;
  static constexpr Versions valid{0, 5};
  static constexpr Version first_flexible = 2;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  ProducerId producer_id{-1};
  ProducerEpoch producer_epoch{};

  static consteval auto fields() {
    using M = InitProducerIdResponse;
    return std::tuple{field<&M::throttle_time_ms>(), field<&M::error_code>(), field<&M::producer_id>(),
                      field<&M::producer_epoch>()};
  }
};
static_assert(fields_complete<InitProducerIdResponse>);

struct InitProducerIdRequest {
  static constexpr ApiKey api_key = ApiKey::kInitProducerId;
  static constexpr Versions valid{0, 5};
  static constexpr Version first_flexible = 2;
  using Response = InitProducerIdResponse;

  std::optional<std::string> transactional_id{};
  std::int32_t transaction_timeout_ms = 0;
  ProducerId producer_id{-1};
  ProducerEpoch producer_epoch{-1};

  static consteval auto fields() {
    using M = InitProducerIdRequest;
    return std::tuple{field<&M::transactional_id>(), field<&M::transaction_timeout_ms>(),
                      field<&M::producer_id>(since(3)), field<&M::producer_epoch>(since(3))};
  }
};
static_assert(fields_complete<InitProducerIdRequest>);

}  // namespace weir::protocol
