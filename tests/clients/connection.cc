#include "clients/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>

namespace weir::clients {
namespace {

constexpr std::int32_t kAnswerBytesMax = 256 * 1024 * 1024;

SteadyTime now() {
  return SystemClock{}.steady();
}

// Waits until `fd` is ready for `events` (or broken, which the next call reports).
Result<void> wait_ready(int fd, short events, SteadyTime until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<Millis>(until - now());
    if (left.count() <= 0) return fail(Errc::kTimedOut, "the broker did not answer in time");
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "poll");
  }
}

bool is_hang_up(int error) {
  return error == ECONNRESET || error == EPIPE;
}

}  // namespace

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

Result<Connection> Connection::open(std::string_view endpoint, Millis deadline) {
  const auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::kInvalidArgument, "not HOST:PORT: " + std::string(endpoint));
  const std::string host(endpoint.substr(0, colon));
  const std::string port(endpoint.substr(colon + 1));
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return fail(Errc::kNotFound, "no host " + host);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const auto until = now() + deadline;
  Connection connection(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connection.fd_ < 0) return fail_errno(errno, "socket");
  const int on = 1;
  ::setsockopt(connection.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(connection.fd_, found->ai_addr, found->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return fail_errno(errno, "connect " + std::string(endpoint));
    WEIR_TRY(wait_ready(connection.fd_, POLLOUT, until));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(connection.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail_errno(error, "connect " + std::string(endpoint));
  }
  return connection;
}

Connection& Connection::operator=(Connection&& from) noexcept {
  std::swap(fd_, from.fd_);
  return *this;
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Connection::send(ByteView bytes, Millis deadline) {
  const auto until = now() + deadline;
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      WEIR_TRY(wait_ready(fd_, POLLOUT, until));
    } else if (is_hang_up(errno)) {
      return fail(Errc::kClosed, "the broker hung up while we sent");
    } else if (errno != EINTR) {
      return fail_errno(errno, "send");
    }
  }
  return {};
}

Result<void> Connection::send_frame(ByteView payload, Millis deadline) {
  std::uint8_t length[4];
  store_be(length, static_cast<std::int32_t>(payload.size()));
  WEIR_TRY(send(length, deadline));
  return send(payload, deadline);
}

Result<void> Connection::receive_exactly(MutableByteView to, SteadyTime until) {
  while (!to.empty()) {
    const auto received = ::recv(fd_, to.data(), to.size(), 0);
    if (received > 0) {
      to = to.subspan(static_cast<std::size_t>(received));
    } else if (received == 0 || is_hang_up(errno)) {
      return fail(Errc::kClosed, "the broker hung up");
    } else if (errno == EAGAIN) {
      WEIR_TRY(wait_ready(fd_, POLLIN, until));
    } else if (errno != EINTR) {
      return fail_errno(errno, "recv");
    }
  }
  return {};
}

Result<Bytes> Connection::receive_frame(Millis deadline) {
  const auto until = now() + deadline;
  std::uint8_t length[4];
  WEIR_TRY(receive_exactly(length, until));
  const auto size_bytes = load_be<std::int32_t>(length);
  if (size_bytes < 4 || size_bytes > kAnswerBytesMax) {
    return fail(Errc::kCorrupt, "an answer of " + std::to_string(size_bytes) + " bytes");
  }
  Bytes answer(static_cast<std::size_t>(size_bytes));
  WEIR_TRY(receive_exactly(answer, until));
  return answer;
}

Result<std::size_t> Connection::receive_some(MutableByteView to) {
  for (;;) {
    const auto received = ::recv(fd_, to.data(), to.size(), 0);
    if (received > 0) return static_cast<std::size_t>(received);
    if (received == 0 || is_hang_up(errno)) return fail(Errc::kClosed, "the broker hung up");
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return fail_errno(errno, "recv");
  }
}

void Connection::finish_sending() {
  ::shutdown(fd_, SHUT_WR);
}

Result<std::uint64_t> Connection::wait_closed(Millis deadline) {
  const auto until = now() + deadline;
  std::uint64_t dropped_bytes = 0;
  Bytes block(64 * kKiB);
  for (;;) {
    const auto received = ::recv(fd_, block.data(), block.size(), 0);
    if (received > 0) {
      dropped_bytes += static_cast<std::uint64_t>(received);
      if (now() > until) return fail(Errc::kTimedOut, "the broker kept sending");
    } else if (received == 0 || is_hang_up(errno)) {
      return dropped_bytes;
    } else if (errno == EAGAIN) {
      WEIR_TRY(wait_ready(fd_, POLLIN, until));
    } else if (errno != EINTR) {
      return fail_errno(errno, "recv");
    }
  }
}

}  // namespace weir::clients
