// The address that clients are told to come back to, per listener (design decision: a wildcard listener without
// advertised.listeners answers with the address that the client reached). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "config/listener.h"
#include "config/loader.h"
#include "net/frame_handler.h"

namespace weir::api {

// What this broker is called on the connection's listener. Ports given as 0 are the ones really bound.
[[nodiscard]] config::HostPort advertised_address(const config::LoadedConfig& config,
                                                  const net::ConnectionInfo& connection);

}  // namespace weir::api
