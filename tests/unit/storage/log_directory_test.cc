#include "storage/log_directory.h"

#include <limits>
#include <set>

#include "base/log.h"
#include "storage/checkpoint_copy.h"
#include "storage/removal.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

const Uuid kTopicId = *Uuid::parse("AAECAwQFBgcICQoLDA0ODw");

class LogDirectories : public StorageTest {
 protected:
  LogDirectories() { set_log_level(LogLevel::kError); }  // what is damaged here is damaged on purpose
  ~LogDirectories() override { set_log_level(LogLevel::kInfo); }
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

LogOffsets some_offsets() {
  LogOffsets offsets;
  offsets.recovery_points = {
      {{"a", PartitionIndex{0}}, Offset{5}},
      {{"a", PartitionIndex{10}}, Offset{0}},
      {{"b.c-d", PartitionIndex{1}}, Offset{std::numeric_limits<std::int64_t>::max()}},
  };
  offsets.log_starts[{"a", PartitionIndex{0}}] = Offset{3};
  offsets.high_watermarks[{"a", PartitionIndex{0}}] = Offset{7};
  return offsets;
}

TEST_P(LogDirectories, CheckpointsRoundTrip) {
  auto directory = open();
  const auto none = value_of(directory->read_checkpoints());
  EXPECT_EQ(none.offsets, LogOffsets{});
  EXPECT_TRUE(none.agree);
  EXPECT_OK(directory->write_checkpoints(some_offsets()));
  const auto read = value_of(directory->read_checkpoints());
  EXPECT_EQ(read.offsets, some_offsets());
  EXPECT_TRUE(read.agree);
  EXPECT_EQ(as_text(content(path() / "recovery-point-offset-checkpoint")),
            "0\n3\na 0 5\na 10 0\nb.c-d 1 9223372036854775807\n");
  EXPECT_EQ(as_text(content(path() / "log-start-offset-checkpoint")), "0\n1\na 0 3\n");
  EXPECT_EQ(as_text(content(path() / "replication-offset-checkpoint")), "0\n1\na 0 7\n");
}

TEST_P(LogDirectories, TheIntactCopyCountsWhateverKafkasFilesSay) {
  auto directory = open();
  for (const auto file : {kRecoveryPointFile, kLogStartFile, kHighWatermarkFile}) {
    for (const auto* text : {"", "0\n1\na 0 6\n", "0\n1\na zero 5\n", "0\n0\n", "0\n1\na 0 5000000000000000000\n"}) {
      EXPECT_OK(directory->write_checkpoints(some_offsets()));
      put(path() / file, as_bytes(text));
      const auto read = value_of(directory->read_checkpoints());
      EXPECT_EQ(read.offsets, some_offsets()) << file << ": " << text;
      EXPECT_FALSE(read.agree) << file << ": " << text;
    }
    EXPECT_OK(directory->write_checkpoints(some_offsets()));
    EXPECT_OK(fs().unlink(path() / file));
    const auto read = value_of(directory->read_checkpoints());
    EXPECT_EQ(read.offsets, some_offsets()) << file;
    EXPECT_FALSE(read.agree) << file;
  }
}

TEST_P(LogDirectories, WithoutAnIntactCopyKafkasFilesCount) {
  auto directory = open();
  EXPECT_OK(directory->write_checkpoints(some_offsets()));
  put(path() / kCheckpointCopyFile, as_bytes("1 0 0 0 00000001\n"));
  const auto damaged = value_of(directory->read_checkpoints());
  EXPECT_EQ(damaged.offsets, some_offsets());
  EXPECT_FALSE(damaged.agree);
  EXPECT_OK(fs().unlink(path() / kCheckpointCopyFile));
  const auto missing = value_of(directory->read_checkpoints());
  EXPECT_EQ(missing.offsets, some_offsets());
  EXPECT_FALSE(missing.agree);
}

TEST_P(LogDirectories, TheCopyIsStaleOnceKafkaHasWritten) {
  auto directory = open();
  EXPECT_OK(directory->write_checkpoints(some_offsets()));
  put(path() / kLogStartFile, as_bytes("0\n1\na 0 4\n"));
  directory->look_at_stamp(LeaderEpoch(3));
  ASSERT_FALSE(directory->last_written_by_weir());
  const auto read = value_of(directory->read_checkpoints());
  EXPECT_EQ(read.offsets.log_starts.at({"a", PartitionIndex{0}}), Offset{4});
  EXPECT_TRUE(read.agree) << "nothing says otherwise";
}

class LogDirectoryCuts : public testing::Test {
 protected:
  LogDirectoryCuts() { set_log_level(LogLevel::kError); }
  ~LogDirectoryCuts() override { set_log_level(LogLevel::kInfo); }
};

// Goal: between two rounds there is no moment at which a start would read anything but one of them, all of it. Method:
// power is lost at every call of the second.
TEST_F(LogDirectoryCuts, ACheckpointIsTheOldOneOrTheNewOne) {
  auto newer = some_offsets();
  for (auto* offsets : {&newer.recovery_points, &newer.log_starts, &newer.high_watermarks}) {
    offsets->at({"a", PartitionIndex{0}}) += 1;
  }
  std::set<bool> seen_newer;
  std::uint64_t calls = 0;
  for (std::uint64_t at = 1;; ++at) {
    test::MemoryFs memory;
    test::FaultFs faults(memory, at);
    auto directory = value_of(LogDirectory::open(faults, "/logs"));
    EXPECT_OK(directory->write_checkpoints(some_offsets()));
    const auto before = faults.calls_count();
    faults.cut_power_at(before + at);
    const bool done = directory->write_checkpoints(newer).has_value();
    for (const auto how : {test::PowerCut::kKeep, test::PowerCut::kDrop, test::PowerCut::kTear}) {
      const auto after = memory.after_power_cut(how, at);
      const auto read = value_of(value_of(LogDirectory::open(*after, "/logs"))->read_checkpoints());
      EXPECT_TRUE(read.offsets == newer || (!done && read.offsets == some_offsets())) << "cut at call " << at;
      EXPECT_TRUE(read.agree || !done);
      seen_newer.insert(read.offsets == newer);
    }
    calls = at;
    if (done) break;
  }
  EXPECT_EQ(calls, 4 * 6 + 1u) << "four files: open, truncate, write, sync, rename, and the directory's sync";
  EXPECT_EQ(seen_newer.size(), 2u);
}

TEST_P(LogDirectories, AMalformedCheckpointNamesFileAndLine) {
  auto directory = open();
  put(path() / kLogStartFile, as_bytes("0\n1\na zero 5\n"));
  const auto read = directory->read_checkpoints();
  ASSERT_EQ(code_of(read), Errc::kCorrupt);
  const auto& why = read.error().context;
  EXPECT_TRUE(why.starts_with((path() / kLogStartFile).string() + ":3: no partition number; to repair: ")) << why;
}

TEST_P(LogDirectories, ACheckpointWithoutAByteIsDamageUnlessKafkaMadeIt) {
  auto directory = open();
  put(path() / kLogStartFile, {});
  EXPECT_EQ(code_of(directory->read_checkpoints()), Errc::kCorrupt);
  directory->look_at_stamp(LeaderEpoch(3));
  EXPECT_FALSE(directory->last_written_by_weir());
  EXPECT_EQ(value_of(directory->read_checkpoints()).offsets, LogOffsets{});
  put(path() / kLogStartFile, as_bytes("0\n"));
  EXPECT_EQ(code_of(directory->read_checkpoints()), Errc::kCorrupt);
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
