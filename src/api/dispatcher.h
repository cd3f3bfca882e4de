// From a frame to the API that answers it: header, version gate, handler. One dispatcher a shard; net calls it for each
// frame of the shard's connections.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "api/services.h"
#include "base/async/shard.h"
#include "net/frame_handler.h"

namespace weir::api {

// Answers one frame. Unknown keys, versions outside the range (but for ApiVersions) and bytes that don't parse close
// the connection, as Kafka does (kafka-protocol 2.1).
boost::asio::awaitable<net::Reply> dispatch(Services& services, Shard& shard, net::Frame frame,
                                            std::shared_ptr<const net::ConnectionInfo> connection,
                                            std::shared_ptr<net::EffectOrder> order);

}  // namespace weir::api
