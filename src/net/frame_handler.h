// What stands between the network and Kafka: a callable from a frame to a reply that may come later. net knows bytes,
// not Kafka. Everything here lives on the connection's shard.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/async/shard.h"
#include "base/async/watch_list.h"
#include "base/byte_chain.h"
#include "base/bytes.h"

namespace weir::net {

// One request without its 4-byte size. `bytes` may be changed in place (batches are patched there).
struct Frame {
  std::shared_ptr<void> owner;  // keeps `bytes` alive
  MutableByteView bytes;
};

// One end of a connection, as text and number.
struct Endpoint {
  std::string host;  // an address, never a name
  std::uint16_t port = 0;
};

// Constant for a connection's life.
struct ConnectionInfo {
  std::uint64_t id = 0;
  Endpoint peer;
  Endpoint local;        // the address the client reached
  std::string listener;  // "PLAINTEXT"
};

struct Reply {
  enum class Kind {
    kBytes,    // goes out after every earlier reply; the 4-byte size is part of `bytes`
    kNothing,  // acks=0: no bytes, and no later reply waits for it
    kClose,    // earlier replies go out, then the connection closes
  };
  Kind kind = Kind::kClose;
  ByteChain bytes;
};

// What a handler may ask of the connection that its request came by. On the connection's shard, but for the watches.
class StartedRequest {
 public:
  // Requests of one connection take effect in arrival order (design decision 3): the next frame's handler starts when
  // this one has released the order, or returned. A handler that only waits from here on (fsync, min_bytes) releases.
  // Idempotent.
  virtual void release_order() = 0;
  // Before a wait for something that may never come: the request leaves the budget of requests at work, so that who
  // waits keeps nobody out, and takes `held_bytes`, what the handler holds meanwhile, of that of parked ones. False:
  // too much is parked already, here or by this connection; answer with what there is. Only the first call counts.
  [[nodiscard]] virtual bool try_park(std::uint64_t held_bytes) = 0;
  // The connection has closed: the answer will go nowhere.
  [[nodiscard]] virtual bool is_abandoned() const = 0;
  // Rung when it closes.
  [[nodiscard]] virtual WatchList& close_watches() = 0;

 protected:
  ~StartedRequest() = default;
};

// `shard` is the connection's; `info` and `request` outlive the coroutine. Never throws for bad bytes: that is
// Reply::kClose.
using FrameHandler = std::function<boost::asio::awaitable<Reply>(
    Shard& shard, Frame frame, std::shared_ptr<const ConnectionInfo> info, std::shared_ptr<StartedRequest> request)>;

}  // namespace weir::net
