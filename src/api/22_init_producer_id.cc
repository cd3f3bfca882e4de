// InitProducerId (key 22), versions 0-5: an id for an idempotent producer, from a durable block.
// Gap: with a transactional id COORDINATOR_NOT_AVAILABLE until there are transactions, so that clients keep trying.
#include "protocol/schema/22_init_producer_id.h"

#include <utility>

#include "api/dispatcher.h"

namespace weir::api {
namespace {

using protocol::InitProducerIdRequest;
using protocol::InitProducerIdResponse;

InitProducerIdResponse refuse(ErrorCode error) {
  InitProducerIdResponse response;
  response.error_code = error;
  response.producer_epoch = kNoProducerEpoch;
  return response;
}

boost::asio::awaitable<Answer<InitProducerIdResponse>> handle(RequestContext& context, InitProducerIdRequest request) {
  if (request.transactional_id) {
    const bool is_empty = request.transactional_id->empty();
    co_return refuse(is_empty ? ErrorCode::kInvalidRequest : ErrorCode::kCoordinatorNotAvailable);
  }
  metadata::Origin origin;
  origin.deadline = context.services.clock.steady() + Millis(context.services.config.settings.request_timeout_ms);
  const auto [error, id] = co_await context.services.producer_ids.next(std::move(origin));
  if (error != ErrorCode::kNone) co_return refuse(error);
  InitProducerIdResponse response;
  response.producer_id = id;
  response.producer_epoch = ProducerEpoch{0};
  co_return response;
}

}  // namespace

Api init_producer_id_api() {
  return make_api<InitProducerIdRequest, handle>({0, 5});
}

}  // namespace weir::api
