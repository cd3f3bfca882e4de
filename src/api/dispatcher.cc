#include "api/dispatcher.h"

#include <array>
#include <utility>

#include "api/18_api_versions.h"
#include "api/registry.h"
#include "base/log.h"
#include "protocol/header.h"

namespace weir::api {
namespace {

// Kafka's own keys end at 93 today; a key beyond this is nobody's.
constexpr std::size_t kApiKeysEnd = 128;

// Null when no such API is served.
const Api* find_api(std::int16_t key) {
  static const auto by_key = [] {
    std::array<const Api*, kApiKeysEnd> apis{};
    for (const auto& api : registered_apis()) apis.at(static_cast<std::size_t>(api.key)) = &api;
    return apis;
  }();
  const auto index = static_cast<std::uint16_t>(key);
  return index < by_key.size() ? by_key[index] : nullptr;
}

boost::asio::awaitable<net::Reply> dispatch(Services& services, Shard& shard, net::Frame frame,
                                            std::shared_ptr<const net::ConnectionInfo> connection,
                                            std::shared_ptr<net::StartedRequest> started) {
  const auto prefix = protocol::peek_request(frame.bytes);
  const auto* api = prefix ? find_api(prefix->api_key) : nullptr;
  if (api == nullptr) {
    log_info("connection {} from {}: api key {} is not served, closing", connection->id, connection->peer.host,
             prefix ? prefix->api_key : -1);
    co_return net::Reply{};
  }
  auto request =
      protocol::open_request(frame.bytes, protocol::request_header_version(api->first_flexible, prefix->api_version));
  if (!request) {
    log_info("connection {} from {}: {} v{}: bad request header, closing: {}", connection->id, connection->peer.host,
             to_string(api->key), prefix->api_version, to_string(request.error()));
    co_return net::Reply{};
  }
  RequestContext context{.services = services,
                         .shard = shard,
                         .version = prefix->api_version,
                         .correlation_id = request->header.correlation_id,
                         .client_id = std::move(request->header.client_id),
                         .connection = std::move(connection),
                         .started = std::move(started)};
  if (!api->served.contains(context.version)) {
    if (api->key == protocol::ApiKey::kApiVersions) co_return refuse_api_versions(context);
    log_info("connection {} from {}: {} v{} is not served, closing", context.connection->id,
             context.connection->peer.host, to_string(api->key), context.version);
    co_return net::Reply{};
  }
  const auto body = request->body;
  co_return co_await api->serve(context, std::move(frame), body);
}

}  // namespace

net::FrameHandler frame_handler(Services& services) {
  return [&services](Shard& shard, net::Frame frame, std::shared_ptr<const net::ConnectionInfo> connection,
                     std::shared_ptr<net::StartedRequest> started) {
    return dispatch(services, shard, std::move(frame), std::move(connection), std::move(started));
  };
}

}  // namespace weir::api
