#include "net/socket.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir::net {
namespace {

constexpr int kKeepaliveIdleSeconds = 60;
constexpr int kKeepaliveIntervalSeconds = 20;
constexpr int kKeepaliveProbes = 4;

void set_option(int socket, int level, int name, int value) {
  // A refused option leaves a slower connection, not a broken one.
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const Endpoint& at) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const auto port = std::to_string(at.port);
  // This name is loopback wherever nobody says so (RFC 6761, 6.3): a bare container has no hosts file.
  const std::string host = at.host == "localhost" ? "127.0.0.1" : at.host;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) return fail(Errc::kInvalidArgument, fmt::format("host \"{}\": {}", at.host, ::gai_strerror(error)));
  return Addresses(list);
}

const addrinfo* prefer_ipv4(const addrinfo* list) {
  for (const auto* address = list; address != nullptr; address = address->ai_next) {
    if (address->ai_family == AF_INET) return address;
  }
  return list;
}

Result<Socket> bind_to(const sockaddr* address, socklen_t size, const Endpoint& named) {
  Socket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return fail_errno(errno, fmt::format("open a socket for {}", to_string(named)));
  // A restart must not wait for connections of the previous run to fade; it does not let two brokers share a port.
  set_option(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address->sa_family == AF_INET6) set_option(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(socket.fd(), address, size) != 0) return fail_errno(errno, fmt::format("listen on {}", to_string(named)));
  return socket;
}

Result<Socket> bind_every_address(const Endpoint& at) {
  sockaddr_in6 both{};
  both.sin6_family = AF_INET6;
  both.sin6_port = htons(at.port);
  auto socket = bind_to(reinterpret_cast<const sockaddr*>(&both), sizeof both, at);
  if (socket || socket.error().code == Errc::kBusy || at.host == "::") return socket;
  sockaddr_in ipv4{};  // a host without IPv6
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(at.port);
  return bind_to(reinterpret_cast<const sockaddr*>(&ipv4), sizeof ipv4, at);
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = other.release();
  return *this;
}

void Socket::close() {
  // Also after EINTR the descriptor is gone on Linux.
  if (is_open()) static_cast<void>(::close(release()));
}

std::string to_string(const Endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                 : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

Result<Endpoint> parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return fail(Errc::kInvalidArgument, fmt::format("\"{}\" is not HOST:PORT", text));
  Endpoint endpoint;
  endpoint.host = text.substr(0, colon);
  const bool in_brackets = endpoint.host.size() >= 2 && endpoint.host.front() == '[' && endpoint.host.back() == ']';
  if (in_brackets) {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  } else if (endpoint.host.find(':') != std::string::npos) {
    return fail(Errc::kInvalidArgument, fmt::format("\"{}\": an IPv6 address stands in brackets", text));
  }
  const auto port = std::string_view(text).substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) {
    return fail(Errc::kInvalidArgument, fmt::format("\"{}\": the port is a number from 0 to 65535", text));
  }
  return endpoint;
}

Endpoint endpoint_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  Endpoint endpoint;
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    ::inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
    endpoint.port = ntohs(ipv4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
      ::inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
    }
    endpoint.port = ntohs(ipv6.sin6_port);
  }
  endpoint.host = text.data();
  return endpoint;
}

Endpoint local_endpoint(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return endpoint_of(address);
}

bool is_loopback(const Endpoint& endpoint) {
  return endpoint.host.starts_with("127.") || endpoint.host == "::1";
}

Result<Socket> bind_tcp(const Endpoint& at) {
  if (at.host.empty() || at.host == "::") return bind_every_address(at);
  WEIR_TRY_ASSIGN(addresses, resolve(at));
  const auto* chosen = prefer_ipv4(addresses.get());
  return bind_to(chosen->ai_addr, chosen->ai_addrlen, at);
}

Result<void> listen_on(const Socket& socket) {
  if (::listen(socket.fd(), SOMAXCONN) != 0) {
    return fail_errno(errno, fmt::format("listen on {}", to_string(local_endpoint(socket.fd()))));
  }
  return {};
}

void set_connection_options(int socket, const Endpoint& peer, std::uint32_t unacknowledged_ms_max) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(unacknowledged_ms_max));
  if (!is_loopback(peer)) return;
  std::array<char, 16> algorithm{};
  socklen_t size = algorithm.size() - 1;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, algorithm.data(), &size) != 0) return;
  if (std::string_view(algorithm.data()) != "bbr") return;
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
}

}  // namespace weir::net
