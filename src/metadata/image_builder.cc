#include "metadata/image_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::metadata {
namespace {

// More partitions than any topic has; bounds what a corrupt index may allocate.
constexpr std::int32_t kPartitionIndexMax = 1'000'000;
constexpr NodeId kLeaderUnchanged{-2};

template <class T>
std::vector<T> or_empty(const std::optional<std::vector<T>>& list) {
  return list ? *list : std::vector<T>{};
}

// What tells one kept record from another of its type; a later one with the same identity takes its place. The type
// stands in front, so records of different types never meet.
std::string identity(std::uint32_t type, std::string_view rest) {
  std::string key(sizeof type, '\0');
  store_be(reinterpret_cast<std::uint8_t*>(key.data()), type);
  key += rest;
  return key;
}

std::string_view text_of(const Uuid& id) {
  return as_text(id.bytes);
}

// A length in front keeps ("ab", "c") and ("a", "bc") apart; null is none of the texts.
void append_part(std::string& key, const std::optional<std::string>& part) {
  key += part ? fmt::format("{}:{}", part->size(), *part) : "null:";
}

std::string scram_identity(std::string_view name, std::int8_t mechanism) {
  return identity(protocol::UserScramCredentialRecord::record_type, fmt::format("{}:{}", mechanism, name));
}

std::string quota_identity(const protocol::ClientQuotaRecord& record) {
  auto entity = record.entity;
  std::ranges::sort(entity, {}, [](const auto& part) { return part.entity_type; });
  std::string key;
  for (const auto& part : entity) {
    append_part(key, part.entity_type);
    append_part(key, part.entity_name);
  }
  append_part(key, record.key);
  return identity(protocol::ClientQuotaRecord::record_type, key);
}

std::string controller_identity(NodeId id) {
  return identity(protocol::RegisterControllerRecord::record_type, fmt::format("{}", id.value()));
}

struct KeptChange {
  std::string key;
  bool remove = false;
};

// The records that the image keeps as they are, and those that end them.
std::optional<KeptChange> kept_change(const Record& record) {
  using namespace protocol;
  if (const auto* acl = std::get_if<AccessControlEntryRecord>(&record)) {
    return KeptChange{identity(AccessControlEntryRecord::record_type, text_of(acl->id))};
  }
  if (const auto* acl = std::get_if<RemoveAccessControlEntryRecord>(&record)) {
    return KeptChange{identity(AccessControlEntryRecord::record_type, text_of(acl->id)), true};
  }
  if (const auto* scram = std::get_if<UserScramCredentialRecord>(&record)) {
    return KeptChange{scram_identity(scram->name, scram->mechanism)};
  }
  if (const auto* scram = std::get_if<RemoveUserScramCredentialRecord>(&record)) {
    return KeptChange{scram_identity(scram->name, scram->mechanism), true};
  }
  if (const auto* token = std::get_if<DelegationTokenRecord>(&record)) {
    return KeptChange{identity(DelegationTokenRecord::record_type, token->token_id)};
  }
  if (const auto* token = std::get_if<RemoveDelegationTokenRecord>(&record)) {
    return KeptChange{identity(DelegationTokenRecord::record_type, token->token_id), true};
  }
  if (const auto* quota = std::get_if<ClientQuotaRecord>(&record)) {
    return KeptChange{quota_identity(*quota), quota->remove};
  }
  if (const auto* node = std::get_if<RegisterControllerRecord>(&record)) {
    return KeptChange{controller_identity(node->controller_id)};
  }
  if (const auto* node = std::get_if<UnregisterControllerRecord>(&record)) {
    return KeptChange{controller_identity(node->controller_id), true};
  }
  if (std::holds_alternative<ZkMigrationStateRecord>(record)) {
    return KeptChange{identity(ZkMigrationStateRecord::record_type, "")};
  }
  return std::nullopt;
}

Partition partition_of(const protocol::PartitionRecord& record) {
  Partition partition;
  partition.leader = record.leader;
  partition.leader_epoch = record.leader_epoch;
  partition.partition_epoch = record.partition_epoch;
  partition.leader_recovery_state = record.leader_recovery_state;
  partition.replicas = record.replicas;
  partition.directories = record.directories;
  partition.directories.resize(record.replicas.size(), kUnassignedDirectory);
  partition.isr = record.isr;
  partition.removing_replicas = record.removing_replicas;
  partition.adding_replicas = record.adding_replicas;
  partition.eligible_leader_replicas = or_empty(record.eligible_leader_replicas);
  partition.last_known_elr = or_empty(record.last_known_elr);
  return partition;
}

// The directories after `replicas` replaced those of `before`: a replica that stays keeps its own.
std::vector<Uuid> moved_directories(const Partition& before, const std::vector<NodeId>& replicas) {
  std::vector<Uuid> directories;
  directories.reserve(replicas.size());
  for (const NodeId replica : replicas) {
    const auto at = std::ranges::find(before.replicas, replica) - before.replicas.begin();
    const auto index = static_cast<std::size_t>(at);
    directories.push_back(index < before.directories.size() ? before.directories[index] : kUnassignedDirectory);
  }
  return directories;
}

// PartitionRegistration.merge: a change that names a leader raises the leader epoch, any change the partition epoch.
Partition changed_partition(const Partition& before, const protocol::PartitionChangeRecord& change) {
  Partition after = before;
  if (change.replicas) {
    after.directories = moved_directories(before, *change.replicas);
    after.replicas = *change.replicas;
  }
  if (change.directories) {
    after.directories = *change.directories;
    after.directories.resize(after.replicas.size(), kUnassignedDirectory);
  }
  if (change.isr) after.isr = *change.isr;
  if (change.removing_replicas) after.removing_replicas = *change.removing_replicas;
  if (change.adding_replicas) after.adding_replicas = *change.adding_replicas;
  if (change.eligible_leader_replicas) after.eligible_leader_replicas = *change.eligible_leader_replicas;
  if (change.last_known_elr) after.last_known_elr = *change.last_known_elr;
  if (change.leader_recovery_state >= 0) after.leader_recovery_state = change.leader_recovery_state;
  if (change.leader != kLeaderUnchanged) {
    after.leader = change.leader;
    ++after.leader_epoch;
  }
  ++after.partition_epoch;
  return after;
}

bool may_collide(std::string_view name) {
  return name.find_first_of("._") != std::string_view::npos;
}

}  // namespace

