#include "metadata/start_records.h"

#include <gtest/gtest.h>

#include "image_fixture.h"

namespace weir::metadata {
namespace {

NodeRegistration registration() {
  NodeRegistration node;
  node.endpoints = {{.name = "PLAINTEXT", .host = "localhost", .port = 9092, .security_protocol = 0}};
  node.log_dirs = {uuid_of(200)};
  return node;
}

TEST(StartRecords, ANewClusterBeginsWithItsLevel) {
  const auto records = registration_records(Image{}, NodeId(1), registration(), uuid_of(7), Offset(3), false);
  ASSERT_EQ(records.size(), 3u);
  const auto image = apply_all(nullptr, records);
  EXPECT_EQ(image->metadata_version(), 30);
  const auto broker = image->broker(NodeId(1));
  ASSERT_NE(broker, nullptr);
  EXPECT_EQ(broker->epoch, 4);  // its record's offset
  EXPECT_FALSE(broker->fenced);
  EXPECT_EQ(broker->incarnation_id, uuid_of(7));
  EXPECT_EQ(broker->endpoint("PLAINTEXT")->port, 9092);
  EXPECT_EQ(broker->log_dirs, std::vector<Uuid>{uuid_of(200)});
}

TEST(StartRecords, AnAdoptedClusterKeepsItsLevel) {
  const auto image = apply_all(nullptr, {feature("metadata.version", 16)});
  const auto records = registration_records(*image, NodeId(1), registration(), uuid_of(7), Offset(3), true);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<protocol::AbortTransactionRecord>(records[0]));
  const auto& broker = std::get<protocol::RegisterBrokerRecord>(records[1]);
  EXPECT_EQ(broker.broker_epoch, 4);
  EXPECT_TRUE(broker.log_dirs.empty());  // that level has no place for them
}

TEST(StartRecords, OnlyPartitionsOfTheNodeAreRaised) {
  auto elsewhere = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 1));
  elsewhere.leader = NodeId(2);
  elsewhere.replicas = {NodeId(1), NodeId(2)};
  const auto image =
      apply_all(one_broker(), {topic_record("orders", uuid_of(1)), partition_record(uuid_of(1), 0), elsewhere});
  const auto after = apply_all(image, leadership_records(*image, NodeId(1), {}));
  EXPECT_EQ(after->topic("orders")->partitions[0]->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(after->topic("orders")->partitions[1], image->topic("orders")->partitions[1]);
}

// Goal: leaderships that a clean stop of Kafka gave up are taken again, by a replica that has everything, and only so.
TEST(StartRecords, PartitionsWithoutALeaderAreTaken) {
  auto in_elr = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 0, -1));
  in_elr.eligible_leader_replicas = {NodeId(1)};
  in_elr.last_known_elr = {NodeId(1)};
  auto in_isr = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 1, -1));
  in_isr.isr = {NodeId(1)};
  const auto neither = partition_record(uuid_of(1), 2, -1);
  const auto image = apply_all(one_broker(), {topic_record("orders", uuid_of(1)), in_elr, in_isr, neither});
  const auto after = apply_all(image, leadership_records(*image, NodeId(1), {}));
  const auto topic = after->topic("orders");
  for (int i = 0; i < 2; ++i) {
    const auto& partition = *topic->partitions[static_cast<std::size_t>(i)];
    EXPECT_EQ(partition.leader, NodeId(1)) << i;
    EXPECT_EQ(partition.leader_epoch, LeaderEpoch(1)) << i;
    EXPECT_EQ(partition.isr, std::vector<NodeId>{NodeId(1)}) << i;
    EXPECT_TRUE(partition.eligible_leader_replicas.empty()) << i;
    EXPECT_TRUE(partition.last_known_elr.empty()) << i;
  }
  EXPECT_EQ(topic->partitions[2]->leader, kNoLeader);
}

}  // namespace
}  // namespace weir::metadata
