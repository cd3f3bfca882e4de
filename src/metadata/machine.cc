#include "metadata/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "config/topic_settings.h"
#include "metadata/replica_placement.h"
#include "model/topic_name.h"

namespace weir::metadata {
namespace {

// Ids end where a signed 64-bit number does.
constexpr std::int64_t kProducerIdMax = INT64_MAX - kProducerIdBlockSize;

struct Refusal {
  ErrorCode error;
  std::string message;
};

// The replicas of each partition, by index.
using Assignment = std::vector<std::vector<NodeId>>;

std::optional<Refusal> check_name(const std::string& name, const Image& image) {
  if (auto problem = topic_name_problem(name)) return Refusal{ErrorCode::kInvalidTopicException, std::move(*problem)};
  if (name == kMetadataTopic) {
    return Refusal{ErrorCode::kInvalidRequest, fmt::format("Topic {} belongs to the controllers", name)};
  }
  if (image.topic(name) != nullptr) {
    return Refusal{ErrorCode::kTopicAlreadyExists, fmt::format("Topic {} already exists", name)};
  }
  if (const auto other = image.colliding_topic(name)) {
    return Refusal{
        ErrorCode::kInvalidTopicException,
        fmt::format("Topic {} would share its metric names with topic {}: '.' and '_' count as the same there", name,
                    *other)};
  }
  return std::nullopt;
}

// The topic's configs, where the last of a key counts.
std::expected<config::TopicOverrides, Refusal> check_configs(const NewTopic& topic, const Image& image,
                                                             const config::BrokerSettings& settings) {
  std::map<std::string, std::optional<std::string>> given;
  for (const auto& [key, value] : topic.configs) given.insert_or_assign(key, value);
  config::TopicOverrides overrides;
  for (auto& [key, value] : given) {
    if (!config::topic_key_known(key, image.metadata_version())) {
      return std::unexpected(Refusal{ErrorCode::kInvalidConfig, fmt::format("Unknown topic config name: {}", key)});
    }
    if (!value) {
      return std::unexpected(Refusal{ErrorCode::kInvalidConfig, fmt::format("Topic config {} has a null value", key)});
    }
    overrides.emplace(key, std::move(*value));
  }
  if (auto resolved = config::resolve_topic_settings(settings, overrides); !resolved) {
    return std::unexpected(Refusal{ErrorCode::kInvalidConfig, std::move(resolved.error().context)});
  }
  return overrides;
}

std::optional<Refusal> check_replicas(const std::vector<std::int32_t>& replicas, std::int32_t partition,
                                      const Image& image, const ReplicaPlacement& placement) {
  const auto refusal = [](std::string message) {
    return Refusal{ErrorCode::kInvalidReplicaAssignment, std::move(message)};
  };
  if (replicas.empty()) return refusal(fmt::format("The assignment of partition {} names no broker", partition));
  std::set<std::int32_t> seen;
  bool any_active = false;
  for (const auto node : replicas) {
    if (!seen.insert(node).second) {
      return refusal(fmt::format("The assignment of partition {} names broker {} twice", partition, node));
    }
    if (image.broker(NodeId(node)) == nullptr) {
      return refusal(
          fmt::format("The assignment of partition {} names broker {}, which is not registered", partition, node));
    }
    any_active = any_active || placement.is_active(NodeId(node));
  }
  if (!any_active) {
    return refusal(fmt::format("Every broker in the assignment of partition {} is fenced or shutting down", partition));
  }
  return std::nullopt;
}

std::expected<Assignment, Refusal> check_assignments(const NewTopic& topic, const Image& image,
                                                     const ReplicaPlacement& placement) {
  const auto refuse = [](ErrorCode error, std::string message) {
    return std::unexpected(Refusal{error, std::move(message)});
  };
  if (topic.replication_factor != -1) {
    return refuse(ErrorCode::kInvalidRequest, "With assignments given, the replication factor must be -1");
  }
  if (topic.partition_count != -1) {
    return refuse(ErrorCode::kInvalidRequest, "With assignments given, the number of partitions must be -1");
  }
  std::map<std::int32_t, const std::vector<std::int32_t>*> by_index;
  for (const auto& [index, replicas] : topic.assignments) {
    if (!by_index.emplace(index, &replicas).second) {
      return refuse(ErrorCode::kInvalidReplicaAssignment, fmt::format("Partition {} is assigned twice", index));
    }
    if (auto problem = check_replicas(replicas, index, image, placement)) return std::unexpected(std::move(*problem));
    if (replicas.size() != topic.assignments.front().second.size()) {
      return refuse(ErrorCode::kInvalidReplicaAssignment,
                    fmt::format("Partition {} is assigned to {} brokers, others to {}", index, replicas.size(),
                                topic.assignments.front().second.size()));
    }
  }
  Assignment assignment;
  for (const auto& [index, replicas] : by_index) {
    if (index != static_cast<std::int32_t>(assignment.size())) {
      return refuse(ErrorCode::kInvalidReplicaAssignment, "The assigned partitions are not 0, 1, 2 and so on");
    }
    auto& nodes = assignment.emplace_back();
    for (const auto node : *replicas) nodes.emplace_back(node);
  }
  return assignment;
}

std::expected<Assignment, Refusal> assign(const NewTopic& topic, const Image& image,
                                          const config::BrokerSettings& settings, ReplicaPlacement& placement) {
  if (!topic.assignments.empty()) return check_assignments(topic, image, placement);
  if (topic.replication_factor < -1 || topic.replication_factor == 0) {
    return std::unexpected(Refusal{ErrorCode::kInvalidReplicationFactor,
                                   "The replication factor must be above 0, or -1 for the broker's default"});
  }
  if (topic.partition_count < -1 || topic.partition_count == 0) {
    return std::unexpected(Refusal{ErrorCode::kInvalidPartitions,
                                   "The number of partitions must be above 0, or -1 for the broker's default"});
  }
  const std::int32_t factor =
      topic.replication_factor == -1 ? settings.default_replication_factor : topic.replication_factor;
  const std::int32_t count = topic.partition_count == -1 ? settings.num_partitions : topic.partition_count;
  if (static_cast<std::size_t>(factor) > placement.broker_count()) {
    return std::unexpected(Refusal{ErrorCode::kInvalidReplicationFactor,
                                   fmt::format("A replication factor of {} needs as many brokers, {} are registered",
                                               factor, placement.broker_count())});
  }
  if (placement.active_count() == 0) {
    return std::unexpected(Refusal{ErrorCode::kInvalidReplicationFactor, "Every broker is fenced or shutting down"});
  }
  Assignment assignment;
  for (std::int32_t i = 0; i < count; ++i) assignment.push_back(placement.place(static_cast<std::size_t>(factor)));
  return assignment;
}

void append_topic(Records& records, const NewTopic& topic, const Uuid& id, const config::TopicOverrides& configs,
                  const Assignment& assignment, std::int16_t metadata_version, ReplicaPlacement& placement) {
  records.emplace_back(protocol::TopicRecord{.name = topic.name, .topic_id = id});
  for (const auto& [key, value] : configs) {
    protocol::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(ConfigResourceType::kTopic);
    record.resource_name = topic.name;
    record.name = key;
    record.value = value;
    records.emplace_back(std::move(record));
  }
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    protocol::PartitionRecord record;
    record.partition_id = PartitionIndex(static_cast<std::int32_t>(i));
    record.topic_id = id;
    record.replicas = assignment[i];
    for (const NodeId node : assignment[i]) {
      if (placement.is_active(node)) record.isr.push_back(node);
      if (level_has_directories(metadata_version)) record.directories.push_back(placement.choose_directory(node));
    }
    record.leader = record.isr.front();
    record.leader_epoch = LeaderEpoch(0);
    record.partition_epoch = 0;
    records.emplace_back(std::move(record));
  }
}

// Counted before anything else is looked at, as the request gives it.
std::int64_t requested_partition_count(const CreateTopics& command, const config::BrokerSettings& settings) {
  std::int64_t total = 0;
  for (const auto& topic : command.topics) {
    if (!topic.assignments.empty()) {
      total += static_cast<std::int64_t>(topic.assignments.size());
    } else {
      total += topic.partition_count == -1 ? settings.num_partitions : std::max(topic.partition_count, 0);
    }
  }
  return total;
}

CreatedTopic refused(const std::string& name, Refusal refusal) {
  CreatedTopic answer;
  answer.name = name;
  answer.error = refusal.error;
  answer.message = std::move(refusal.message);
  return answer;
}

}  // namespace

