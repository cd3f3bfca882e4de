#include "api/advertised.h"

#include <algorithm>

namespace weir::api {

config::HostPort advertised_address(const config::LoadedConfig& config, const net::ConnectionInfo& connection) {
  const auto by_name = [&connection](const config::Listener& listener) { return listener.name == connection.listener; };
  config::HostPort reached{connection.local.host, connection.local.port};
  const auto or_bound_port = [&reached](config::HostPort address) {
    if (address.port == 0) address.port = reached.port;
    return address;
  };
  if (const auto told = std::ranges::find_if(config.advertised, by_name); told != config.advertised.end()) {
    return or_bound_port(told->address);
  }
  const auto bound = std::ranges::find_if(config.listeners, by_name);
  if (bound == config.listeners.end() || is_wildcard(bound->address)) return reached;
  return or_bound_port(bound->address);
}

}  // namespace weir::api
