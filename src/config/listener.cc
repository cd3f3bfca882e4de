#include "config/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/value.h"

namespace weir::config {
namespace {

constexpr std::string_view kSchemeEnd = "://";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_ipv6_text(std::string_view text) {
  // A zone index (%eth0) may hold anything a device name may.
  const auto address = text.substr(0, text.find('%'));
  const auto is_part = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
  };
  return std::ranges::count(address, ':') >= 2 && std::ranges::all_of(address, is_part);
}

bool is_host_text(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; });
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' is not a port from 0 to 65535", text));
  }
  return port;
}

}  // namespace

std::string to_string(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", address.host, address.port) : fmt::format("{}:{}", address.host, address.port);
}

bool is_wildcard(const HostPort& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

Result<HostPort> parse_host_port(std::string_view raw) {
  const auto text = trimmed(raw);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' has no port; write HOST:PORT", text));
  }
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6_text(host)) return fail(Errc::kInvalidArgument, fmt::format("'{}' is not an IPv6 address", host));
  } else if (host.find(':') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}': an IPv6 address stands in brackets, [HOST]:PORT", text));
  } else if (!is_host_text(host)) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' is not a host name or address", host));
  }
  WEIR_TRY_ASSIGN(port, parse_port(text.substr(colon + 1)));
  return HostPort{.host = std::string(host.empty() ? "0.0.0.0" : host), .port = port};
}

Result<Listener> parse_listener(std::string_view raw) {
  const auto text = trimmed(raw);
  const auto scheme = text.find(kSchemeEnd);
  if (scheme == std::string_view::npos || scheme == 0) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' is not of the form NAME://HOST:PORT", text));
  }
  std::string name(text.substr(0, scheme));
  for (char& c : name) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '-' && c != '.') {
      return fail(Errc::kInvalidArgument, fmt::format("'{}' is not a listener's name", name));
    }
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  WEIR_TRY_ASSIGN(address, parse_host_port(text.substr(scheme + kSchemeEnd.size())));
  return Listener{.name = std::move(name), .address = std::move(address)};
}

Result<std::optional<HostPort>> parse_http_listen(std::string_view text) {
  if (trimmed(text) == "off") return std::nullopt;
  auto address = parse_host_port(text);
  if (!address.has_value()) {
    return fail(Errc::kInvalidArgument, address.error().context + ", nor the word off");
  }
  return *std::move(address);
}

}  // namespace weir::config