std::vector<CreatedTopic> refuse_all(const CreateTopics& command, ErrorCode error, const std::string& message) {
  std::vector<CreatedTopic> answers;
  for (const auto& topic : command.topics) answers.push_back(refused(topic.name, {error, message}));
  return answers;
}

std::vector<DeletedTopic> refuse_all(const DeleteTopics& command, ErrorCode error) {
  std::vector<DeletedTopic> answers;
  for (const auto& id : command.topic_ids) answers.push_back({.topic_id = id, .error = error});
  return answers;
}

Decision<std::vector<CreatedTopic>> decide(const CreateTopics& command, const Image& image,
                                           const config::BrokerSettings& settings, Random& random) {
  Decision<std::vector<CreatedTopic>> decision;
  if (requested_partition_count(command, settings) > kNewPartitionsMax) {
    decision.answer = refuse_all(command, ErrorCode::kPolicyViolation,
                                 fmt::format("One request may make {} partitions at most", kNewPartitionsMax));
    return decision;
  }
  ReplicaPlacement placement(image, random);
  for (const auto& topic : command.topics) {
    if (auto problem = check_name(topic.name, image)) {
      decision.answer.push_back(refused(topic.name, std::move(*problem)));
      continue;
    }
    auto configs = check_configs(topic, image, settings);
    if (!configs) {
      decision.answer.push_back(refused(topic.name, std::move(configs.error())));
      continue;
    }
    const auto assignment = assign(topic, image, settings, placement);
    if (!assignment) {
      decision.answer.push_back(refused(topic.name, assignment.error()));
      continue;
    }
    CreatedTopic answer;
    answer.name = topic.name;
    answer.topic_id = Uuid::random(random);
    answer.partition_count = static_cast<std::int32_t>(assignment->size());
    answer.replication_factor = static_cast<std::int16_t>(assignment->front().size());
    if (!command.validate_only) {
      append_topic(decision.records, topic, answer.topic_id, *configs, *assignment, image.metadata_version(),
                   placement);
    }
    decision.answer.push_back(std::move(answer));
  }
  return decision;
}