ImageBuilder::ImageBuilder(const std::shared_ptr<const Image>& base)
    : image_(base == nullptr ? std::make_shared<Image>() : std::make_shared<Image>(*base)) {}

void ImageBuilder::advance(Offset offset, LeaderEpoch epoch) {
  image_->offset = offset;
  image_->epoch = epoch;
}

Result<void> ImageBuilder::apply(const Record& record, ByteView value) {
  if (auto kept = kept_change(record)) {
    if (kept->remove) {
      image_->kept_.erase(kept->key);
    } else {
      const std::uint32_t type = std::visit([](const auto& held) { return held.record_type; }, record);
      FramedRecord framed{type, Bytes(value.begin(), value.end())};
      image_->kept_.put(kept->key, std::make_shared<const FramedRecord>(std::move(framed)));
    }
    return {};
  }
  return std::visit(
      [this]<class T>(const T& held) -> Result<void> {
        if constexpr (requires { on(held); }) return on(held);
        return {};  // NoOp and the ends of transactions change nothing
      },
      record);
}

std::shared_ptr<const Image> ImageBuilder::finish() {
  for (auto& [id, topic] : drafts_) {
    const std::shared_ptr<const Topic> done = std::move(topic);
    image_->by_name_.put(done->name, done);
    image_->by_id_.put(id, done);
  }
  drafts_.clear();
  for (auto& [id, broker] : broker_drafts_) image_->brokers[id] = std::move(broker);
  broker_drafts_.clear();
  std::shared_ptr<const Image> done = image_;
  image_ = std::make_shared<Image>(*done);
  return done;
}

// --- brokers

Result<Broker*> ImageBuilder::broker_of_epoch(NodeId id, std::int64_t epoch) {
  auto draft = broker_drafts_.find(id);
  if (draft == broker_drafts_.end()) {
    const auto registered = image_->broker(id);
    if (registered == nullptr)
      return fail(Errc::kCorrupt, fmt::format("change of broker {}, which is not registered", id.value()));
    draft = broker_drafts_.emplace(id, std::make_shared<Broker>(*registered)).first;
  }
  if (draft->second->epoch != epoch) {
    return fail(Errc::kCorrupt, fmt::format("change of broker {} at epoch {}, its epoch is {}", id.value(), epoch,
                                            draft->second->epoch));
  }
  return draft->second.get();
}

