// One address that clients connect to. One acceptor, on the first shard, hands every new connection to the next shard
// in turn: that spreads them evenly from the first few on, costs a hop once a connection, and (unlike SO_REUSEPORT)
// lets no second process share the port unnoticed.
// Made and destroyed by the broker's main thread; accepting runs on the first shard.
//
// Always holds: at most connection_count_max connections are open; running out of descriptors slows accepting down and
// stops nothing else.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/async/shard.h"
#include "base/buffer_pool.h"
#include "base/result.h"
#include "net/connection_group.h"
#include "net/frame_handler.h"
#include "net/socket.h"

namespace weir::net {

struct ListenerOptions {
  std::string name = "PLAINTEXT";
  Endpoint at;  // a name or an address, empty: every address; port 0: a free one
  ConnectionLimits limits;
  std::uint32_t connection_count_max = 10'000;
};

class Listener {
 public:
  // Binds, so that a port in use shows early (kBusy) and bound() is known; no client gets in before open().
  // The shards outlive the listener and what runs on them.
  static Result<std::unique_ptr<Listener>> bind(ListenerOptions options, std::vector<Shard*> shards);
  ~Listener();

  // Where clients connect: the port taken when 0 was asked for, the address as a number.
  [[nodiscard]] const Endpoint& bound() const { return bound_; }

  // Lets clients in. Once. `handler` runs on every shard, one copy each; budgets and buffers may be shared by
  // listeners.
  Result<void> open(FrameHandler handler, RequestBudgets budgets, std::shared_ptr<BufferPool> buffers);

  // Called once, from a coroutine of any shard, all shards running: lets nobody in, starts no new request, lets started
  // ones finish and their replies leave, cuts what is left at `deadline`. Returns when every connection is closed.
  boost::asio::awaitable<void> stop(SteadyTime deadline);
  // After stop(): returns once no handler runs any more, those included whose connection was cut, or at `deadline`
  // (false). Whatever they work with must live until then.
  boost::asio::awaitable<bool> wait_for_handlers(SteadyTime deadline);

  // Any thread.
  [[nodiscard]] std::uint32_t connection_count() const { return connection_count_->load(std::memory_order_relaxed); }
  // Connections closed at once because connection_count_max were open, or no descriptor was left. Any thread.
  [[nodiscard]] std::uint64_t refused_count() const;

 private:
  class Acceptor;

  Listener(ListenerOptions options, std::vector<Shard*> shards, Socket socket);

  const ListenerOptions options_;
  const std::vector<Shard*> shards_;
  const std::shared_ptr<std::atomic<std::uint32_t>> connection_count_;
  Endpoint bound_;
  Socket socket_;                                         // until open()
  std::vector<std::shared_ptr<ConnectionGroup>> groups_;  // one a shard
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace weir::net
