// One request on its way: who asks, in which version, and the means to answer. Lives in the dispatcher's coroutine, on
// the connection's shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/services.h"
#include "base/async/shard.h"
#include "net/frame_handler.h"

namespace weir::api {

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

}  // namespace weir::api
