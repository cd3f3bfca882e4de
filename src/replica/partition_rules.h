// From settings (broker, topic) to what a partition obeys. Pure; any thread.
#pragma once

#include "config/topic_settings.h"
#include "replica/partition.h"

namespace weir::replica {

[[nodiscard]] PartitionRules make_partition_rules(const config::BrokerSettings& broker,
                                                  const config::TopicSettings& topic);

}  // namespace weir::replica
