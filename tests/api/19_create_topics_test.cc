#include "protocol/schema/19_create_topics.h"

#include <gtest/gtest.h>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::CreateTopicsRequest;
using test::TestBroker;

CreateTopicsRequest::CreatableTopic topic_of(std::string name, std::int32_t partition_count = 1) {
  CreateTopicsRequest::CreatableTopic topic;
  topic.name = std::move(name);
  topic.num_partitions = partition_count;
  topic.replication_factor = 1;
  return topic;
}

CreateTopicsRequest request_of(std::vector<CreateTopicsRequest::CreatableTopic> topics) {
  CreateTopicsRequest request;
  request.topics = std::move(topics);
  return request;
}

ErrorCode create(TestBroker& broker, CreateTopicsRequest::CreatableTopic topic) {
  return broker.call(request_of({std::move(topic)}), 7).topics.at(0).error_code;
}

TEST(CreateTopics, EveryVersionCreates) {
  TestBroker broker;
  for (std::int16_t version = 2; version <= 7; ++version) {
    const auto name = "t" + std::to_string(version);
    const auto row = broker.call(request_of({topic_of(name, 2)}), version).topics.at(0);
    EXPECT_EQ(row.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(row.name, name);
    if (version >= 5) {
      EXPECT_EQ(row.num_partitions, 2);
      EXPECT_EQ(row.replication_factor, 1);
      ASSERT_TRUE(row.configs.has_value());
      EXPECT_GT(row.configs->size(), 20U);
    }
    if (version >= 7) {
      EXPECT_FALSE(row.topic_id.is_zero());
    }
  }
}

TEST(CreateTopics, DefaultsForMinusOne) {
  TestBroker broker({.settings = {"num.partitions=3"}});
  auto topic = topic_of("t", -1);
  topic.replication_factor = -1;
  const auto row = broker.call(request_of({topic}), 7).topics.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.num_partitions, 3);
  EXPECT_EQ(row.replication_factor, 1);
}

TEST(CreateTopics, WhatIsRefusedAndHow) {
  TestBroker broker;
  create_topic(broker, "taken.name");
  EXPECT_EQ(create(broker, topic_of("taken.name")), ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(create(broker, topic_of("taken_name")), ErrorCode::kInvalidTopicException) << "collides in metric names";
  EXPECT_EQ(create(broker, topic_of("a b")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(create(broker, topic_of("__cluster_metadata")), ErrorCode::kInvalidRequest);
  EXPECT_EQ(create(broker, topic_of("none", 0)), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(create(broker, topic_of("many", 10001)), ErrorCode::kPolicyViolation);
  auto topic = topic_of("t");
  topic.replication_factor = 2;
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidReplicationFactor);
  topic = topic_of("t");
  topic.configs.push_back({.name = "no.such.key", .value = "1"});
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidConfig);
  topic.configs = {{.name = "retention.ms", .value = std::nullopt}};
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidConfig);
  topic.configs = {{.name = "retention.ms", .value = "soon"}};
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidConfig);
  topic.configs = {{.name = "max.decompressed.message.bytes", .value = "1000"}};
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidConfig) << "Kafka 4.3 does not know the key";
  topic = topic_of("t", 2);
  topic.assignments.push_back({.partition_index = PartitionIndex(0), .broker_ids = {NodeId(1)}});
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidRequest) << "a count and assignments";
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  topic.assignments[0].broker_ids = {NodeId(99)};
  EXPECT_EQ(create(broker, topic), ErrorCode::kInvalidReplicaAssignment);
  topic.assignments[0].broker_ids = {NodeId(1)};
  EXPECT_EQ(create(broker, topic), ErrorCode::kNone);
}

TEST(CreateTopics, ANameListedTwiceIsOneInvalidRow) {
  TestBroker broker;
  const auto response = broker.call(request_of({topic_of("twice"), topic_of("once"), topic_of("twice")}), 7);
  ASSERT_EQ(response.topics.size(), 2U);
  for (const auto& row : response.topics) {
    EXPECT_EQ(row.error_code, row.name == "twice" ? ErrorCode::kInvalidRequest : ErrorCode::kNone) << row.name;
  }
}

TEST(CreateTopics, WithoutTimeNothingIsDone) {
  TestBroker broker;
  auto request = request_of({topic_of("t")});
  request.timeout_ms = 0;
  EXPECT_EQ(broker.call(request, 7).topics.at(0).error_code, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(create(broker, topic_of("t")), ErrorCode::kNone);
}

TEST(CreateTopics, ValidateOnlyAnswersAndKeepsNothing) {
  TestBroker broker;
  auto request = request_of({topic_of("t", 5)});
  request.validate_only = true;
  const auto row = broker.call(request, 7).topics.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.num_partitions, 5);
  EXPECT_EQ(create(broker, topic_of("t")), ErrorCode::kNone);
}

TEST(CreateTopics, AnAnsweredTopicSurvivesAPowerCut) {
  auto fs = std::make_shared<test::MemoryFs>();
  Uuid id;
  {
    TestBroker broker({.fs = fs});
    id = create_topic(broker, "t", 2);
    ASSERT_EQ(produce(broker, "t", test::make_batch({"a"}), kProduceByName, 1).error_code, ErrorCode::kNone);
  }
  fs = fs->after_power_cut(test::PowerCut::kDrop, 1);
  TestBroker broker({.fs = fs});
  EXPECT_EQ(create(broker, topic_of("t")), ErrorCode::kTopicAlreadyExists);
  auto request = fetch_request("t", 0, 1);
  request.topics[0].topic_id = id;
  const auto row = broker.call(request, kFetchById).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.high_watermark, Offset(1));
}

}  // namespace
}  // namespace weir::api
