#include "metadata/directory_records.h"

#include <algorithm>
#include <utility>

namespace weir::metadata {
namespace {

constexpr std::string_view kEligibleReplicasFeature = "eligible.leader.replicas.version";

bool holds(const std::vector<Uuid>& directories, const Uuid& directory) {
  return std::ranges::find(directories, directory) != directories.end();
}

// nullopt: it has no replica there, or its directory was never chosen.
std::optional<Uuid> chosen_directory(const Partition& partition, NodeId node) {
  for (std::size_t i = 0; i < partition.replicas.size() && i < partition.directories.size(); ++i) {
    const auto& directory = partition.directories[i];
    if (partition.replicas[i] != node || directory.is_zero() || directory == kUnassignedDirectory) continue;
    return directory;
  }
  return std::nullopt;
}

}  // namespace

bool has_directory_of(const Image& image, const Partition& partition, NodeId node) {
  const auto directory = chosen_directory(partition, node);
  const auto broker = image.broker(node);
  // A registration of a level that has no place for directories names none.
  if (!directory || broker == nullptr || broker->log_dirs.empty()) return !directory || *directory != kLostDirectory;
  return holds(broker->log_dirs, *directory);
}

bool is_replica_offline(const Image& image, const Partition& partition, NodeId node) {
  const auto broker = image.broker(node);
  return broker == nullptr || broker->fenced || !has_directory_of(image, partition, node);
}

protocol::PartitionChangeRecord leaderless_record(const Image& image, const Topic& topic, std::int32_t index,
                                                  NodeId node) {
  const auto& partition = *topic.partition(PartitionIndex(index));
  protocol::PartitionChangeRecord change;
  change.partition_id = PartitionIndex(index);
  change.topic_id = topic.id;
  change.leader = kNoLeader;
  auto isr = partition.isr;
  if (std::erase(isr, node) == 0) return change;
  const bool has_eligible_replicas = image.feature_level(kEligibleReplicasFeature) > 0;
  if (isr.empty() && has_eligible_replicas) {
    change.eligible_leader_replicas = partition.eligible_leader_replicas;
    change.eligible_leader_replicas->push_back(node);
    change.last_known_elr = {node};
  }
  if (!isr.empty() || has_eligible_replicas) change.isr = std::move(isr);
  return change;
}

Records offline_records(const Image& image, NodeId node, const std::vector<Uuid>& lost) {
  const auto broker = image.broker(node);
  if (broker == nullptr || !level_has_directories(image.metadata_version())) return {};
  Records records;
  auto kept = broker->log_dirs;
  std::erase_if(kept, [&lost](const Uuid& directory) { return holds(lost, directory); });
  if (kept.empty()) return {};
  if (kept.size() != broker->log_dirs.size()) {
    protocol::BrokerRegistrationChangeRecord change;
    change.broker_id = node;
    change.broker_epoch = broker->epoch;
    change.log_dirs = std::move(kept);
    records.emplace_back(std::move(change));
  }
  image.for_each_topic([&](const auto& topic) {
    for (std::int32_t index = 0; index < topic->partition_count(); ++index) {
      const auto* partition = topic->partition(PartitionIndex(index));
      if (partition == nullptr || partition->leader != node || records.size() > kOfflinePartitionsMax) continue;
      const auto directory = chosen_directory(*partition, node);
      if (directory && holds(lost, *directory)) records.emplace_back(leaderless_record(image, *topic, index, node));
    }
  });
  return records;
}

}  // namespace weir::metadata