Result<void> ImageBuilder::on(const protocol::RegisterBrokerRecord& record) {
  auto broker = std::make_shared<Broker>();
  broker->id = record.broker_id;
  broker->epoch = record.broker_epoch;
  broker->incarnation_id = record.incarnation_id;
  for (const auto& at : record.end_points) {
    broker->endpoints.push_back(
        {.name = at.name, .host = at.host, .port = at.port, .security_protocol = at.security_protocol});
  }
  for (const auto& feature : record.features) {
    broker->features[feature.name] = {.min = feature.min_supported_version, .max = feature.max_supported_version};
  }
  broker->rack = record.rack;
  broker->fenced = record.fenced;
  broker->in_controlled_shutdown = record.in_controlled_shutdown;
  broker->is_migrating_zk_broker = record.is_migrating_zk_broker;
  broker->log_dirs = record.log_dirs;
  broker->cordoned_log_dirs = record.cordoned_log_dirs;
  broker_drafts_[record.broker_id] = std::move(broker);
  return {};
}

Result<void> ImageBuilder::on(const protocol::UnregisterBrokerRecord& record) {
  WEIR_TRY(broker_of_epoch(record.broker_id, record.broker_epoch));
  broker_drafts_.erase(record.broker_id);
  image_->brokers.erase(record.broker_id);
  return {};
}

Result<void> ImageBuilder::on(const protocol::FenceBrokerRecord& record) {
  WEIR_TRY_ASSIGN(broker, broker_of_epoch(record.id, record.epoch));
  broker->fenced = true;
  return {};
}

Result<void> ImageBuilder::on(const protocol::UnfenceBrokerRecord& record) {
  WEIR_TRY_ASSIGN(broker, broker_of_epoch(record.id, record.epoch));
  broker->fenced = false;
  return {};
}

Result<void> ImageBuilder::on(const protocol::BrokerRegistrationChangeRecord& record) {
  WEIR_TRY_ASSIGN(broker, broker_of_epoch(record.broker_id, record.broker_epoch));
  if (record.fenced != 0) broker->fenced = record.fenced > 0;
  if (record.in_controlled_shutdown != 0) broker->in_controlled_shutdown = true;
  if (!record.log_dirs.empty()) broker->log_dirs = record.log_dirs;
  if (record.cordoned_log_dirs) broker->cordoned_log_dirs = record.cordoned_log_dirs;
  return {};
}

// --- topics

Topic* ImageBuilder::draft(const Uuid& id) {
  if (const auto open = drafts_.find(id); open != drafts_.end()) return open->second.get();
  const auto* current = image_->by_id_.peek(id);
  if (current == nullptr) return nullptr;
  return drafts_.emplace(id, std::make_shared<Topic>(*current)).first->second.get();
}

std::shared_ptr<const Topic> ImageBuilder::find_topic(std::string_view name) const {
  return image_->by_name_.find(name);
}

Result<void> ImageBuilder::on(const protocol::TopicRecord& record) {
  if (find_topic(record.name) != nullptr || image_->by_id_.peek(record.topic_id) != nullptr) {
    return fail(Errc::kCorrupt,
                fmt::format("topic {} ({}) is there already", record.name, record.topic_id.to_string()));
  }
  auto topic = std::make_shared<Topic>();
  topic->name = record.name;
  topic->id = record.topic_id;
  // A config record may have come before its topic.
  topic->configs = image_->configs(ConfigResourceType::kTopic, record.name);
  image_->configs_.erase(config_key(ConfigResourceType::kTopic, record.name));
  // In the index at once, so that later records of this builder find it; finish() puts the complete one in its place.
  image_->by_name_.put(topic->name, topic);
  image_->by_id_.put(topic->id, topic);
  if (may_collide(topic->name)) {
    const auto folded = fold_topic_name(topic->name);
    const auto* sharing = image_->by_folded_name_.peek(folded);
    CollidingNames names = sharing == nullptr ? CollidingNames{} : *sharing;
    names.insert(std::ranges::lower_bound(names, topic->name), topic->name);
    image_->by_folded_name_.put(folded, std::make_shared<const CollidingNames>(std::move(names)));
  }
  return {};
}

void ImageBuilder::forget_name(std::string_view name) {
  image_->by_name_.erase(name);
  if (!may_collide(name)) return;
  const auto folded = fold_topic_name(name);
  const auto* sharing = image_->by_folded_name_.peek(folded);
  if (sharing == nullptr) return;
  CollidingNames names = *sharing;
  std::erase(names, name);
  if (names.empty()) {
    image_->by_folded_name_.erase(folded);
  } else {
    image_->by_folded_name_.put(folded, std::make_shared<const CollidingNames>(std::move(names)));
  }
}

Result<void> ImageBuilder::on(const protocol::RemoveTopicRecord& record) {
  const auto topic = image_->by_id_.find(record.topic_id);
  if (topic == nullptr)
    return fail(Errc::kCorrupt, fmt::format("removal of unknown topic {}", record.topic_id.to_string()));
  drafts_.erase(record.topic_id);
  forget_name(topic->name);
  image_->by_id_.erase(record.topic_id);
  return {};
}

