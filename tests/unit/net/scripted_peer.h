// The two ends that a connection stands between: a client that sends raw bytes, and a handler that does what the test
// tells it, request by request. Everything runs on the test's thread by Shard::step() and a manual clock.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/byte_chain.h"
#include "base/bytes.h"
#include "base/check.h"
#include "net/connection_group.h"
#include "net/frame_handler.h"
#include "net/socket.h"
#include "support/manual_clock.h"

namespace weir::net {

inline Bytes framed(std::string_view payload) {
  Bytes bytes(4 + payload.size());
  store_be(bytes.data(), static_cast<std::int32_t>(payload.size()));
  std::copy(payload.begin(), payload.end(), bytes.begin() + 4);
  return bytes;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Bytes announced(std::int32_t size) {
  Bytes bytes(4);
  store_be(bytes.data(), size);
  return bytes;
}

inline Reply text_reply(std::string_view text) {
  Reply reply;
  reply.kind = Reply::Kind::kBytes;
  const auto bytes = as_bytes(text);
  reply.bytes.append(Bytes(bytes.begin(), bytes.end()));
  return reply;
}

inline Reply silent_reply() {
  Reply reply;
  reply.kind = Reply::Kind::kNothing;
  return reply;
}

inline Reply closing_reply() {
  return Reply{};
}

// A file that is gone with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) : file_(::open("/tmp", O_TMPFILE | O_RDWR, 0600)) {
    CHECK(file_.is_open(), "no temporary file, errno {}", errno);
    const auto written = ::write(file_.fd(), content.data(), content.size());
    CHECK(written == static_cast<ssize_t>(content.size()));
  }
  [[nodiscard]] FileRange range(std::uint64_t offset, std::uint64_t size) const {
    FileRange range;
    range.fd = file_.fd();
    range.offset = offset;
    range.size = size;
    return range;
  }
  void truncate(std::uint64_t size) { CHECK(::ftruncate(file_.fd(), static_cast<off_t>(size)) == 0); }

 private:
  Socket file_;
};

// The client's end of a stream socket.
class Peer {
 public:
  explicit Peer(Socket socket) : socket_(std::move(socket)) {}

  // Returns what the socket took.
  std::size_t send(ByteView bytes) {
    const auto sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // What has arrived and was not received before, at most `size_max`.
  std::string receive(std::size_t size_max = 64 * kMiB) {
    std::string all;
    std::vector<char> part(64 * kKiB);
    while (!ended_ && all.size() < size_max) {
      const auto got = ::recv(socket_.fd(), part.data(), std::min(part.size(), size_max - all.size()), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) {
        ended_ = true;
        break;
      }
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  // Whether the connection was seen to end by receive().
  [[nodiscard]] bool has_ended() const { return ended_; }
  void shut_down_sending() { ::shutdown(socket_.fd(), SHUT_WR); }
  void close() { socket_.close(); }
  [[nodiscard]] int fd() const { return socket_.fd(); }

 private:
  Socket socket_;
  bool ended_ = false;
};

class ScriptedHandler {
 public:
  struct Call {
    Frame frame;
    std::string payload;  // as it arrived
    std::shared_ptr<StartedRequest> started;
    std::shared_ptr<OneShot<Reply>> reply;
  };

  explicit ScriptedHandler(Shard& shard) : shard_(shard) {}

  [[nodiscard]] FrameHandler handler() {
    return [this](Shard&, Frame frame, std::shared_ptr<const ConnectionInfo>, std::shared_ptr<StartedRequest> started) {
      return handle(this, std::move(frame), std::move(started));
    };
  }
  // From now on every request is answered at once with its own bytes.
  void echo() { echo_ = true; }

  std::vector<Call> calls;

 private:
  static boost::asio::awaitable<Reply> handle(ScriptedHandler* self, Frame frame,
                                              std::shared_ptr<StartedRequest> started) {
    const std::string payload(as_text(frame.bytes));
    if (self->echo_) co_return text_reply(payload);
    auto reply = make_one_shot<Reply>(self->shard_);
    Call call;
    call.frame = std::move(frame);
    call.payload = payload;
    call.started = std::move(started);
    call.reply = reply;
    self->calls.push_back(std::move(call));
    auto result = co_await reply->wait();
    co_return *std::move(result);
  }

  Shard& shard_;
  bool echo_ = false;
};

// One shard, one group of connections, any number of peers.
class ConnectionBench {
 public:
  static constexpr std::uint64_t kParkedBudgetBytes = 1600;  // 100 a connection

  // One budget for frames of both kinds, unless `arriving_budget_bytes` gives those that arrive one of their own.
  explicit ConnectionBench(const ConnectionLimits& limits = {}, std::uint64_t budget_bytes = kGiB,
                           std::uint64_t arriving_budget_bytes = 0)
      : shard(0, clock),
        script(shard),
        budget(std::make_shared<MemoryBudget>(budget_bytes)),
        arriving_budget(arriving_budget_bytes == 0 ? budget : std::make_shared<MemoryBudget>(arriving_budget_bytes)),
        parked_budget(std::make_shared<MemoryBudget>(kParkedBudgetBytes)),
        buffers(std::make_shared<BufferPool>(kMiB)),
        open_count(std::make_shared<std::atomic<std::uint32_t>>(0)),
        group(std::make_shared<ConnectionGroup>(shard, limits, script.handler(),
                                                RequestBudgets{budget, arriving_budget, parked_budget}, buffers,
                                                open_count)) {
    std::signal(SIGPIPE, SIG_IGN);
  }

  // `send_buffer_bytes` bounds what the kernel takes from us without the peer reading.
  Peer connect(int send_buffer_bytes = 0) {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    if (send_buffer_bytes > 0) {
      ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    }
    ConnectionInfo info;
    info.id = next_id_++;
    open_count->fetch_add(1);
    group->adopt(Socket(ends[0]), std::make_shared<const ConnectionInfo>(std::move(info)));
    shard.step();
    return Peer(Socket(ends[1]));
  }

  void send(Peer& peer, ByteView bytes) {
    CHECK(peer.send(bytes) == bytes.size(), "the socket took too little");
    shard.step();
  }
  void finish(std::size_t call, Reply reply) {
    script.calls[call].reply->set(std::move(reply));
    shard.step();
  }
  void release(std::size_t call) {
    script.calls[call].started->release_order();
    shard.step();
  }
  void advance(Millis by) {
    clock.advance(by);
    shard.step();
  }

  ManualClock clock;
  Shard shard;
  ScriptedHandler script;
  std::shared_ptr<MemoryBudget> budget;
  std::shared_ptr<MemoryBudget> arriving_budget;
  std::shared_ptr<MemoryBudget> parked_budget;
  std::shared_ptr<BufferPool> buffers;
  std::shared_ptr<std::atomic<std::uint32_t>> open_count;
  std::shared_ptr<ConnectionGroup> group;

 private:
  std::uint64_t next_id_ = 1;
};

}  // namespace weir::net
