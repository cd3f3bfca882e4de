#include "metadata/machine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "image_fixture.h"

namespace weir::metadata {
namespace {

// A machine with its image: commands are decided, applied and answered at once.
class Machine {
 public:
  explicit Machine(std::shared_ptr<const Image> start = one_broker()) : image(std::move(start)) {}

  std::vector<CreatedTopic> create(CreateTopics command) {
    auto decision = decide(command, *image, settings, random);
    record_count = decision.records.size();
    image = apply_all(image, decision.records);
    return decision.answer;
  }
  CreatedTopic create(NewTopic topic) { return create(CreateTopics{.topics = {std::move(topic)}}).front(); }
  ErrorCode error_of(NewTopic topic) { return create(std::move(topic)).error; }

  std::shared_ptr<const Image> image;
  config::BrokerSettings settings;
  SeededRandom random{42};
  std::size_t record_count = 0;
};

NewTopic topic_of(std::string name, std::int32_t partition_count = -1, std::int16_t replication_factor = -1) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partition_count = partition_count;
  topic.replication_factor = replication_factor;
  return topic;
}

NewTopic with_configs(NewTopic topic, std::vector<std::pair<std::string, std::optional<std::string>>> configs) {
  topic.configs = std::move(configs);
  return topic;
}

NewTopic assigned(std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> assignments) {
  auto topic = topic_of("assigned");
  topic.assignments = std::move(assignments);
  return topic;
}

std::shared_ptr<const Image> three_brokers() {
  return apply_all(one_broker(), {broker_record(2, {uuid_of(201), uuid_of(202)}), broker_record(3, {}, true)});
}

TEST(CreateTopics, MakesATopicWithDefaults) {
  Machine machine;
  machine.settings.num_partitions = 3;
  const auto answer = machine.create(topic_of("orders"));
  EXPECT_EQ(answer.error, ErrorCode::kNone) << answer.message.value_or("");
  EXPECT_EQ(answer.partition_count, 3);
  EXPECT_EQ(answer.replication_factor, 1);
  EXPECT_EQ(answer.topic_id.bytes[6] >> 4, 4);  // a random id
  const auto topic = machine.image->topic("orders");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->id, answer.topic_id);
  ASSERT_EQ(topic->partition_count(), 3);
  for (const auto& partition : topic->partitions) {
    EXPECT_EQ(partition->leader, NodeId(1));
    EXPECT_EQ(partition->leader_epoch, LeaderEpoch(0));
    EXPECT_EQ(partition->partition_epoch, 0);
    EXPECT_EQ(partition->isr, std::vector<NodeId>{NodeId(1)});
    EXPECT_EQ(partition->directory_of(NodeId(1)), uuid_of(200));
  }
}

