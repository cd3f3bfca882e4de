// From a frame to the API that answers it (header, version gate), and how an API is made of a request type and a
// coroutine: make_api<Request, handler>(). What is the same for all of them (decoding, response header, frame size,
// closing on bytes that don't parse) stands here. Everything runs on the connection's shard.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "api/services.h"
#include "base/async/shard.h"
#include "base/log.h"
#include "net/frame_handler.h"
#include "protocol/codec.h"
#include "protocol/header.h"

namespace weir::api {

// One request on its way: who asks, in which version, and the means to answer. Lives in the dispatcher's coroutine.
struct RequestContext {
  Services& services;
  Shard& shard;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id;
  std::shared_ptr<const net::ConnectionInfo> connection;
  std::shared_ptr<net::StartedRequest> started;

  // The request has taken effect: only waiting is left, so the connection's next request may start.
  void effect_done() const { started->release_order(); }
};

struct VersionRange {
  std::int16_t min = 0;
  std::int16_t max = 0;
  [[nodiscard]] bool contains(std::int16_t version) const { return min <= version && version <= max; }
};

struct NoAnswer {};         // acks=0
struct CloseConnection {};  // after the answers to earlier requests went out

template <class Response>
using Answer = std::variant<Response, NoAnswer, CloseConnection>;

// One row of the registry.
struct Api {
  protocol::ApiKey key{};
  VersionRange served;
  std::int16_t first_flexible = 0;  // request header v2 from here on
  std::int16_t advertised_min = 0;  // served.min, but for Produce (kafka-protocol 2.2)
  // `body` lies in `frame`.
  boost::asio::awaitable<net::Reply> (*serve)(RequestContext& context, net::Frame frame,
                                              MutableByteView body) = nullptr;
};

// What net calls for every frame, on the connection's shard. Unknown keys, versions outside the range (but for
// ApiVersions) and bytes that don't parse close the connection, as Kafka does (kafka-protocol 2.1). `services` outlive
// every request.
[[nodiscard]] net::FrameHandler frame_handler(Services& services);

// A response with its header and its 4-byte size. One that can't be encoded is our own bug: logged, and the connection
// closes rather than stay mute.
template <class Response>
net::Reply encode_reply(const RequestContext& context, const Response& response, std::int16_t version) {
  auto frame = protocol::response_frame(context.correlation_id, response, version);
  if (!frame) {
    log_error("{} v{}: the answer can't be encoded: {}", to_string(Response::api_key), version,
              to_string(frame.error()));
    return {};
  }
  return {.kind = net::Reply::Kind::kBytes, .bytes = *std::move(frame)};
}

namespace detail {

template <class Request, auto handler>
boost::asio::awaitable<net::Reply> serve(RequestContext& context, net::Frame frame, MutableByteView body) {
  auto request = protocol::decode<Request>(body, context.version);
  if (!request) {
    log_info("connection {} from {}: {} v{} does not parse, closing: {}", context.connection->id,
             context.connection->peer.host, to_string(Request::api_key), context.version, to_string(request.error()));
    co_return net::Reply{};
  }
  if constexpr (!protocol::borrows_records<Request>) frame = {};  // it may wait for long
  auto answer = co_await handler(context, *std::move(request));
  if (std::holds_alternative<NoAnswer>(answer)) {
    net::Reply nothing;
    nothing.kind = net::Reply::Kind::kNothing;
    co_return nothing;
  }
  if (std::holds_alternative<CloseConnection>(answer)) co_return net::Reply{};
  co_return encode_reply(context, std::get<0>(answer), context.version);
}

}  // namespace detail

// `handler`: awaitable<Answer<Response>>(RequestContext&, Request).
template <class Request, auto handler>
Api make_api(VersionRange served) {
  return {.key = Request::api_key,
          .served = served,
          .first_flexible = Request::first_flexible,
          .advertised_min = served.min,
          .serve = detail::serve<Request, handler>};
}

}  // namespace weir::api
