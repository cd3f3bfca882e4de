#include "storage/log_directory.h"

#include "storage/removal.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

const Uuid kTopicId = *Uuid::parse("AAECAwQFBgcICQoLDA0ODw");

class LogDirectories : public StorageTest {
 protected:
  Path path() const { return root() / "deep" / "er"; }
  std::unique_ptr<LogDirectory> open() { return value_of(LogDirectory::open(fs(), path())); }
  void make_partition(LogDirectory& directory, const TopicPartition& of) {
    ASSERT_OK(fs().create_directory(directory.partition_path(of)));
    ASSERT_OK(directory.write_partition_metadata(of, kTopicId));
  }
  const std::atomic<bool> never_ = false;
  void remove_deleted(LogDirectory& directory) {
    const auto deleted = value_of(directory.list_deleted());
    for (const auto& path : deleted) EXPECT_OK(remove_tree_in_steps(fs(), path, never_));
  }
};
INSTANTIATE_TEST_SUITE_P(, LogDirectories, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(LogDirectories, AreMadeWithTheirParentsAndLocked) {
  auto directory = open();
  EXPECT_FALSE(directory->was_clean());
  EXPECT_EQ(code_of(LogDirectory::open(fs(), path())), Errc::kBusy);
  directory.reset();
  EXPECT_OK(LogDirectory::open(fs(), path()));
}

TEST_P(LogDirectories, ABusyDirectoryIsLeftAlone) {
  auto directory = open();
  EXPECT_OK(directory->write_clean_marker(3));
  EXPECT_EQ(code_of(LogDirectory::open(fs(), path())), Errc::kBusy);
  directory.reset();
  EXPECT_TRUE(open()->was_clean());
}

TEST_P(LogDirectories, TheMarkerIsKafkasAndUsedUpByAStart) {
  EXPECT_OK(open()->write_clean_marker(42));
  EXPECT_EQ(as_text(content(path() / ".kafka_cleanshutdown")), R"({"version":0,"brokerEpoch":42})");
  EXPECT_TRUE(open()->was_clean());
  EXPECT_TRUE(open()->was_clean());  // looking uses nothing up
  EXPECT_OK(open()->begin_changes());
  EXPECT_FALSE(open()->was_clean());
  EXPECT_OK(open()->begin_changes());
  EXPECT_EQ(names_in(path()), (std::vector<std::string>{".lock"}));
}

TEST_P(LogDirectories, RememberWhoTheyAre) {
  auto directory = open();
  EXPECT_FALSE(value_of(directory->read_identity()).has_value());
  EXPECT_OK(directory->write_identity({"my-cluster", NodeId{7}, kTopicId}));
  const auto identity = value_of(directory->read_identity());
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->cluster_id, "my-cluster");
  EXPECT_EQ(identity->node_id, NodeId{7});
  EXPECT_EQ(identity->directory_id, kTopicId);
  put(path() / "meta.properties", as_bytes("version=1\nnode.id=x\ncluster.id=c\n"));
  EXPECT_EQ(code_of(directory->read_identity()), Errc::kCorrupt);
}

TEST_P(LogDirectories, CheckpointsRoundTrip) {
  auto directory = open();
  EXPECT_TRUE(value_of(directory->read_checkpoint(kRecoveryPointFile)).empty());
  const OffsetCheckpoint offsets = {{{"a", PartitionIndex{0}}, Offset{5}},
                                    {{"a", PartitionIndex{10}}, Offset{0}},
                                    {{"b.c-d", PartitionIndex{1}}, Offset{std::numeric_limits<std::int64_t>::max()}}};
  EXPECT_OK(directory->write_checkpoint(kRecoveryPointFile, offsets));
  EXPECT_EQ(value_of(directory->read_checkpoint(kRecoveryPointFile)), offsets);
  EXPECT_TRUE(value_of(directory->read_checkpoint(kLogStartFile)).empty());
  EXPECT_EQ(as_text(content(path() / "recovery-point-offset-checkpoint")),
            "0\n3\na 0 5\na 10 0\nb.c-d 1 9223372036854775807\n");
}

TEST_P(LogDirectories, AMalformedCheckpointNamesFileAndLine) {
  auto directory = open();
  put(path() / kLogStartFile, as_bytes("0\n1\na zero 5\n"));
  const auto read = directory->read_checkpoint(kLogStartFile);
  ASSERT_EQ(code_of(read), Errc::kCorrupt);
  const auto& why = read.error().context;
  EXPECT_TRUE(why.starts_with((path() / kLogStartFile).string() + ":3: no partition number; to repair: ")) << why;
}

TEST_P(LogDirectories, ACheckpointWithoutAByteIsDamageUnlessKafkaMadeIt) {
  auto directory = open();
  put(path() / kLogStartFile, {});
  EXPECT_EQ(code_of(directory->read_checkpoint(kLogStartFile)), Errc::kCorrupt);
  directory->look_at_stamp(LeaderEpoch(3));
  EXPECT_FALSE(directory->last_written_by_weir());
  EXPECT_TRUE(value_of(directory->read_checkpoint(kLogStartFile)).empty());
  put(path() / kLogStartFile, as_bytes("0\n"));
  EXPECT_EQ(code_of(directory->read_checkpoint(kLogStartFile)), Errc::kCorrupt);
}