Decision<std::vector<DeletedTopic>> decide(const DeleteTopics& command, const Image& image) {
  Decision<std::vector<DeletedTopic>> decision;
  std::set<Uuid> going;
  for (const auto& id : command.topic_ids) {
    const bool there = image.topic(id) != nullptr && going.insert(id).second;
    if (there) decision.records.emplace_back(protocol::RemoveTopicRecord{.topic_id = id});
    decision.answer.push_back({.topic_id = id, .error = there ? ErrorCode::kNone : ErrorCode::kUnknownTopicId});
  }
  return decision;
}

Decision<std::pair<ErrorCode, ProducerIdBlock>> allocate_producer_ids(const Image& image, NodeId node) {
  Decision<std::pair<ErrorCode, ProducerIdBlock>> decision;
  const auto broker = image.broker(node);
  if (broker == nullptr) {
    decision.answer.first = ErrorCode::kBrokerIdNotRegistered;
    return decision;
  }
  if (image.next_producer_id > kProducerIdMax) {
    decision.answer.first = ErrorCode::kUnknownServerError;
    return decision;
  }
  protocol::ProducerIdsRecord record;
  record.broker_id = node;
  record.broker_epoch = broker->epoch;
  record.next_producer_id = ProducerId(image.next_producer_id + kProducerIdBlockSize);
  decision.records.emplace_back(std::move(record));
  decision.answer = {ErrorCode::kNone,
                     ProducerIdBlock{.first = ProducerId(image.next_producer_id), .count = kProducerIdBlockSize}};
  return decision;
}

}  // namespace weir::metadata
