#include "metadata/image_records.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "metadata/record.h"

namespace weir::metadata {
namespace {

constexpr std::int64_t kNoBrokerEpoch = -1;

template <class T>
std::optional<std::vector<T>> unless_empty(const std::vector<T>& list) {
  if (list.empty()) return std::nullopt;
  return list;
}

// Collects values; the first record that can't be encoded ends it.
class Values {
 public:
  explicit Values(std::int16_t level) : level_(level) {}

  Result<void> add(const Record& record) {
    WEIR_TRY_ASSIGN(value, encode_record(record, level_));
    values_.push_back(std::move(value));
    return {};
  }
  void add_framed(const Bytes& value) { values_.push_back(value); }
  [[nodiscard]] std::int16_t level() const { return level_; }
  [[nodiscard]] std::vector<Bytes> take() && { return std::move(values_); }

 private:
  std::int16_t level_;
  std::vector<Bytes> values_;
};

// metadata.version first: it says how to read what follows.
Result<void> add_features(const Image& image, Values& to) {
  const auto add = [&](const std::string& name, std::int16_t level) {
    protocol::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    return to.add(record);
  };
  WEIR_TRY(add(std::string(kMetadataVersionFeature), image.metadata_version()));
  for (const auto& [name, level] : image.features) {
    if (name != kMetadataVersionFeature) WEIR_TRY(add(name, level));
  }
  return {};
}

protocol::RegisterBrokerRecord broker_record(const Broker& broker, std::int16_t level) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = broker.id;
  record.incarnation_id = broker.incarnation_id;
  record.broker_epoch = broker.epoch;
  for (const auto& endpoint : broker.endpoints) {
    record.end_points.push_back({.name = endpoint.name,
                                 .host = endpoint.host,
                                 .port = endpoint.port,
                                 .security_protocol = endpoint.security_protocol});
  }
  for (const auto& [name, range] : broker.features) {
    record.features.push_back({.name = name, .min_supported_version = range.min, .max_supported_version = range.max});
  }
  record.rack = broker.rack;
  record.fenced = broker.fenced;
  record.in_controlled_shutdown = broker.in_controlled_shutdown;
  const auto version = record_version(record, level);
  if (version >= 2) record.is_migrating_zk_broker = broker.is_migrating_zk_broker;
  if (version >= 3) record.log_dirs = broker.log_dirs;
  if (version >= 4) record.cordoned_log_dirs = broker.cordoned_log_dirs;
  return record;
}

protocol::PartitionRecord partition_record(const Topic& topic, std::int32_t index, const Partition& partition,
                                           std::int16_t level) {
  protocol::PartitionRecord record;
  record.partition_id = PartitionIndex(index);
  record.topic_id = topic.id;
  record.replicas = partition.replicas;
  record.isr = partition.isr;
  record.removing_replicas = partition.removing_replicas;
  record.adding_replicas = partition.adding_replicas;
  record.leader = partition.leader;
  record.leader_recovery_state = partition.leader_recovery_state;
  record.leader_epoch = partition.leader_epoch;
  record.partition_epoch = partition.partition_epoch;
  const auto version = record_version(record, level);
  if (version >= 1) record.directories = partition.directories;
  if (version >= 2) {
    record.eligible_leader_replicas = unless_empty(partition.eligible_leader_replicas);
    record.last_known_elr = unless_empty(partition.last_known_elr);
  }
  return record;
}

Result<void> add_configs(ConfigResourceType type, std::string_view name, const ConfigMap& configs, Values& to) {
  for (const auto& [key, value] : configs) {
    protocol::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(type);
    record.resource_name = std::string(name);
    record.name = key;
    record.value = value;
    WEIR_TRY(to.add(record));
  }
  return {};
}

Result<void> add_topic(const Topic& topic, Values& to) {
  protocol::TopicRecord record;
  record.name = topic.name;
  record.topic_id = topic.id;
  WEIR_TRY(to.add(record));
  for (std::int32_t index = 0; index < topic.partition_count(); ++index) {
    const auto* partition = topic.partition(PartitionIndex(index));
    if (partition != nullptr) WEIR_TRY(to.add(partition_record(topic, index, *partition, to.level())));
  }
  return add_configs(ConfigResourceType::kTopic, topic.name, *topic.configs, to);
}

Result<void> add_topics(const Image& image, Values& to) {
  std::vector<std::shared_ptr<const Topic>> topics;
  topics.reserve(image.topic_count());
  image.for_each_topic([&topics](const auto& topic) { topics.push_back(topic); });
  std::ranges::sort(topics, {}, [](const auto& topic) -> const std::string& { return topic->name; });
  for (const auto& topic : topics) WEIR_TRY(add_topic(*topic, to));
  return {};
}

Result<void> add_other_configs(const Image& image, Values& to) {
  std::vector<std::pair<std::string, std::shared_ptr<const ConfigMap>>> all;
  image.for_each_config([&all](const std::string& key, const auto& configs) { all.emplace_back(key, configs); });
  std::ranges::sort(all, {}, [](const auto& entry) -> const std::string& { return entry.first; });
  for (const auto& [key, configs] : all) {
    const auto type = static_cast<ConfigResourceType>(key.front());
    WEIR_TRY(add_configs(type, std::string_view(key).substr(1), *configs, to));
  }
  return {};
}

// As they stood in the log. Their keys begin with the type, so each type stays together.
void add_kept_records(const Image& image, Values& to) {
  std::vector<std::pair<std::string, std::shared_ptr<const FramedRecord>>> all;
  image.for_each_kept([&all](const std::string& key, const auto& record) { all.emplace_back(key, record); });
  std::ranges::sort(all, {}, [](const auto& entry) -> const std::string& { return entry.first; });
  for (const auto& [key, record] : all) to.add_framed(record->value);
}

}  // namespace

Result<std::vector<Bytes>> records_of(const Image& image) {
  if (image.metadata_version() == 0) return fail(Errc::kInvalidArgument, "an image without metadata.version");
  Values values(image.metadata_version());
  WEIR_TRY(add_features(image, values));
  for (const auto& [id, broker] : image.brokers) WEIR_TRY(values.add(broker_record(*broker, values.level())));
  WEIR_TRY(add_topics(image, values));
  WEIR_TRY(add_other_configs(image, values));
  if (image.next_producer_id > 0) {
    protocol::ProducerIdsRecord record;
    record.broker_id = kNoLeader;
    record.broker_epoch = kNoBrokerEpoch;
    record.next_producer_id = ProducerId(image.next_producer_id);
    WEIR_TRY(values.add(record));
  }
  add_kept_records(image, values);
  return std::move(values).take();
}

}  // namespace weir::metadata
