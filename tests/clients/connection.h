// A blocking TCP connection that sends any bytes and receives whole answers, each wait with a deadline, so that a
// broker that hangs fails a test instead of stopping it. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace weir::clients {

inline constexpr Millis kAnswerDeadline{30'000};

// Turns SIGPIPE off for the process: a broker that hangs up is an error value here. Call first in main.
void ignore_broken_pipes();

class Connection {
 public:
  // `endpoint` is HOST:PORT. kInvalidArgument, kNotFound, kIo, kTimedOut.
  static Result<Connection> open(std::string_view endpoint, Millis deadline = kAnswerDeadline);

  Connection(Connection&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  Connection& operator=(Connection&& from) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // All of `bytes`, as they are. kClosed: the broker hung up before it took them all.
  Result<void> send(ByteView bytes, Millis deadline = kAnswerDeadline);
  // Length before `payload`, then both.
  Result<void> send_frame(ByteView payload, Millis deadline = kAnswerDeadline);
  // One answer without its length. kClosed at the end of the stream, kTimedOut, kCorrupt for a length below 4 or over
  // 256 MiB.
  Result<Bytes> receive_frame(Millis deadline = kAnswerDeadline);
  // What has arrived, at most `to`; 0 when there is nothing yet. kClosed at the end of the stream.
  Result<std::size_t> receive_some(MutableByteView to);
  // For poll(2) and the like.
  [[nodiscard]] int descriptor() const { return fd_; }
  // Sends nothing more; the broker sees the end of our stream.
  void finish_sending();
  // Reads and drops until the broker closes. Returns the bytes that still came; kTimedOut when it does not close.
  Result<std::uint64_t> wait_closed(Millis deadline = kAnswerDeadline);

 private:
  explicit Connection(int fd) : fd_(fd) {}
  Result<void> receive_exactly(MutableByteView to, SteadyTime until);

  int fd_ = -1;
};

}  // namespace weir::clients
