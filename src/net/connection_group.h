// The connections of one listener on one shard, and what they share. Owned by its shard; shared by pointer with every
// connection and started request, so that it outlives the listener while any of them runs.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "base/async/wake_signal.h"
#include "base/buffer_pool.h"
#include "base/memory_budget.h"
#include "net/frame_handler.h"
#include "net/socket.h"

namespace weir::net {

// Every bound on what one connection may hold or take, each with the setting behind it.
struct ConnectionLimits {
  std::uint32_t frame_bytes_max = 100 * kMiB;               // socket.request.max.bytes
  Millis idle{600'000};                                     // connections.max.idle.ms; negative: for ever
  Millis frame_complete{30'000};                            // from a frame's first byte to its last
  Millis write_stalled{30'000};                             // without one byte of progress
  Millis linger{2'000};                                     // for a peer that still sends after our last byte
  std::uint32_t outstanding_requests_max = 128;             // pipelined on one connection
  std::uint64_t outstanding_request_bytes_max = 64 * kMiB;  // one larger frame still runs, alone
  std::uint64_t unsent_reply_bytes_max = 16 * kMiB;         // in memory; ranges of files don't count
  std::uint64_t turn_bytes_max = kMiB;                      // read or written before other connections get their turn
};

// Bounds over all connections of the process, one for each state of a request, so that who announces frames and never
// sends them can't keep out those that have arrived, nor can requests that only wait for something.
struct RequestBudgets {
  std::shared_ptr<MemoryBudget> arrived;   // whole frames, until they are answered
  std::shared_ptr<MemoryBudget> arriving;  // frames that outgrew their first buffer
  std::shared_ptr<MemoryBudget> parked;    // requests that wait for what may never come

  // A quarter of `capacity_bytes` for whole frames, an eighth for parked requests, the rest for those that arrive: the
  // larger ones are in it.
  [[nodiscard]] static RequestBudgets share(std::uint64_t capacity_bytes) {
    const auto arrived_bytes = capacity_bytes / 4;
    const auto parked_bytes = capacity_bytes / 8;
    return {std::make_shared<MemoryBudget>(arrived_bytes),
            std::make_shared<MemoryBudget>(capacity_bytes - arrived_bytes - parked_bytes),
            std::make_shared<MemoryBudget>(parked_bytes)};
  }
};

class Connection;

class ConnectionGroup : public std::enable_shared_from_this<ConnectionGroup> {
 public:
  // `total_count` counts the open connections of all groups; whoever accepts raises it, the group lowers it.
  ConnectionGroup(Shard& shard, const ConnectionLimits& limits, FrameHandler handler, RequestBudgets budgets,
                  std::shared_ptr<BufferPool> buffers, std::shared_ptr<std::atomic<std::uint32_t>> total_count);

  // Starts serving a connected, non-blocking socket; closes it when the group is stopping.
  void adopt(Socket socket, std::shared_ptr<const ConnectionInfo> info);
  // No new frames on any connection: started requests finish, replies leave. At `deadline` what is left is cut.
  void stop(SteadyTime deadline);
  // Returns once every connection is closed. A handler that outlived its connection may still run. One caller.
  boost::asio::awaitable<void> wait_until_closed();
  // After that: returns once no handler runs any more, or at `deadline` (false). One caller.
  boost::asio::awaitable<bool> wait_until_idle(SteadyTime deadline);

  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }

 private:
  friend class Connection;
  void forget(const Connection& connection);

  Shard& shard_;
  const ConnectionLimits limits_;
  const FrameHandler handler_;
  const RequestBudgets budgets_;
  const std::shared_ptr<BufferPool> buffers_;
  const std::shared_ptr<std::atomic<std::uint32_t>> total_count_;
  TaskGroup tasks_;                                             // every connection and every started request
  std::unordered_map<std::uint64_t, Connection*> connections_;  // by id; each is kept alive by its own coroutine
  WakeSignal closed_;
  bool is_stopping_ = false;
};

}  // namespace weir::net
