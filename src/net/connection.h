// One client's connection: frames in, replies out. Frames start their handlers in arrival order, each after the one
// before has had its effect (design decision 3); replies leave in arrival order. Owned by one shard for life.
//
// Always holds:
// 1. Memory follows bytes received, never bytes announced: an idle connection has no buffer at all, and a frame that
//    outgrows its buffer has its size in the process-wide budget before it gets another.
// 2. At most the limits' requests, request bytes and unsent reply bytes are outstanding; beyond them nothing is read.
// 3. The socket is closed exactly once, by close(). Started handlers run on; their replies are dropped.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/async/shard.h"
#include "base/async/wake_signal.h"
#include "base/async/watch_list.h"
#include "base/buffer_pool.h"
#include "base/memory_budget.h"
#include "net/connection_group.h"
#include "net/frame_handler.h"
#include "net/response_order.h"
#include "net/socket.h"

namespace weir::net {

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  // `socket` is connected and non-blocking.
  Connection(std::shared_ptr<ConnectionGroup> group, Socket socket, std::shared_ptr<const ConnectionInfo> info);
  ~Connection();

  void start();
  // No new frames. Started requests finish, their replies leave, then it closes; at `deadline` it closes anyway.
  void stop(SteadyTime deadline);
  // At once.
  void close();

  [[nodiscard]] bool is_closed() const { return is_closed_; }
  [[nodiscard]] const ConnectionInfo& info() const { return *info_; }

 private:
  class Request;
  // What reading needs before it can go on.
  enum class Need { kTurn, kReadable, kOtherConnections, kBudget, kNothing };

  static boost::asio::awaitable<void> serve(std::shared_ptr<Connection> self);
  static boost::asio::awaitable<void> run(std::shared_ptr<Request> request, Frame frame);
  boost::asio::awaitable<void> wait_for(Need need);
  boost::asio::awaitable<void> finish();
  boost::asio::awaitable<void> linger();

  Need read_on();
  bool may_start_next() const;
  bool make_room(std::size_t total_bytes);
  bool reserve(MemoryBudget& budget, std::size_t size_bytes);
  void receive();
  void stop_reading();
  void forget_unserved();
  bool is_acceptable(std::int32_t announced_bytes) const;
  void refuse(std::int32_t announced_bytes);

  Frame cut_frame(std::size_t size_bytes);
  void start_request(std::size_t size_bytes);
  void release_order(ResponseOrder::Slot slot);
  void finish_request(Request& request, Reply reply);

  void flush_later();
  void flush();
  void flush_when_writable();

  void before_reading();
  void arm(SteadyTime deadline);
  void on_timer();
  void cut(std::string_view why);
  [[nodiscard]] SteadyTime idle_deadline() const;
  [[nodiscard]] SteadyTime now() const { return group_->shard_.clock().steady(); }
  [[nodiscard]] std::size_t buffered_bytes() const { return filled_ - parsed_; }

  // Constant.
  const std::shared_ptr<ConnectionGroup> group_;
  const std::shared_ptr<const ConnectionInfo> info_;

  boost::asio::posix::stream_descriptor socket_;
  WakeSignal wake_;  // serve() looks again: something it may wait for has changed
  bool is_reading_ = true;
  bool is_closed_ = false;
  bool peer_may_send_ = false;  // we stop although more may come: take leave by linger()

  // Reading: buffer_.bytes[parsed_, filled_) has arrived and is not part of a started request.
  Buffer buffer_;
  std::size_t parsed_ = 0;
  std::size_t filled_ = 0;
  bool buffer_is_viewed_ = false;  // a frame points into it: nothing before filled_ may be reused
  bool is_drained_ = true;         // the last receive took all there was
  std::size_t buffer_bytes_hint_ = BufferPool::kSmallestBytes;
  std::uint64_t turn_bytes_ = 0;
  std::optional<MemoryBudget::Reservation> reservation_;  // for the frame being read
  std::optional<MemoryBudget::Ticket> ticket_;            // waiting for it,
  MemoryBudget* ticket_budget_ = nullptr;                 // here

  // Requests.
  ResponseOrder order_;
  std::optional<ResponseOrder::Slot> order_holder_;  // the newest request, until it releases the order
  std::uint64_t request_bytes_ = 0;                  // of started requests that have no reply yet
  std::uint64_t parked_bytes_ = 0;                   // of the budget of parked requests
  bool flush_is_coming_ = false;
  WatchList close_watches_;  // of parked handlers

  // Deadlines, looked at by one timer that is never later than the earliest of them.
  SteadyTime last_activity_;
  SteadyTime frame_deadline_ = SteadyTime::max();
  SteadyTime write_deadline_ = SteadyTime::max();
  SteadyTime end_deadline_ = SteadyTime::max();
  std::uint64_t written_at_stall_ = 0;
  std::optional<Shard::TimerId> timer_;
};

}  // namespace weir::net
