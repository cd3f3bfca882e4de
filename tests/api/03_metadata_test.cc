#include "protocol/schema/03_metadata.h"

#include <gtest/gtest.h>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::MetadataRequest;
using test::TestBroker;

MetadataRequest ask(std::vector<std::string> names) {
  MetadataRequest request;
  request.topics.emplace();
  for (auto& name : names) request.topics->push_back({.topic_id = {}, .name = std::move(name)});
  return request;
}

TEST(Metadata, EveryVersionNamesBrokerAndLeader) {
  TestBroker broker;
  const auto id = create_topic(broker, "t", 3);
  for (std::int16_t version = 0; version <= 13; ++version) {
    const auto response = broker.call(ask({"t"}), version);
    ASSERT_EQ(response.brokers.size(), 1U) << version;
    EXPECT_EQ(response.brokers[0].host, "127.0.0.1");
    EXPECT_EQ(response.brokers[0].port, 9092);
    ASSERT_EQ(response.topics.size(), 1U) << version;
    EXPECT_EQ(response.topics[0].error_code, ErrorCode::kNone) << version;
    ASSERT_EQ(response.topics[0].partitions.size(), 3U) << version;
    EXPECT_EQ(response.topics[0].partitions[2].leader_id, response.brokers[0].node_id);
    if (version >= 2) {
      EXPECT_EQ(response.cluster_id, broker.broker().cluster_id());
    }
    if (version >= 10) {
      EXPECT_EQ(response.topics[0].topic_id, id);
    }
  }
}

TEST(Metadata, NullIsAllAndEmptyIsNone) {
  TestBroker broker;
  create_topic(broker, "a");
  create_topic(broker, "b");
  EXPECT_EQ(broker.call(ask({}), 0).topics.size(), 2U) << "v0: empty means all";
  EXPECT_EQ(broker.call(ask({}), 1).topics.size(), 0U);
  EXPECT_EQ(broker.call(MetadataRequest{}, 9).topics.size(), 2U);
}

TEST(Metadata, MissingTopicsAreCreatedOnlyWhereAllowed) {
  TestBroker broker({.settings = {"num.partitions=4"}});
  auto request = ask({"fresh"});
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(broker.call(request, 9).topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto created = broker.call(request, 9).topics.at(0);
  EXPECT_EQ(created.error_code, ErrorCode::kNone);
  EXPECT_EQ(created.partitions.size(), 4U);
  EXPECT_EQ(produce(broker, "fresh", test::make_batch({"a"}), kProduceByName, 3).error_code, ErrorCode::kNone)
      << "what Metadata names can be written to at once";
  TestBroker strict({.settings = {"auto.create.topics.enable=false"}});
  EXPECT_EQ(strict.call(ask({"fresh"}), 9).topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST(Metadata, NamesThatAreNone) {
  TestBroker broker;
  for (const auto* name : {"", ".", "..", "a b", "a/b"}) {
    EXPECT_EQ(broker.call(ask({name}), 9).topics.at(0).error_code, ErrorCode::kInvalidTopicException) << name;
  }
}

TEST(Metadata, ByIdFromVersion12) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  MetadataRequest request;
  request.topics.emplace();
  request.topics->push_back({.topic_id = id, .name = std::nullopt});
  request.topics->push_back({.topic_id = Uuid{{9, 9}}, .name = std::nullopt});
  auto response = broker.call(request, 12);
  ASSERT_EQ(response.topics.size(), 2U);
  EXPECT_EQ(response.topics[0].name, "t");
  EXPECT_EQ(response.topics[1].error_code, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(response.topics[1].topic_id, (Uuid{{9, 9}}));
  EXPECT_FALSE(response.topics[1].name.has_value());

  request.topics->push_back({.topic_id = {}, .name = "t"});
  EXPECT_EQ(broker.call(request, 12).topics.size(), 2U) << "one id makes entries by name count for nothing";

  response = broker.call(request, 10);
  EXPECT_TRUE(response.brokers.empty());
  for (const auto& topic : response.topics) EXPECT_EQ(topic.error_code, ErrorCode::kInvalidRequest);
}

TEST(Metadata, AdvertisedListenersAreTold) {
  TestBroker broker(
      {.settings = {"listeners=PLAINTEXT://0.0.0.0:9092", "advertised.listeners=PLAINTEXT://broker.example:19092"}});
  auto response = broker.call(ask({}), 9);
  ASSERT_EQ(response.brokers.size(), 1U);
  EXPECT_EQ(response.brokers[0].host, "broker.example");
  EXPECT_EQ(response.brokers[0].port, 19092);
  TestBroker wildcard({.settings = {"listeners=PLAINTEXT://0.0.0.0:9092"}});
  response = wildcard.call(ask({}), 9);
  ASSERT_EQ(response.brokers.size(), 1U);
  EXPECT_EQ(response.brokers[0].host, "127.0.0.1") << "the address that the client reached";
}

TEST(Metadata, OperationsOnlyWhenAskedFor) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = ask({"t"});
  EXPECT_EQ(broker.call(request, 8).topics.at(0).topic_authorized_operations, INT32_MIN);
  request.include_topic_authorized_operations = true;
  request.include_cluster_authorized_operations = true;
  const auto response = broker.call(request, 8);
  EXPECT_EQ(response.topics.at(0).topic_authorized_operations, 3576);
  EXPECT_EQ(response.cluster_authorized_operations, 8096);
}

TEST(Metadata, LeaderEpochsRiseWithEveryStart) {
  auto fs = std::make_shared<test::MemoryFs>();
  LeaderEpoch first;
  {
    TestBroker broker({.fs = fs});
    create_topic(broker, "t");
    first = broker.call(ask({"t"}), 9).topics.at(0).partitions.at(0).leader_epoch;
    broker.stop();
  }
  TestBroker broker({.fs = fs});
  EXPECT_EQ(broker.call(ask({"t"}), 9).topics.at(0).partitions.at(0).leader_epoch, first + 1);
}

}  // namespace
}  // namespace weir::api
