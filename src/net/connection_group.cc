#include "net/connection_group.h"

#include <utility>
#include <vector>

#include "net/connection.h"

namespace weir::net {

ConnectionGroup::ConnectionGroup(Shard& shard, const ConnectionLimits& limits, FrameHandler handler,
                                 RequestBudgets budgets, std::shared_ptr<BufferPool> buffers,
                                 std::shared_ptr<std::atomic<std::uint32_t>> total_count)
    : shard_(shard),
      limits_(limits),
      handler_(std::move(handler)),
      budgets_(std::move(budgets)),
      buffers_(std::move(buffers)),
      total_count_(std::move(total_count)),
      tasks_(shard),
      closed_(shard) {}

void ConnectionGroup::adopt(Socket socket, std::shared_ptr<const ConnectionInfo> info) {
  if (is_stopping_) {
    total_count_->fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  const auto id = info->id;
  auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), std::move(info));
  connections_.emplace(id, connection.get());
  connection->start();
}

void ConnectionGroup::stop(SteadyTime deadline) {
  is_stopping_ = true;
  std::vector<std::shared_ptr<Connection>> open;  // stopping may close, and closing forgets
  open.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) open.push_back(connection->shared_from_this());
  for (const auto& connection : open) connection->stop(deadline);
}

boost::asio::awaitable<void> ConnectionGroup::wait_until_closed() {
  while (!connections_.empty()) co_await closed_.wait();
}

boost::asio::awaitable<bool> ConnectionGroup::wait_until_idle(SteadyTime deadline) {
  return tasks_.wait_until_empty(deadline);
}

void ConnectionGroup::forget(const Connection& connection) {
  if (connections_.erase(connection.info().id) == 0) return;
  total_count_->fetch_sub(1, std::memory_order_relaxed);
  closed_.ring();
}

}  // namespace weir::net
