#include "metadata/directory_records.h"

#include <gtest/gtest.h>

#include "image_fixture.h"
#include "metadata/start_records.h"

namespace weir::metadata {
namespace {

const Uuid kFirst = uuid_of(200);
const Uuid kSecond = uuid_of(201);

Record partition_in(std::int32_t index, const Uuid& directory) {
  auto record = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), index));
  record.directories = {directory};
  return record;
}

// Broker 1 with two directories, and a partition in each.
std::shared_ptr<const Image> two_directories(Records more = {}) {
  Records records = {feature(std::string(kMetadataVersionFeature), kLevel), broker_record(1, {kFirst, kSecond}),
                     topic_record("orders", uuid_of(1)), partition_in(0, kFirst), partition_in(1, kSecond)};
  records.insert(records.end(), more.begin(), more.end());
  return apply_all(nullptr, records);
}

const Partition& partition(const std::shared_ptr<const Image>& image, std::int32_t index) {
  return *image->topic("orders")->partition(PartitionIndex(index));
}

TEST(DirectoryRecords, ALostDirectoryLeavesTheRegistrationAndItsPartitionsHaveNoLeader) {
  const auto image = two_directories();
  const auto records = offline_records(*image, NodeId(1), {kSecond});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(std::get<protocol::BrokerRegistrationChangeRecord>(records[0]).broker_epoch, 101);
  const auto after = apply_all(image, records);
  EXPECT_EQ(after->broker(NodeId(1))->log_dirs, std::vector<Uuid>{kFirst});
  EXPECT_EQ(partition(after, 0), partition(image, 0));
  const auto& lost = partition(after, 1);
  EXPECT_EQ(lost.leader, kNoLeader);
  EXPECT_EQ(lost.leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(lost.isr, std::vector<NodeId>{NodeId(1)}) << "the last one in sync has everything";
  EXPECT_EQ(lost.directories, std::vector<Uuid>{kSecond});
  EXPECT_TRUE(is_replica_offline(*after, lost, NodeId(1)));
  EXPECT_FALSE(is_replica_offline(*after, partition(after, 0), NodeId(1)));
  EXPECT_TRUE(offline_records(*after, NodeId(1), {kSecond}).empty()) << "it is known";
}

TEST(DirectoryRecords, WithEligibleReplicasTheLastOneInSyncBecomesOne) {
  const auto image = two_directories({feature("eligible.leader.replicas.version", 1)});
  const auto after = apply_all(image, offline_records(*image, NodeId(1), {kSecond}));
  const auto& lost = partition(after, 1);
  EXPECT_EQ(lost.leader, kNoLeader);
  EXPECT_TRUE(lost.isr.empty());
  EXPECT_EQ(lost.eligible_leader_replicas, std::vector<NodeId>{NodeId(1)});
  EXPECT_EQ(lost.last_known_elr, std::vector<NodeId>{NodeId(1)});

  const auto back = apply_all(after, {broker_record(1, {kFirst, kSecond})});
  const auto again = apply_all(back, leadership_records(*back, NodeId(1), {}));
  EXPECT_EQ(partition(again, 1).leader, NodeId(1));
  EXPECT_EQ(partition(again, 1).isr, std::vector<NodeId>{NodeId(1)});
  EXPECT_TRUE(partition(again, 1).eligible_leader_replicas.empty());
  EXPECT_TRUE(partition(again, 1).last_known_elr.empty());
}

TEST(DirectoryRecords, AReplicaThatIsNotTheLastOneLeavesThoseInSync) {
  auto shared = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 2));
  shared.replicas = shared.isr = {NodeId(1), NodeId(2)};
  shared.directories = {kSecond, uuid_of(202)};
  const auto image = two_directories({shared});
  const auto after = apply_all(image, offline_records(*image, NodeId(1), {kSecond}));
  EXPECT_EQ(partition(after, 2).leader, kNoLeader);
  EXPECT_EQ(partition(after, 2).isr, std::vector<NodeId>{NodeId(2)});
}

