// Hands out producer ids from durable blocks: an id that was given once is never given again, whatever crashes
// (kafka-protocol 4.3). Lives on one shard; asked from any.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "metadata/controller.h"
#include "model/error_code.h"
#include "model/ids.h"

namespace weir::replica {

class ProducerIds {
 public:
  ProducerIds(Shard& shard, metadata::Controller& controller) : shard_(shard), controller_(controller) {}

  // kNone and a fresh id, or why there is none.
  boost::asio::awaitable<std::pair<ErrorCode, ProducerId>> next(metadata::Origin origin);

 private:
  boost::asio::awaitable<std::pair<ErrorCode, ProducerId>> next_here(metadata::Origin origin);

  Shard& shard_;
  metadata::Controller& controller_;
  metadata::ProducerIdBlock block_;                      // what is left of the newest block
  std::vector<std::shared_ptr<OneShot<bool>>> waiting_;  // while a block is being fetched
  bool fetching_ = false;
};

}  // namespace weir::replica
