// Where the broker listens and what address it tells clients: the texts of `listeners`, `advertised.listeners` and
// `weir.http.listen` parsed. Pure; any thread. No name is resolved here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/broker_settings.h"

namespace weir::config {

struct HostPort {
  std::string host;        // an address or a name, without brackets
  std::uint16_t port = 0;  // 0 where one listens: a free one is picked

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "127.0.0.1:9092", "[::1]:9092".
[[nodiscard]] std::string to_string(const HostPort& address);

// True for the addresses that mean every interface (0.0.0.0 and ::).
[[nodiscard]] bool is_wildcard(const HostPort& address);

struct Listener {
  std::string name;  // upper case: "PLAINTEXT"
  HostPort address;  // an empty host has become 0.0.0.0

  friend bool operator==(const Listener&, const Listener&) = default;
};

// "HOST:PORT", "[IPV6]:PORT", ":PORT" (every interface). kInvalidArgument says what is wrong, without naming a key.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);

// "NAME://HOST:PORT". kInvalidArgument says what is wrong, without naming a key.
[[nodiscard]] Result<Listener> parse_listener(std::string_view text);

// weir.http.listen: nullopt for "off".
[[nodiscard]] Result<std::optional<HostPort>> parse_http_listen(std::string_view text);

}  // namespace weir::config
