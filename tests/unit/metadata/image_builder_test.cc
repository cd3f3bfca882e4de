#include "metadata/image_builder.h"

#include <gtest/gtest.h>

#include <set>

#include "image_fixture.h"

namespace weir::metadata {
namespace {

std::shared_ptr<const Image> with_topic(const std::shared_ptr<const Image>& base, const std::string& name,
                                        const Uuid& id, std::int32_t partition_count = 1) {
  Records records{topic_record(name, id)};
  for (std::int32_t i = 0; i < partition_count; ++i) records.push_back(partition_record(id, i));
  return apply_all(base, records);
}

TEST(ImageBuilder, ATopicIsFoundByNameAndById) {
  const auto image = with_topic(one_broker(), "orders", uuid_of(1), 3);
  ASSERT_NE(image->topic("orders"), nullptr);
  EXPECT_EQ(image->topic("orders"), image->topic(uuid_of(1)));
  EXPECT_EQ(image->topic("orders")->partition_count(), 3);
  EXPECT_EQ(image->topic("orders")->partition(PartitionIndex(3)), nullptr);
  EXPECT_EQ(image->topic("orders")->partition(PartitionIndex(-1)), nullptr);
  EXPECT_EQ(image->topic("orders")->partition(PartitionIndex(2))->directory_of(NodeId(1)), uuid_of(200));
  EXPECT_EQ(image->topic("nothing"), nullptr);
}

TEST(ImageBuilder, TheImageBeforeStaysAsItWas) {
  const auto before = with_topic(one_broker(), "orders", uuid_of(1));
  protocol::RemoveTopicRecord remove;
  remove.topic_id = uuid_of(1);
  const auto after = apply_all(before, {remove, topic_record("other", uuid_of(2))});
  EXPECT_EQ(before->topic_count(), 1u);
  EXPECT_NE(before->topic("orders"), nullptr);
  EXPECT_EQ(after->topic("orders"), nullptr);
  EXPECT_EQ(after->topic(uuid_of(1)), nullptr);
  EXPECT_NE(after->topic("other"), nullptr);
}

TEST(ImageBuilder, UnchangedTopicsAreShared) {
  const auto before = with_topic(with_topic(one_broker(), "a", uuid_of(1)), "b", uuid_of(2), 2);
  protocol::PartitionChangeRecord change;
  change.partition_id = PartitionIndex(1);
  change.topic_id = uuid_of(2);
  change.leader = NodeId(1);
  const auto after = apply_all(before, {change});
  EXPECT_EQ(before->topic("a"), after->topic("a"));
  EXPECT_NE(before->topic("b"), after->topic("b"));
  EXPECT_EQ(before->topic("b")->partitions[0], after->topic("b")->partitions[0]);
  std::set<std::string> changed;
  Image::for_each_changed_topic(*before, *after, [&](const auto&, const auto& now) { changed.insert(now->name); });
  EXPECT_EQ(changed, std::set<std::string>{"b"});
}

TEST(ImageBuilder, AChangeThatNamesALeaderRaisesItsEpoch) {
  const auto image = with_topic(one_broker(), "orders", uuid_of(1));
  protocol::PartitionChangeRecord change;
  change.partition_id = PartitionIndex(0);
  change.topic_id = uuid_of(1);
  change.leader = NodeId(1);
  const auto raised = apply_all(image, {change});
  const auto* partition = raised->topic("orders")->partition(PartitionIndex(0));
  EXPECT_EQ(partition->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(partition->partition_epoch, 1);

  protocol::PartitionChangeRecord shrink;
  shrink.partition_id = PartitionIndex(0);
  shrink.topic_id = uuid_of(1);
  shrink.isr.emplace();
  const auto shrunk = apply_all(raised, {shrink});
  const auto* after = shrunk->topic("orders")->partition(PartitionIndex(0));
  EXPECT_EQ(after->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(after->partition_epoch, 2);
  EXPECT_EQ(after->leader, NodeId(1));
  EXPECT_TRUE(after->isr.empty());
}

TEST(ImageBuilder, ReplicasThatMoveKeepTheirDirectories) {
  auto two = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 0));
  two.replicas = {NodeId(1), NodeId(2)};
  two.directories = {uuid_of(201), uuid_of(202)};
  const auto image = apply_all(one_broker(), {topic_record("orders", uuid_of(1)), two});
  protocol::PartitionChangeRecord change;
  change.partition_id = PartitionIndex(0);
  change.topic_id = uuid_of(1);
  change.replicas = {NodeId(3), NodeId(2)};
  const auto moved = apply_all(image, {change});
  EXPECT_EQ(moved->topic("orders")->partition(PartitionIndex(0))->directories,
            (std::vector<Uuid>{kUnassignedDirectory, uuid_of(202)}));
  EXPECT_EQ(moved->topic("orders")->partition(PartitionIndex(0))->directory_of(NodeId(3)), std::nullopt);
}

TEST(ImageBuilder, ConfigsComeAndGoWithTheirTopic) {
  auto image = with_topic(one_broker(), "orders", uuid_of(1));
  image = apply_all(image, {topic_config("orders", "retention.ms", "1"), topic_config("orders", "segment.ms", "2")});
  image = apply_all(image, {topic_config("orders", "retention.ms", std::nullopt)});
  EXPECT_EQ(*image->topic("orders")->configs, (ConfigMap{{"segment.ms", "2"}}));
  protocol::RemoveTopicRecord remove;
  remove.topic_id = uuid_of(1);
  image = apply_all(image, {remove, topic_record("orders", uuid_of(2))});
  EXPECT_TRUE(image->topic("orders")->configs->empty());
}

TEST(ImageBuilder, AConfigBeforeItsTopicIsNotLost) {
  auto image = apply_all(one_broker(), {topic_config("orders", "retention.ms", "1")});
  EXPECT_EQ(image->configs(ConfigResourceType::kTopic, "orders")->size(), 1u);
  image = with_topic(image, "orders", uuid_of(1));
  EXPECT_EQ(*image->topic("orders")->configs, (ConfigMap{{"retention.ms", "1"}}));
  EXPECT_TRUE(image->configs(ConfigResourceType::kTopic, "orders")->empty());
}

TEST(ImageBuilder, CollidingNamesAreFoundUntilTheyGo) {
  auto image = with_topic(one_broker(), "eu.orders", uuid_of(1));
  EXPECT_EQ(image->colliding_topic("eu_orders"), "eu.orders");
  EXPECT_EQ(image->colliding_topic("eu.orders"), std::nullopt);
  EXPECT_EQ(image->colliding_topic("eu-orders"), std::nullopt);
  protocol::RemoveTopicRecord remove;
  remove.topic_id = uuid_of(1);
  image = apply_all(image, {remove});
  EXPECT_EQ(image->colliding_topic("eu_orders"), std::nullopt);
}

TEST(ImageBuilder, RecordsThatContradictTheImageAreRefused) {
  const auto image = with_topic(one_broker(), "orders", uuid_of(1));
  EXPECT_EQ(refusal_of(image, topic_record("orders", uuid_of(2))), Errc::kCorrupt);
  EXPECT_EQ(refusal_of(image, topic_record("other", uuid_of(1))), Errc::kCorrupt);
  EXPECT_EQ(refusal_of(image, partition_record(uuid_of(9), 0)), Errc::kCorrupt);
  EXPECT_EQ(refusal_of(image, partition_record(uuid_of(1), -1)), Errc::kCorrupt);
  EXPECT_EQ(refusal_of(image, partition_record(uuid_of(1), 2'000'000'000)), Errc::kCorrupt);
  protocol::PartitionChangeRecord change;
  change.topic_id = uuid_of(1);
  change.partition_id = PartitionIndex(1);
  EXPECT_EQ(refusal_of(image, change), Errc::kCorrupt);
  protocol::RemoveTopicRecord remove;
  remove.topic_id = uuid_of(9);
  EXPECT_EQ(refusal_of(image, remove), Errc::kCorrupt);
  protocol::UnfenceBrokerRecord unfence;
  unfence.id = NodeId(1);
  unfence.epoch = 5;
  EXPECT_EQ(refusal_of(image, unfence), Errc::kCorrupt);
  unfence.id = NodeId(2);
  EXPECT_EQ(refusal_of(image, unfence), Errc::kCorrupt);
}

TEST(ImageBuilder, AMetadataVersionOutsideTheKnownRangeIsRefused) {
  const std::string name(kMetadataVersionFeature);
  EXPECT_EQ(refusal_of(nullptr, feature(name, kMetadataVersionMax + 1)), Errc::kUnsupported);
  EXPECT_EQ(refusal_of(nullptr, feature(name, kMetadataVersionMin - 1)), Errc::kUnsupported);
  EXPECT_EQ(apply_all(nullptr, {feature(name, kMetadataVersionMax)})->metadata_version(), kMetadataVersionMax);
  EXPECT_EQ(apply_all(nullptr, {feature("some.version", 9), feature("some.version", 0)})->features.size(), 0u);
}

TEST(ImageBuilder, BrokersAreFencedUnfencedAndForgotten) {
  auto image = one_broker();
  EXPECT_FALSE(image->broker(NodeId(1))->fenced);
  protocol::BrokerRegistrationChangeRecord fence;
  fence.broker_id = NodeId(1);
  fence.broker_epoch = 101;
  fence.fenced = 1;
  fence.in_controlled_shutdown = 1;
  image = apply_all(image, {fence});
  EXPECT_TRUE(image->broker(NodeId(1))->fenced);
  EXPECT_TRUE(image->broker(NodeId(1))->in_controlled_shutdown);
  protocol::UnregisterBrokerRecord unregister;
  unregister.broker_id = NodeId(1);
  unregister.broker_epoch = 101;
  image = apply_all(image, {unregister});
  EXPECT_EQ(image->broker(NodeId(1)), nullptr);
  EXPECT_TRUE(image->brokers.empty());
}

TEST(ImageBuilder, KeptRecordsReplaceAndEndEachOther) {
  protocol::AccessControlEntryRecord acl;
  acl.id = uuid_of(1);
  acl.host = "*";
  protocol::AccessControlEntryRecord other = acl;
  other.id = uuid_of(2);
  constexpr auto kAcl = protocol::AccessControlEntryRecord::record_type;
  auto image = apply_all(nullptr, {acl, other, acl});
  EXPECT_EQ(image->kept_record_count(kAcl), 2u);
  protocol::RemoveAccessControlEntryRecord remove;
  remove.id = uuid_of(1);
  EXPECT_EQ(apply_all(image, {remove})->kept_record_count(kAcl), 1u);

  protocol::ClientQuotaRecord quota;
  quota.entity.push_back({.entity_type = "user", .entity_name = "alice"});
  quota.entity.push_back({.entity_type = "client-id", .entity_name = std::nullopt});
  quota.key = "producer_byte_rate";
  quota.value = 1;
  protocol::ClientQuotaRecord turned = quota;
  std::swap(turned.entity[0], turned.entity[1]);
  turned.remove = true;
  constexpr auto kQuota = protocol::ClientQuotaRecord::record_type;
  image = apply_all(nullptr, {quota});
  EXPECT_EQ(image->kept_record_count(kQuota), 1u);
  EXPECT_EQ(apply_all(image, {turned})->kept_record_count(kQuota), 0u);
}

TEST(ImageBuilder, ClearedElrIsGoneFromOneTopicOrFromAll) {
  auto record = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 0));
  record.eligible_leader_replicas = {NodeId(1)};
  auto second = record;
  second.topic_id = uuid_of(2);
  const auto image =
      apply_all(one_broker(), {topic_record("a", uuid_of(1)), record, topic_record("b", uuid_of(2)), second});
  const auto elr_of = [](const Image& of, std::string_view topic) {
    return of.topic(topic)->partition(PartitionIndex(0))->eligible_leader_replicas.size();
  };
  protocol::ClearElrRecord clear;
  clear.topic_name = "a";
  const auto one = apply_all(image, {clear});
  EXPECT_EQ(elr_of(*one, "a"), 0u);
  EXPECT_EQ(elr_of(*one, "b"), 1u);
  const auto all = apply_all(image, {protocol::ClearElrRecord{}});
  EXPECT_EQ(elr_of(*all, "a") + elr_of(*all, "b"), 0u);
}

TEST(ImageBuilder, ImagesOfTheSameRecordsAreEqual) {
  const auto make = [] { return with_topic(with_topic(one_broker(), "a.b", uuid_of(1), 2), "c", uuid_of(2)); };
  const auto image = make();
  EXPECT_TRUE(*image == *make());
  EXPECT_FALSE(*image == *apply_all(image, {topic_config("c", "retention.ms", "1")}));
  EXPECT_FALSE(*image == *apply_all(image, {feature("group.version", 1)}));
}

}  // namespace
}  // namespace weir::metadata