TEST_P(LogDirectories, TheStampSpansTheEpochsOfWeir) {
  const auto live = [this](LeaderEpoch last, LeaderEpoch now) {
    auto directory = open();
    directory->look_at_stamp(last);
    EXPECT_OK(directory->write_stamp(now));
    return directory->last_written_by_weir();
  };
  const auto stamp = [this] { return parse_stamp(as_text(content(path() / kStampFile))); };
  EXPECT_TRUE(live(LeaderEpoch(0), LeaderEpoch(1)));
  EXPECT_EQ(stamp(), (EpochSpan{LeaderEpoch(1), LeaderEpoch(1)}));
  EXPECT_TRUE(live(LeaderEpoch(1), LeaderEpoch(2)));
  EXPECT_TRUE(live(LeaderEpoch(1), LeaderEpoch(3)));  // that of epoch 2 stopped before it wrote anything
  EXPECT_EQ(stamp(), (EpochSpan{LeaderEpoch(1), LeaderEpoch(3)}));
  EXPECT_FALSE(live(LeaderEpoch(4), LeaderEpoch(5)));  // Kafka led in 4
  EXPECT_EQ(stamp(), (EpochSpan{LeaderEpoch(5), LeaderEpoch(5)}));
  put(path() / kStampFile, as_bytes("1 5 5 00000000\n"));
  EXPECT_FALSE(live(LeaderEpoch(5), LeaderEpoch(6)));
}

TEST_P(LogDirectories, ListPartitionsByTheirNames) {
  auto directory = open();
  for (const auto* name :
       {"a-0", "a-10", "b.c-d-1", "__cluster_metadata-0", "a-0.00ff-delete", "a-1.00ff-future", "a-2.00ff-stray", "a-",
        "-1", "a-01", "a-2147483648", "lost+found", "a--1", "..-0", "a- 1"}) {
    ASSERT_OK(fs().create_directory(path() / name));
  }
  ASSERT_OK(fs().open(path() / "file-0", OpenMode::kCreateNew));
  const auto partitions = value_of(directory->list_partitions());
  const std::vector<TopicPartition> expected = {{"__cluster_metadata", PartitionIndex{0}},
                                                {"a", PartitionIndex{0}},
                                                {"a", PartitionIndex{10}},
                                                {"a-", PartitionIndex{1}},
                                                {"b.c-d", PartitionIndex{1}}};
  EXPECT_EQ(partitions, expected);
}

TEST_P(LogDirectories, PartitionMetadataIsKafkas) {
  auto directory = open();
  const TopicPartition of{"t", PartitionIndex{3}};
  ASSERT_OK(fs().create_directory(directory->partition_path(of)));
  EXPECT_FALSE(value_of(directory->read_partition_metadata(of)).has_value());
  EXPECT_OK(directory->write_partition_metadata(of, kTopicId));
  EXPECT_EQ(as_text(content(path() / "t-3" / "partition.metadata")), "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw");
  EXPECT_EQ(value_of(directory->read_partition_metadata(of)), kTopicId);
}

TEST_P(LogDirectories, DeletionRenamesThenRemoves) {
  auto directory = open();
  const TopicPartition of{"t", PartitionIndex{3}};
  for (int i = 0; i < 2; ++i) {  // the same id twice: a name of its own each time
    make_partition(*directory, of);
    EXPECT_OK(write_file_atomically(fs(), directory->partition_path(of) / "00000000000000000000.log", as_bytes("x")));
    const auto renamed = value_of(directory->mark_deleted(of));
    EXPECT_TRUE(value_of(directory->list_partitions()).empty());
    EXPECT_EQ(renamed.filename().string(),
              i == 0 ? "t-3.000102030405060708090a0b0c0d0e0f-delete" : "t-3.000102030405060708090a0b0c0d0e10-delete");
  }
  EXPECT_EQ(names_in(path()).size(), 3U);
  remove_deleted(*directory);
  EXPECT_EQ(names_in(path()), (std::vector<std::string>{".lock"}));
  remove_deleted(*directory);
  EXPECT_EQ(code_of(directory->mark_deleted(of)), Errc::kNotFound);
}

TEST_P(LogDirectories, NamesOfDeletedPartitionsFitAFileSystem) {
  auto directory = open();
  const TopicPartition of{std::string(249, 'x'), PartitionIndex{12345}};
  make_partition(*directory, of);
  const auto renamed = value_of(directory->mark_deleted(of));
  EXPECT_EQ(renamed.filename().string().size(), 255U);
  remove_deleted(*directory);
}

TEST_P(LogDirectories, LargeFilesAreRemovedInSteps) {
  test::FaultFs counting(fs());
  auto directory = value_of(LogDirectory::open(counting, path()));
  const TopicPartition of{"t", PartitionIndex{0}};
  make_partition(*directory, of);
  {
    auto file = value_of(fs().open(directory->partition_path(of) / "big", OpenMode::kCreateNew));
    ASSERT_OK(file->truncate(40 * kMiB));
  }
  const auto renamed = value_of(directory->mark_deleted(of));
  const auto calls = counting.calls_count();
  EXPECT_OK(remove_tree_in_steps(counting, renamed, never_));
  EXPECT_GE(counting.calls_count() - calls, 10U);  // two truncations among them
  EXPECT_EQ(names_in(path()), (std::vector<std::string>{".lock"}));
}

TEST_P(LogDirectories, RemovalStopsBetweenTwoSteps) {
  auto directory = open();
  const TopicPartition of{"t", PartitionIndex{0}};
  make_partition(*directory, of);
  const auto renamed = value_of(directory->mark_deleted(of));
  const std::atomic<bool> stopped = true;
  EXPECT_EQ(code_of(remove_tree_in_steps(fs(), renamed, stopped)), Errc::kClosed);
  EXPECT_EQ(value_of(directory->list_deleted()).size(), 1U);
}

}  // namespace
}  // namespace weir::storage