TEST(DirectoryRecords, TheLastDirectoryAndALevelWithoutThemChangeNothing) {
  EXPECT_TRUE(offline_records(*two_directories(), NodeId(1), {kFirst, kSecond}).empty());
  EXPECT_TRUE(offline_records(Image{}, NodeId(1), {kFirst}).empty());
  const auto image =
      apply_all(nullptr, {feature(std::string(kMetadataVersionFeature), 16), broker_record(1, {kFirst, kSecond})});
  EXPECT_TRUE(offline_records(*image, NodeId(1), {kSecond}).empty());
}

TEST(DirectoryRecords, AChangeFitsOneBatchAndTheNextTakesTheRest) {
  constexpr std::int32_t kCount = 25'000;
  Records many;
  for (std::int32_t i = 2; i < kCount; ++i) many.push_back(partition_in(i, kSecond));
  auto image = two_directories(std::move(many));
  std::vector<std::size_t> sizes;
  for (int round = 0; round < 5; ++round) {
    const auto records = offline_records(*image, NodeId(1), {kSecond});
    if (records.empty()) break;
    sizes.push_back(records.size());
    image = apply_all(image, records);
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10'001, 10'001, 4'998}));  // the registration, and all but partition 0
}

// Goal: a start takes the lead where the directory is there, gives it up where it is not, and tells of logs that lie
// elsewhere by now.
TEST(DirectoryRecords, AStartLeadsWhatLiesInItsDirectories) {
  const auto image = two_directories();
  const auto without = apply_all(image, {broker_record(1, {kFirst})});
  const auto gone = apply_all(without, leadership_records(*without, NodeId(1), {}));
  EXPECT_EQ(partition(gone, 0).leader, NodeId(1));
  EXPECT_EQ(partition(gone, 0).leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(partition(gone, 1).leader, kNoLeader);
  EXPECT_EQ(partition(gone, 1).leader_epoch, LeaderEpoch(1));
  const auto still_gone = apply_all(gone, leadership_records(*gone, NodeId(1), {}));
  EXPECT_EQ(partition(still_gone, 1), partition(gone, 1));

  const auto back = apply_all(gone, {broker_record(1, {kFirst, kSecond})});
  const auto again = apply_all(back, leadership_records(*back, NodeId(1), {}));
  EXPECT_EQ(partition(again, 1).leader, NodeId(1));
  EXPECT_EQ(partition(again, 1).leader_epoch, LeaderEpoch(2));

  const auto moved = apply_all(gone, leadership_records(*gone, NodeId(1), {{{"orders", PartitionIndex(1)}, kFirst}}));
  EXPECT_EQ(partition(moved, 1).leader, NodeId(1));
  EXPECT_EQ(partition(moved, 1).directories, std::vector<Uuid>{kFirst});
}

TEST(DirectoryRecords, AMoveIsToldEvenOfWhatCannotBeLed) {
  auto behind = std::get<protocol::PartitionRecord>(partition_record(uuid_of(1), 2, -1));
  behind.replicas = {NodeId(1), NodeId(2)};
  behind.directories = {kSecond, uuid_of(202)};
  behind.isr = {NodeId(2)};
  const auto image = two_directories({behind});
  const MovedLogs moved = {{{"orders", PartitionIndex(2)}, kFirst}};
  const auto after = apply_all(image, leadership_records(*image, NodeId(1), moved));
  EXPECT_EQ(partition(after, 2).leader, kNoLeader);
  EXPECT_EQ(partition(after, 2).leader_epoch, LeaderEpoch(0));
  EXPECT_EQ(partition(after, 2).directories, (std::vector<Uuid>{kFirst, uuid_of(202)}));
}

TEST(DirectoryRecords, ADirectoryThatWasNeverChosenIsThere) {
  const auto image = two_directories({partition_in(2, kUnassignedDirectory), partition_in(3, kLostDirectory)});
  EXPECT_TRUE(has_directory_of(*image, partition(image, 2), NodeId(1)));
  EXPECT_FALSE(has_directory_of(*image, partition(image, 3), NodeId(1)));
  EXPECT_TRUE(is_replica_offline(*image, partition(image, 0), NodeId(9))) << "no such broker";
}

}  // namespace
}  // namespace weir::metadata
