// What is asked of every partition that one shard owns.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "replica/partition_table.h"

namespace weir::replica {

// Calls `visit` for every open partition that `owner` holds. Runs there.
template <class Visit>
boost::asio::awaitable<void> visit_owned(std::shared_ptr<const PartitionMap> map, const Shard& owner, Visit visit) {
  for (const auto& [id, topic] : map->topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition != nullptr && &partition->owner() == &owner) visit(*partition);
    }
  }
  co_return;
}

}  // namespace weir::replica
