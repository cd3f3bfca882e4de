// TCP as the operating system has it: an owned descriptor, addresses as text, and the options that connections get.
// Any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/frame_handler.h"

namespace weir::net {

// A descriptor that is closed exactly once.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void close();

 private:
  int fd_ = -1;
};

// "10.0.0.1:9092", "[::1]:9092".
[[nodiscard]] std::string to_string(const Endpoint& endpoint);
// Reads "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" (every address). kInvalidArgument says what is wrong.
[[nodiscard]] Result<Endpoint> parse_endpoint(const std::string& text);
// An address as text; an IPv4 address inside an IPv6 one becomes IPv4.
[[nodiscard]] Endpoint endpoint_of(const sockaddr_storage& address);
[[nodiscard]] Endpoint local_endpoint(int socket);
[[nodiscard]] bool is_loopback(const Endpoint& endpoint);

// Binds without listening; `at.host` may be a name, which is resolved here (that may block), IPv4 first as Kafka does.
// An empty host and "::" take every address of both families. Port 0 takes a free one. A port in use is kBusy and the
// error names the endpoint. Non-blocking, closed on exec.
[[nodiscard]] Result<Socket> bind_tcp(const Endpoint& at);
[[nodiscard]] Result<void> listen_on(const Socket& socket);

// What every accepted connection gets: no Nagle, keepalive, an end to peers that stop acknowledging, and reno instead
// of bbr on the loopback device, where bbr's pacing costs throughput. Options the kernel refuses stay as they are.
void set_connection_options(int socket, const Endpoint& peer, std::uint32_t unacknowledged_ms_max);

}  // namespace weir::net
