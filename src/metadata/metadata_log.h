// The port through which the controller's records become durable (design decision 10): an append-only log of v2
// batches,
// __cluster_metadata-0. The controller is its only writer. What lies behind it is not metadata's business: a storage
// log in the broker, a vector in a test.
//
// Who stamps what: the controller. Batches arrive complete: base offset, raft epoch (partition_leader_epoch) and CRC
// are set, since a broker's epoch is the offset of its registration record and so must be known before the append.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

namespace weir::metadata {

class MetadataLog {
 public:
  using BatchVisitor = std::function<Result<void>(ByteView batch)>;

  virtual ~MetadataLog() = default;

  // What is there: [log_start, log_end). The controller's shard, or start-up.
  [[nodiscard]] virtual Offset log_start() const = 0;
  [[nodiscard]] virtual Offset log_end() const = 0;

  // Calls `visit` with every whole batch from the one that holds `first`, in offset order, and stops at its first
  // error, which it returns. `first` lies in [log_start, log_end]. Blocks: start-up only, before any append.
  virtual Result<void> read_from(Offset first, BatchVisitor visit) = 0;

  // Nothing below `offset` will be read again: whole segments below it may go, in the background. `offset` is the end
  // of a batch, and durable. The controller's shard.
  virtual void release_before(Offset offset) = 0;

  // Appends the whole batches that `batches` holds back to back: several at a start, one in any later call. The first
  // one's base offset is the log's end, which the implementation checks. Returns when all of them have been fsynced.
  // One call at a time, from the controller's shard. kNoSpace, for a single batch: the log is as it was, and the
  // controller goes on. Any other error: it never appends again.
  virtual boost::asio::awaitable<Result<void>> append_durably(Bytes batches) = 0;
};

}  // namespace weir::metadata