Result<void> ImageBuilder::on(const protocol::PartitionRecord& record) {
  auto* topic = draft(record.topic_id);
  if (topic == nullptr) {
    return fail(Errc::kCorrupt, fmt::format("partition {} of unknown topic {}", record.partition_id.value(),
                                            record.topic_id.to_string()));
  }
  const auto index = record.partition_id.value();
  if (index < 0 || index > kPartitionIndexMax) {
    return fail(Errc::kCorrupt, fmt::format("partition index {} in topic {}", index, topic->name));
  }
  const auto slot = static_cast<std::size_t>(index);
  if (slot >= topic->partitions.size()) topic->partitions.resize(slot + 1);
  topic->partitions[slot] = std::make_shared<const Partition>(partition_of(record));
  return {};
}

Result<void> ImageBuilder::on(const protocol::PartitionChangeRecord& record) {
  auto* topic = draft(record.topic_id);
  const auto* before = topic == nullptr ? nullptr : topic->partition(record.partition_id);
  if (before == nullptr) {
    return fail(Errc::kCorrupt, fmt::format("change of unknown partition {} of topic {}", record.partition_id.value(),
                                            record.topic_id.to_string()));
  }
  topic->partitions[static_cast<std::size_t>(record.partition_id.value())] =
      std::make_shared<const Partition>(changed_partition(*before, record));
  return {};
}

void ImageBuilder::clear_elr(Topic& topic) {
  for (auto& slot : topic.partitions) {
    if (slot == nullptr || (slot->eligible_leader_replicas.empty() && slot->last_known_elr.empty())) continue;
    Partition cleared = *slot;
    cleared.eligible_leader_replicas.clear();
    cleared.last_known_elr.clear();
    ++cleared.partition_epoch;
    slot = std::make_shared<const Partition>(std::move(cleared));
  }
}

Result<void> ImageBuilder::on(const protocol::ClearElrRecord& record) {
  if (!record.topic_name.empty()) {
    const auto topic = find_topic(record.topic_name);
    if (topic == nullptr)
      return fail(Errc::kCorrupt, fmt::format("ELR cleared of unknown topic {}", record.topic_name));
    clear_elr(*draft(topic->id));
    return {};
  }
  std::vector<Uuid> ids;
  image_->for_each_topic([&ids](const auto& topic) { ids.push_back(topic->id); });
  for (const auto& id : ids) clear_elr(*draft(id));
  return {};
}

// --- configs, features, producer ids

void ImageBuilder::set_config(std::shared_ptr<const ConfigMap>& configs, const protocol::ConfigRecord& record) {
  ConfigMap changed = *configs;
  if (record.value) {
    changed.insert_or_assign(record.name, *record.value);
  } else {
    changed.erase(record.name);
  }
  configs = std::make_shared<const ConfigMap>(std::move(changed));
}

Result<void> ImageBuilder::on(const protocol::ConfigRecord& record) {
  const auto type = static_cast<ConfigResourceType>(record.resource_type);
  if (type == ConfigResourceType::kTopic) {
    if (const auto topic = find_topic(record.resource_name); topic != nullptr) {
      set_config(draft(topic->id)->configs, record);
      return {};
    }
  }
  auto configs = image_->configs(type, record.resource_name);
  set_config(configs, record);
  const auto key = config_key(type, record.resource_name);
  if (configs->empty()) {
    image_->configs_.erase(key);
  } else {
    image_->configs_.put(key, std::move(configs));
  }
  return {};
}

Result<void> ImageBuilder::on(const protocol::FeatureLevelRecord& record) {
  if (record.name == kMetadataVersionFeature &&
      (record.feature_level < kMetadataVersionMin || record.feature_level > kMetadataVersionMax)) {
    return fail(Errc::kUnsupported, fmt::format("metadata.version {} is finalized, known are {} to {}",
                                                record.feature_level, kMetadataVersionMin, kMetadataVersionMax));
  }
  if (record.feature_level == 0) {
    if (const auto found = image_->features.find(record.name); found != image_->features.end()) {
      image_->features.erase(found);
    }
  } else {
    image_->features.insert_or_assign(record.name, record.feature_level);
  }
  return {};
}

Result<void> ImageBuilder::on(const protocol::ProducerIdsRecord& record) {
  if (record.next_producer_id.value() < image_->next_producer_id) {
    return fail(Errc::kCorrupt, fmt::format("producer ids go back from {} to {}", image_->next_producer_id,
                                            record.next_producer_id.value()));
  }
  image_->next_producer_id = record.next_producer_id.value();
  return {};
}

}  // namespace weir::metadata
