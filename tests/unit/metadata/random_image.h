// Images with something of every record type in them, by chance.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "image_fixture.h"
#include "protocol/codec.h"
#include "protocol/schema/control_records.h"

namespace weir::metadata {

class RandomImage {
 public:
  // Of records in the versions of `level`.
  RandomImage(Random& random, std::int16_t level) : random_(random), level_(level) {}

  [[nodiscard]] std::shared_ptr<const Image> draw() {
    builder_ = std::make_unique<ImageBuilder>(nullptr);
    add(feature(std::string(kMetadataVersionFeature), level_));
    add_features();
    add_brokers();
    add_topics();
    add_configs();
    add_access();
    add_the_rest();
    builder_->set_kraft_version(chance(2) ? 1 : 0);
    if (chance(2)) builder_->set_voters(voters());
    builder_->advance(Offset(below(1'000'000)), LeaderEpoch(below(50)));
    return builder_->finish();
  }

 private:
  std::int32_t below(std::uint64_t limit) { return static_cast<std::int32_t>(random_.next_u64() % limit); }
  bool chance(std::uint64_t one_in) { return random_.next_u64() % one_in == 0; }
  Uuid id() { return Uuid::random(random_); }
  Bytes noise(std::size_t size) {
    Bytes bytes(size);
    random_.fill(bytes);
    return bytes;
  }
  Bytes voters() {
    protocol::VotersRecord record;
    auto& voter = record.voters.emplace_back();
    voter.voter_id = NodeId(below(5));
    voter.voter_directory_id = id();
    protocol::WireWriter writer;
    EXPECT_TRUE(protocol::encode(writer, record, protocol::Version{0}).has_value());
    return writer.finish_bytes();
  }
  std::vector<NodeId> nodes(std::uint64_t limit) {
    std::vector<NodeId> list;
    for (auto count = below(limit); count > 0; --count) list.emplace_back(below(5));
    return list;
  }
  std::vector<Uuid> ids(std::size_t count) {
    std::vector<Uuid> list;
    while (list.size() < count) list.push_back(chance(4) ? kUnassignedDirectory : id());
    return list;
  }

  void add(const Record& record) {
    const auto value = encode_record(record, level_);
    ASSERT_TRUE(value.has_value()) << to_string(value.error());
    const auto applied = builder_->apply(record, *value);
    ASSERT_TRUE(applied.has_value()) << to_string(applied.error());
  }

  void add_features() {
    for (int i = below(4); i > 0; --i) {
      add(feature(fmt::format("feature-{}", below(5)), static_cast<std::int16_t>(below(4))));
    }
  }

  void add_brokers() {
    for (int node = 0; node < below(4); ++node) {
      protocol::RegisterBrokerRecord record;
      record.broker_id = NodeId(node);
      record.broker_epoch = below(1000);
      record.incarnation_id = id();
      if (chance(2)) record.rack = fmt::format("rack-{}", below(3));
      record.fenced = chance(2);
      record.in_controlled_shutdown = chance(2);
      record.end_points.push_back({.name = "PLAINTEXT", .host = "h", .port = 9, .security_protocol = 0});
      record.features.push_back({.name = "f", .min_supported_version = 1, .max_supported_version = 3});
      const auto version = record_version(record, level_);
      if (version >= 2) record.is_migrating_zk_broker = chance(3);
      if (version >= 3) record.log_dirs = ids(static_cast<std::size_t>(below(3)));
      if (version >= 4 && chance(2)) record.cordoned_log_dirs = ids(static_cast<std::size_t>(below(2)));
      add(record);
    }
    if (chance(2)) {
      protocol::RegisterControllerRecord record;
      record.controller_id = NodeId(below(4));
      record.incarnation_id = id();
      add(record);
    }
  }

  void add_topics() {
    for (int i = below(30); i > 0; --i) {
      const auto topic = id();
      const auto name = fmt::format("{}{}{}", chance(2) ? "a." : "a_", i, chance(2) ? ".x" : "-x");
      if (chance(4)) add(topic_config(name, "retention.ms", "1"));  // before its topic
      add(topic_record(name, topic));
      for (int index = 0; index < below(6); ++index) {
        if (!chance(8)) add_partition(topic, index);  // else a gap
      }
      for (int configs = below(3); configs > 0; --configs) {
        add(topic_config(name, fmt::format("key-{}", configs), fmt::format("{}", below(100))));
      }
      if (chance(5)) {
        protocol::RemoveTopicRecord removal;
        removal.topic_id = topic;
        add(removal);
      }
    }
    if (chance(3)) add(topic_config("no-such-topic", "segment.ms", "2"));
  }

  void add_partition(const Uuid& topic, std::int32_t index) {
    protocol::PartitionRecord record;
    record.partition_id = PartitionIndex(index);
    record.topic_id = topic;
    record.replicas = nodes(4);
    record.isr = nodes(3);
    record.removing_replicas = nodes(2);
    record.adding_replicas = nodes(2);
    record.leader = NodeId(below(4) - 1);
    record.leader_recovery_state = static_cast<std::int8_t>(below(2));
    record.leader_epoch = LeaderEpoch(below(9));
    record.partition_epoch = below(9);
    const auto version = record_version(record, level_);
    if (version >= 1) record.directories = ids(record.replicas.size());
    if (version >= 2 && chance(2)) record.eligible_leader_replicas = nodes(3);
    if (version >= 2 && chance(2)) record.last_known_elr = nodes(3);
    add(record);
  }

  void add_configs() {
    for (int i = below(6); i > 0; --i) {
      constexpr ConfigResourceType kTypes[] = {ConfigResourceType::kBroker, ConfigResourceType::kClientMetrics,
                                               ConfigResourceType::kGroup};
      protocol::ConfigRecord record;
      record.resource_type = static_cast<std::int8_t>(kTypes[below(3)]);
      record.resource_name = chance(3) ? "" : fmt::format("{}", below(3));
      record.name = fmt::format("key-{}", below(3));
      if (!chance(4)) record.value = std::string(static_cast<std::size_t>(below(20)), 'v');
      add(record);
    }
  }

  void add_access() {
    for (int i = below(4); i > 0; --i) {
      protocol::AccessControlEntryRecord acl;
      acl.id = id();
      acl.resource_name = "r";
      add(acl);
      protocol::UserScramCredentialRecord scram;
      scram.name = fmt::format("user-{}", below(3));
      scram.mechanism = static_cast<std::int8_t>(1 + below(2));
      scram.salt = noise(8);
      scram.iterations = 4096 + below(10);
      add(scram);
      protocol::DelegationTokenRecord token;
      token.token_id = fmt::format("token-{}", below(3));
      token.owner = "o";
      add(token);
      protocol::ClientQuotaRecord quota;
      quota.entity.push_back({.entity_type = "user", .entity_name = fmt::format("u{}", below(3))});
      quota.key = fmt::format("rate-{}", below(2));
      quota.value = below(1000);
      quota.remove = chance(4);
      add(quota);
    }
  }

  void add_the_rest() {
    if (chance(2)) {
      protocol::ProducerIdsRecord ids;
      ids.next_producer_id = ProducerId(below(100'000));
      add(ids);
    }
    if (chance(4)) add(protocol::ZkMigrationStateRecord{});
    add(protocol::NoOpRecord{});
  }

  Random& random_;
  const std::int16_t level_;
  std::unique_ptr<ImageBuilder> builder_;
};

}  // namespace weir::metadata
