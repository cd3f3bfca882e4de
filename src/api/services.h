// What handlers work with. Made once by the broker, outlives every request; each part says which thread may use it.
#pragma once

#include <cstdint>
#include <string>

#include "base/async/helpers.h"
#include "base/clock.h"
#include "config/loader.h"
#include "metadata/controller.h"
#include "metadata/image_publisher.h"
#include "model/ids.h"
#include "replica/partition_table.h"
#include "replica/producer_ids.h"

namespace weir::api {

struct Services {
  const config::LoadedConfig& config;
  const Clock& clock;
  Helpers& helpers;
  const metadata::ImagePublisher& image;
  metadata::Controller& controller;
  replica::PartitionTable& partitions;
  replica::ProducerIds& producer_ids;
  std::string cluster_id;
  NodeId node_id;
};

}  // namespace weir::api
