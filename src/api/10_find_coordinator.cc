// FindCoordinator (key 10), versions 0-6.
// Gap: there is no coordinator of any kind yet, so every key is COORDINATOR_NOT_AVAILABLE, as Kafka answers until its
// coordinators are up: clients ask again. The API stands in the list all the same, because librdkafka takes a broker
// without FindCoordinator v0 for one that knows no LZ4 and silently stops compressing with it.
#include "protocol/schema/10_find_coordinator.h"

#include <utility>

#include "api/dispatcher.h"

namespace weir::api {
namespace {

using protocol::FindCoordinatorRequest;
using protocol::FindCoordinatorResponse;

constexpr std::int16_t kManyKeysSince = 4;
constexpr std::int16_t kShareSince = 6;
constexpr std::int8_t kTransactionType = 1;
constexpr std::int8_t kShareType = 2;
constexpr NodeId kNobody{-1};
constexpr std::int32_t kNoPort = -1;

ErrorCode check(const RequestContext& context, const FindCoordinatorRequest& request) {
  const auto known = context.version >= kShareSince ? kShareType : kTransactionType;
  const bool is_known = request.key_type >= 0 && request.key_type <= known;
  return is_known ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kInvalidRequest;
}

boost::asio::awaitable<Answer<FindCoordinatorResponse>> handle(RequestContext& context,
                                                               FindCoordinatorRequest request) {
  const auto error = check(context, request);
  const std::string message =
      error == ErrorCode::kInvalidRequest ? "Unknown coordinator key type" : "The coordinator is not available";
  FindCoordinatorResponse response;
  if (context.version < kManyKeysSince) {
    response.error_code = error;
    response.error_message = message;
    response.node_id = kNobody;
    response.port = kNoPort;
    co_return response;
  }
  for (auto& key : request.coordinator_keys) {
    response.coordinators.push_back({.key = std::move(key),
                                     .node_id = kNobody,
                                     .host = "",
                                     .port = kNoPort,
                                     .error_code = error,
                                     .error_message = message});
  }
  co_return response;
}

}  // namespace

Api find_coordinator_api() {
  return make_api<FindCoordinatorRequest, handle>({0, 6});
}

}  // namespace weir::api
