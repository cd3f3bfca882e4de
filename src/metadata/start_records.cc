#include "metadata/start_records.h"

#include <algorithm>

namespace weir::metadata {
namespace {

constexpr std::int8_t kUnfence = -1;
constexpr std::int16_t kKraftVersionMax = 1;

bool holds(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

protocol::RegisterBrokerRecord registration_record(NodeId node, const NodeRegistration& registration,
                                                   const Uuid& incarnation_id, Offset at, std::int16_t level) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = node;
  record.incarnation_id = incarnation_id;
  record.broker_epoch = at.value();
  for (const auto& endpoint : registration.endpoints) {
    record.end_points.push_back({.name = endpoint.name,
                                 .host = endpoint.host,
                                 .port = endpoint.port,
                                 .security_protocol = endpoint.security_protocol});
  }
  record.features.push_back(
      {.name = "kraft.version", .min_supported_version = 0, .max_supported_version = kKraftVersionMax});
  record.features.push_back({.name = std::string(kMetadataVersionFeature),
                             .min_supported_version = kMetadataVersionMin,
                             .max_supported_version = kMetadataVersionMax});
  record.rack = registration.rack;
  if (level_has_directories(level)) record.log_dirs = registration.log_dirs;
  return record;
}

// A partition without a leader may follow a clean stop of Kafka, which gives leaderships up: the node takes it when it
// is known to have every committed record (in sync, or an eligible leader replica).
std::optional<protocol::PartitionChangeRecord> taking_record(const Topic& topic, std::int32_t index, NodeId node) {
  const auto* partition = topic.partition(PartitionIndex(index));
  protocol::PartitionChangeRecord change;
  change.partition_id = PartitionIndex(index);
  change.topic_id = topic.id;
  change.leader = node;
  if (partition->leader == node) return change;
  if (partition->leader != kNoLeader || !partition->is_replica(node)) return std::nullopt;
  const bool eligible = holds(partition->eligible_leader_replicas, node);
  if (!holds(partition->isr, node)) {
    if (!eligible) return std::nullopt;
    change.isr = partition->isr;
    change.isr->push_back(node);
  }
  if (eligible) {
    change.eligible_leader_replicas = partition->eligible_leader_replicas;
    std::erase(*change.eligible_leader_replicas, node);
  }
  if (!partition->last_known_elr.empty()) change.last_known_elr.emplace();
  return change;
}

std::optional<protocol::PartitionChangeRecord> leadership_record(const Image& image, const Topic& topic,
                                                                 std::int32_t index, NodeId node,
                                                                 const MovedLogs& moved) {
  const auto* partition = topic.partition(PartitionIndex(index));
  if (partition == nullptr) return std::nullopt;
  const auto found = moved.find({topic.name, PartitionIndex(index)});
  if (found == moved.end() || !level_has_directories(image.metadata_version())) {
    if (has_directory_of(image, *partition, node)) return taking_record(topic, index, node);
    if (partition->leader != node) return std::nullopt;
    return leaderless_record(image, topic, index, node);
  }
  if (!partition->is_replica(node)) return std::nullopt;
  auto change = taking_record(topic, index, node);
  if (!change) {
    change.emplace();
    change->partition_id = PartitionIndex(index);
    change->topic_id = topic.id;
  }
  change->directories = partition->directories;
  change->directories->resize(partition->replicas.size(), kUnassignedDirectory);
  for (std::size_t i = 0; i < partition->replicas.size(); ++i) {
    if (partition->replicas[i] == node) (*change->directories)[i] = found->second;
  }
  return change;
}

}  // namespace

Records registration_records(const Image& image, NodeId node, const NodeRegistration& registration,
                             const Uuid& incarnation_id, Offset first, bool abort_open_transaction) {
  Records records;
  if (abort_open_transaction) {
    protocol::AbortTransactionRecord abort;
    abort.reason = "the node that began it has stopped";
    records.emplace_back(std::move(abort));
  }
  auto level = image.metadata_version();
  if (level == 0) {
    level = kMetadataVersionOfNewClusters;
    protocol::FeatureLevelRecord feature;
    feature.name = kMetadataVersionFeature;
    feature.feature_level = level;
    records.emplace_back(std::move(feature));
  }
  const Offset epoch = first + static_cast<std::int64_t>(records.size());
  records.emplace_back(registration_record(node, registration, incarnation_id, epoch, level));
  protocol::BrokerRegistrationChangeRecord unfence;
  unfence.broker_id = node;
  unfence.broker_epoch = epoch.value();
  unfence.fenced = kUnfence;
  records.emplace_back(std::move(unfence));
  return records;
}

Records leadership_records(const Image& image, NodeId node, const MovedLogs& moved) {
  Records records;
  std::vector<std::shared_ptr<const Topic>> topics;
  image.for_each_topic([&topics](const auto& topic) { topics.push_back(topic); });
  std::ranges::sort(topics, {}, [](const auto& topic) -> const std::string& { return topic->name; });
  for (const auto& topic : topics) {
    for (std::int32_t index = 0; index < topic->partition_count(); ++index) {
      if (auto change = leadership_record(image, *topic, index, node, moved)) records.emplace_back(std::move(*change));
    }
  }
  return records;
}

}  // namespace weir::metadata
