#include "replica/producer_ids.h"

#include "base/async/run_on.h"

namespace weir::replica {

boost::asio::awaitable<std::pair<ErrorCode, ProducerId>> ProducerIds::next(metadata::Origin origin) {
  co_return co_await run_on(shard_, next_here(std::move(origin)));
}

boost::asio::awaitable<std::pair<ErrorCode, ProducerId>> ProducerIds::next_here(metadata::Origin origin) {
  while (block_.count == 0) {
    if (fetching_) {
      auto fetched = make_one_shot<bool>(shard_);
      waiting_.push_back(fetched);
      if (!co_await fetched->wait(origin.deadline)) {
        co_return std::pair(ErrorCode::kCoordinatorLoadInProgress, kNoProducerId);
      }
      continue;
    }
    fetching_ = true;
    const auto [error, block] = co_await controller_.allocate_producer_ids(origin);
    fetching_ = false;
    if (error == ErrorCode::kNone) block_ = block;
    for (const auto& waiter : std::exchange(waiting_, {})) waiter->set(true);
    if (error != ErrorCode::kNone) co_return std::pair(error, kNoProducerId);
  }
  const auto id = block_.first;
  ++block_.first;
  --block_.count;
  co_return std::pair(ErrorCode::kNone, id);
}

}  // namespace weir::replica