TEST(CreateTopics, RefusesBadNames) {
  Machine machine;
  EXPECT_EQ(machine.error_of(topic_of("")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(machine.error_of(topic_of("..")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(machine.error_of(topic_of("a b")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(machine.error_of(topic_of(std::string(250, 'x'))), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(machine.error_of(topic_of(std::string(249, 'x'))), ErrorCode::kNone);
  EXPECT_EQ(machine.error_of(topic_of("__cluster_metadata")), ErrorCode::kInvalidRequest);
  EXPECT_EQ(machine.error_of(topic_of("__consumer_offsets")), ErrorCode::kNone);
}

TEST(CreateTopics, RefusesExistingAndCollidingNames) {
  Machine machine;
  EXPECT_EQ(machine.error_of(topic_of("eu.orders")), ErrorCode::kNone);
  const auto again = machine.create(topic_of("eu.orders"));
  EXPECT_EQ(again.error, ErrorCode::kTopicAlreadyExists);
  EXPECT_TRUE(again.topic_id.is_zero());
  EXPECT_EQ(again.partition_count, -1);
  EXPECT_EQ(machine.error_of(topic_of("eu_orders")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(machine.error_of(topic_of("eu-orders")), ErrorCode::kNone);
}

TEST(CreateTopics, NewNamesThatCollideOnlyWithEachOtherAreBothMade) {
  Machine machine;
  const auto answers = machine.create(CreateTopics{.topics = {topic_of("a.b"), topic_of("a_b")}});
  EXPECT_EQ(answers[0].error, ErrorCode::kNone);
  EXPECT_EQ(answers[1].error, ErrorCode::kNone);
  EXPECT_EQ(machine.image->topic_count(), 2u);
}

TEST(CreateTopics, ChecksConfigs) {
  Machine machine;
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a"), {{"no.such.key", "1"}})), ErrorCode::kInvalidConfig);
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a"), {{"retention.ms", "soon"}})), ErrorCode::kInvalidConfig);
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a"), {{"retention.ms", std::nullopt}})), ErrorCode::kInvalidConfig);
  // A key that only Kafka of a later level knows.
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a"), {{"max.decompressed.message.bytes", "1000"}})),
            ErrorCode::kInvalidConfig);
  EXPECT_EQ(
      machine.error_of(with_configs(topic_of("a"), {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}})),
      ErrorCode::kInvalidConfig);
  EXPECT_EQ(machine.image->topic_count(), 0u);
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a"), {{"retention.ms", "soon"}, {"retention.ms", "5"}})),
            ErrorCode::kNone);
  EXPECT_EQ(*machine.image->topic("a")->configs, (ConfigMap{{"retention.ms", "5"}}));
}

TEST(CreateTopics, ChecksCounts) {
  Machine machine;
  EXPECT_EQ(machine.error_of(topic_of("a", 0)), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(machine.error_of(topic_of("a", -2)), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(machine.error_of(topic_of("a", 1, 0)), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(machine.error_of(topic_of("a", 1, -2)), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(machine.error_of(topic_of("a", 1, 2)), ErrorCode::kInvalidReplicationFactor);
  // Order: name, existence, configs, replication factor, partition count.
  EXPECT_EQ(machine.error_of(topic_of("a", 0, 0)), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a", 0, 0), {{"x", "y"}})), ErrorCode::kInvalidConfig);
  EXPECT_EQ(machine.error_of(with_configs(topic_of("a b", 0, 0), {{"x", "y"}})), ErrorCode::kInvalidTopicException);
}

TEST(CreateTopics, LimitsThePartitionsOfARequestAsAWhole) {
  Machine machine;
  const auto refused = machine.create(CreateTopics{.topics = {topic_of("a", 1), topic_of("b", 10'000)}});
  EXPECT_EQ(refused[0].error, ErrorCode::kPolicyViolation);
  EXPECT_EQ(refused[1].error, ErrorCode::kPolicyViolation);
  EXPECT_EQ(machine.image->topic_count(), 0u);
  const auto made = machine.create(CreateTopics{.topics = {topic_of("a", 1), topic_of("b", 9'999)}});
  EXPECT_EQ(made[1].error, ErrorCode::kNone);
  EXPECT_EQ(machine.image->topic("b")->partition_count(), 9'999);
}

TEST(CreateTopics, OneTopicsErrorLeavesTheOthers) {
  Machine machine;
  const auto answers = machine.create(CreateTopics{.topics = {topic_of("a"), topic_of("b b"), topic_of("c")}});
  EXPECT_EQ(answers[0].error, ErrorCode::kNone);
  EXPECT_EQ(answers[1].error, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(answers[1].name, "b b");
  EXPECT_TRUE(answers[1].message.has_value());
  EXPECT_EQ(answers[2].error, ErrorCode::kNone);
  EXPECT_EQ(machine.image->topic_count(), 2u);
}

TEST(CreateTopics, ValidateOnlyChangesNothing) {
  Machine machine;
  const auto answers =
      machine.create(CreateTopics{.topics = {topic_of("a", 4), topic_of("b", 0)}, .validate_only = true});
  EXPECT_EQ(answers[0].error, ErrorCode::kNone);
  EXPECT_EQ(answers[0].partition_count, 4);
  EXPECT_FALSE(answers[0].topic_id.is_zero());
  EXPECT_EQ(answers[1].error, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(machine.record_count, 0u);
}

TEST(CreateTopics, TakesAssignments) {
  Machine machine(three_brokers());
  const auto answer = machine.create(assigned({{1, {2, 1}}, {0, {3, 2}}}));
  ASSERT_EQ(answer.error, ErrorCode::kNone) << answer.message.value_or("");
  EXPECT_EQ(answer.partition_count, 2);
  EXPECT_EQ(answer.replication_factor, 2);
  const auto topic = machine.image->topic("assigned");
  EXPECT_EQ(topic->partitions[0]->replicas, (std::vector<NodeId>{NodeId(3), NodeId(2)}));
  EXPECT_EQ(topic->partitions[0]->isr, std::vector<NodeId>{NodeId(2)});  // 3 is fenced
  EXPECT_EQ(topic->partitions[0]->leader, NodeId(2));
  EXPECT_EQ(topic->partitions[1]->leader, NodeId(2));
  EXPECT_EQ(topic->partitions[0]->directory_of(NodeId(3)), std::nullopt);
}

TEST(CreateTopics, RefusesBadAssignments) {
  Machine machine(three_brokers());
  const auto bad = ErrorCode::kInvalidReplicaAssignment;
  EXPECT_EQ(machine.error_of(assigned({{0, {}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {1, 1}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {9}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {-1}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {3}}})), bad);  // fenced
  EXPECT_EQ(machine.error_of(assigned({{1, {1}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{-1, {1}}, {0, {1}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {1}}, {2, {1}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {1}}, {0, {2}}})), bad);
  EXPECT_EQ(machine.error_of(assigned({{0, {1, 2}}, {1, {1}}})), bad);
  auto counted = assigned({{0, {1}}});
  counted.partition_count = 1;
  EXPECT_EQ(machine.error_of(counted), ErrorCode::kInvalidRequest);
  counted = assigned({{0, {1}}});
  counted.replication_factor = 1;
  EXPECT_EQ(machine.error_of(counted), ErrorCode::kInvalidRequest);
  EXPECT_EQ(machine.image->topic_count(), 0u);
}

TEST(CreateTopics, SpreadsReplicasAndDirectories) {
  Machine machine(three_brokers());
  ASSERT_EQ(machine.error_of(topic_of("wide", 8, 2)), ErrorCode::kNone);
  std::map<std::pair<NodeId, Uuid>, int> directories;
  std::map<NodeId, int> leaders;
  for (const auto& partition : machine.image->topic("wide")->partitions) {
    ++leaders[partition->leader];
    EXPECT_NE(partition->replicas[0], partition->replicas[1]);
    for (const auto replica : partition->replicas) ++directories[{replica, *partition->directory_of(replica)}];
  }
  EXPECT_EQ(leaders, (std::map<NodeId, int>{{NodeId(1), 4}, {NodeId(2), 4}}));
  EXPECT_EQ((directories[{NodeId(2), uuid_of(201)}]), 4);
  EXPECT_EQ((directories[{NodeId(2), uuid_of(202)}]), 4);
  EXPECT_EQ(machine.error_of(topic_of("with-the-fenced", 1, 3)), ErrorCode::kNone);
  EXPECT_EQ(machine.image->topic("with-the-fenced")->partitions[0]->replicas.back(), NodeId(3));
  EXPECT_EQ(machine.error_of(topic_of("too-many", 1, 4)), ErrorCode::kInvalidReplicationFactor);
}

TEST(DeleteTopics, RemovesByIdAndNamesTheUnknown) {
  Machine machine;
  const auto id = machine.create(topic_of("orders")).topic_id;
  const DeleteTopics command{.topic_ids = {uuid_of(9), id, id}};
  const auto decision = decide(command, *machine.image);
  EXPECT_EQ(decision.answer[0].error, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(decision.answer[0].topic_id, uuid_of(9));
  EXPECT_EQ(decision.answer[1].error, ErrorCode::kNone);
  EXPECT_EQ(decision.answer[2].error, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(apply_all(machine.image, decision.records)->topic_count(), 0u);
}

TEST(DeleteTopics, ARecreatedTopicHasANewIdAndNoConfigs) {
  Machine machine;
  const auto first = machine.create(with_configs(topic_of("orders"), {{"retention.ms", "5"}})).topic_id;
  const auto decision = decide(DeleteTopics{.topic_ids = {first}}, *machine.image);
  machine.image = apply_all(machine.image, decision.records);
  const auto second = machine.create(topic_of("orders")).topic_id;
  EXPECT_NE(first, second);
  EXPECT_TRUE(machine.image->topic("orders")->configs->empty());
}

using enum ConfigChange::Operation;

// The topic's config of that name after the change; what was refused leaves it.
std::optional<std::string> value_after(Machine& machine, const ConfigChange& change) {
  const ChangeTopicConfigs command{.topics = {{.topic = "orders", .changes = {change}}}};
  const auto decision = decide(command, *machine.image, machine.settings);
  machine.record_count = decision.records.size();
  machine.image = apply_all(machine.image, decision.records);
  const auto& configs = *machine.image->topic("orders")->configs;
  const auto found = configs.find(change.key);
  return found == configs.end() ? std::nullopt : std::optional(found->second);
}

TEST(ChangeTopicConfigs, ListsGrowAndShrinkFromWhatTheTopicHasOrTheDefault) {
  Machine machine;
  machine.create(topic_of("orders"));
  const std::string key = "cleanup.policy";
  EXPECT_EQ(value_after(machine, {key, kAppend, "compact"}), "delete,compact");
  EXPECT_EQ(value_after(machine, {key, kAppend, "compact,delete"}), "delete,compact");
  EXPECT_EQ(machine.record_count, 0u);
  EXPECT_EQ(value_after(machine, {key, kSubtract, "delete"}), "compact");
  EXPECT_EQ(value_after(machine, {key, kSubtract, "delete"}), "compact");
  EXPECT_EQ(machine.record_count, 0u);
  EXPECT_EQ(value_after(machine, {key, kSet, "delete"}), "delete");
  EXPECT_EQ(value_after(machine, {key, kDelete, std::nullopt}), std::nullopt);
  const std::string replicas = "leader.replication.throttled.replicas";
  EXPECT_EQ(value_after(machine, {replicas, kAppend, "0:1,1:1"}), "0:1,1:1");
  EXPECT_EQ(value_after(machine, {replicas, kSubtract, "0:1"}), "1:1");
}

TEST(ChangeTopicConfigs, WhatIsSetAlreadyIsNotWrittenAgain) {
  Machine machine;
  machine.create(with_configs(topic_of("orders"), {{"retention.ms", "5"}}));
  EXPECT_EQ(value_after(machine, {"retention.ms", kSet, "5"}), "5");
  EXPECT_EQ(machine.record_count, 0u);
  EXPECT_EQ(value_after(machine, {"segment.ms", kDelete, std::nullopt}), std::nullopt);
  EXPECT_EQ(machine.record_count, 0u);
  EXPECT_EQ(value_after(machine, {"retention.ms", kSet, "6"}), "6");
  EXPECT_EQ(machine.record_count, 1u);
}

// A list can outgrow what one string of a request may hold.
TEST(ChangeTopicConfigs, AValueHasALimit) {
  Machine machine;
  machine.create(topic_of("orders"));
  const std::string replicas = "leader.replication.throttled.replicas";
  std::string many = "0:1";
  while (many.size() < 32767 - 8) many += fmt::format(",{}:1", many.size());
  EXPECT_EQ(value_after(machine, {replicas, kSet, many}), many);
  EXPECT_EQ(value_after(machine, {replicas, kAppend, "9999999:1,9999998:1"}), many);
  EXPECT_EQ(machine.record_count, 0u);
}

TEST(ChangeTopicConfigs, OneRequestWritesALimitedNumberOfRecords) {
  Machine machine;
  ChangeTopicConfigs command;
  for (int i = 0; i < 5001; ++i) {
    const auto name = fmt::format("t{}", i);
    machine.create(topic_of(name, 1));
    command.topics.push_back({.topic = name, .changes = {{"retention.ms", kSet, "5"}, {"segment.ms", kSet, "5"}}});
  }
  const auto decision = decide(command, *machine.image, machine.settings);
  EXPECT_TRUE(decision.records.empty());
  ASSERT_EQ(decision.answer.size(), 5001u);
  EXPECT_EQ(decision.answer.back().error, ErrorCode::kPolicyViolation);
  command.topics.pop_back();
  EXPECT_EQ(decide(command, *machine.image, machine.settings).records.size(), kConfigRecordsMax);
}

TEST(AllocateProducerIds, BlocksFollowEachOther) {
  auto image = one_broker();
  for (int i = 0; i < 3; ++i) {
    const auto decision = allocate_producer_ids(*image, NodeId(1));
    EXPECT_EQ(decision.answer.first, ErrorCode::kNone);
    EXPECT_EQ(decision.answer.second.first, ProducerId(i * 1000));
    EXPECT_EQ(decision.answer.second.count, 1000);
    EXPECT_EQ(std::get<protocol::ProducerIdsRecord>(decision.records.front()).broker_epoch, 101);
    image = apply_all(image, decision.records);
  }
  EXPECT_EQ(allocate_producer_ids(*image, NodeId(2)).answer.first, ErrorCode::kBrokerIdNotRegistered);
}

TEST(AllocateProducerIds, EndsBeforeTheNumbersDo) {
  protocol::ProducerIdsRecord used_up;
  used_up.next_producer_id = ProducerId(INT64_MAX - 999);
  const auto decision = allocate_producer_ids(*apply_all(one_broker(), {used_up}), NodeId(1));
  EXPECT_EQ(decision.answer.first, ErrorCode::kUnknownServerError);
  EXPECT_TRUE(decision.records.empty());
}

}  // namespace
}  // namespace weir::metadata
