// Several log directories: partitions spread over them, and one that fails takes nothing with it but what lies in it
// (design decision 8).
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>
#include <string_view>

#include "protocol/schema/02_list_offsets.h"
#include "protocol/schema/03_metadata.h"
#include "requests.h"

namespace weir::api {
namespace {

using test::make_batch;
using test::MemoryFs;
using test::TestBroker;

constexpr std::int32_t kPartitionCount = 6;

TestBroker::Options three_directories(std::shared_ptr<MemoryFs> fs, storage::Path dead = {}) {
  TestBroker::Options options{.settings = {"log.dirs=/a,/b,/c", "log.flush.offset.checkpoint.interval.ms=1000"},
                              .fs = std::move(fs)};
  if (!dead.empty()) options.arrange_faults = [dead](test::FaultFs& faults) { faults.fail_below(dead, EIO); };
  return options;
}

// The partitions of t that lie below `directory`.
std::set<std::int32_t> partitions_in(MemoryFs& fs, const storage::Path& directory) {
  std::set<std::int32_t> found;
  for (std::int32_t i = 0; i < kPartitionCount; ++i) {
    const auto exists = fs.exists(directory / fmt::format("t-{}", i));
    if (exists.has_value() && *exists) found.insert(i);
  }
  return found;
}

// Moves what somebody might move while the broker is down.
void move_directory(MemoryFs& fs, const storage::Path& from, const storage::Path& to) {
  ASSERT_TRUE(fs.create_directory(to).has_value());
  const auto entries = *fs.list(from);
  for (const auto& entry : entries) {
    const auto content = *storage::read_whole_file(fs, from / entry.name, kMiB);
    ASSERT_TRUE(storage::write_file_atomically(fs, to / entry.name, content).has_value());
    ASSERT_TRUE(fs.unlink(from / entry.name).has_value());
  }
  ASSERT_TRUE(fs.remove_directory(from).has_value());
  ASSERT_TRUE(fs.sync_directory(from.parent_path()).has_value());
  ASSERT_TRUE(fs.sync_directory(to.parent_path()).has_value());
}

ErrorCode produce_error(TestBroker& broker, std::int32_t partition) {
  return produce(broker, "t", make_batch({"x"}), kProduceByName, partition).error_code;
}

std::int64_t end_of(TestBroker& broker, std::int32_t partition) {
  const auto row = broker.call(fetch_request("t", 0, partition), kFetchByName).responses.at(0).partitions.at(0);
  return row.error_code == ErrorCode::kNone ? row.high_watermark.value() : -static_cast<std::int64_t>(row.error_code);
}

using PartitionRow = protocol::MetadataResponse::MetadataResponsePartition;

// What clients are told of t's partitions, by index.
std::map<std::int32_t, PartitionRow> rows_of(TestBroker& broker) {
  protocol::MetadataRequest request;
  request.topics.emplace().push_back({.topic_id = {}, .name = "t"});
  const auto response = broker.call(request, 12);
  std::map<std::int32_t, PartitionRow> rows;
  for (const auto& row : response.topics.at(0).partitions) rows[row.partition_index.value()] = row;
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(kPartitionCount));
  return rows;
}

void expect_leader(const PartitionRow& row) {
  EXPECT_EQ(row.error_code, ErrorCode::kNone) << row.partition_index.value();
  EXPECT_EQ(row.leader_id, NodeId(1)) << row.partition_index.value();
  EXPECT_TRUE(row.offline_replicas.empty()) << row.partition_index.value();
}

void expect_no_leader(const PartitionRow& row) {
  EXPECT_EQ(row.error_code, ErrorCode::kLeaderNotAvailable) << row.partition_index.value();
  EXPECT_EQ(row.leader_id, metadata::kNoLeader) << row.partition_index.value();
  EXPECT_EQ(row.offline_replicas, std::vector<NodeId>{NodeId(1)}) << row.partition_index.value();
}

// Those of `lost` have no leader, all others have one.
void expect_leaders_but_for(TestBroker& broker, const std::set<std::int32_t>& lost) {
  const auto rows = rows_of(broker);
  for (const auto& [index, row] : rows) (lost.contains(index) ? expect_no_leader : expect_leader)(row);
}

TEST(LogDirs, PartitionsSpreadAndAreFoundAgain) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.advance(Millis(1000));
  }
  for (const auto* directory : {"/a", "/b", "/c"}) {
    EXPECT_EQ(partitions_in(*fs, directory).size(), 2U) << directory;
    const auto content = fs->durable_content(storage::Path(directory) / "recovery-point-offset-checkpoint");
    EXPECT_TRUE(as_text(content).starts_with("0\n2\n")) << directory << ": " << as_text(content);
  }
  TestBroker broker(three_directories(fs));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(end_of(broker, i), 1) << i;
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(produce_error(broker, i), ErrorCode::kNone);
  broker.stop();
  for (const auto* directory : {"/a", "/b", "/c"}) {
    EXPECT_TRUE(*fs->exists(storage::Path(directory) / ".kafka_cleanshutdown")) << directory;
  }
}

TEST(LogDirs, AFailedFlushTakesItsDirectoryOffline) {
  auto fs = std::make_shared<MemoryFs>();
  std::set<std::int32_t> lost;
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    lost = partitions_in(*fs, "/b");
    ASSERT_EQ(lost.size(), 2U);
    broker.faults().fail_next("datasync", EIO);
    ASSERT_EQ(produce_error(broker, *lost.begin()), ErrorCode::kKafkaStorageError);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) {
      EXPECT_EQ(produce_error(broker, i), lost.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
      EXPECT_EQ(end_of(broker, i), lost.contains(i) ? -56 : 2) << i;
    }
    EXPECT_TRUE(broker.broker().unready_reasons().empty()) << "the others go on";
    broker.advance(Millis(5000));
    create_topic(broker, "u", 3);
    broker.stop();
  }
  EXPECT_TRUE(*fs->exists("/a/.kafka_cleanshutdown"));
  EXPECT_FALSE(*fs->exists("/b/.kafka_cleanshutdown"));
  TestBroker broker(three_directories(fs));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_GE(end_of(broker, i), lost.contains(i) ? 1 : 2) << i;
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(produce_error(broker, i), ErrorCode::kNone) << i;
}

// Goal: clients are told that what lies in a lost directory has no leader, nothing new is placed there, and after a
// start with the directory all is as before, in later epochs.
TEST(LogDirs, WhatLiesInALostDirectoryHasNoLeaderUntilItIsBack) {
  auto fs = std::make_shared<MemoryFs>();
  std::set<std::int32_t> lost;
  std::map<std::int32_t, PartitionRow> before;
  std::map<std::int32_t, PartitionRow> without;
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    lost = partitions_in(*fs, "/b");
    before = rows_of(broker);
    broker.faults().fail_next("datasync", EIO);
    ASSERT_EQ(produce_error(broker, *lost.begin()), ErrorCode::kKafkaStorageError);
    expect_leaders_but_for(broker, lost);
    without = rows_of(broker);
    for (const auto& [index, row] : without) {
      EXPECT_EQ(row.leader_epoch - before.at(index).leader_epoch, lost.contains(index) ? 1 : 0) << index;
      EXPECT_EQ(row.isr_nodes, std::vector<NodeId>{NodeId(1)}) << index;
      EXPECT_EQ(produce_error(broker, index), lost.contains(index) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone);
    }
    create_topic(broker, "u", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) {
      EXPECT_EQ(produce(broker, "u", make_batch({"x"}), kProduceByName, i).error_code, ErrorCode::kNone) << i;
    }
    EXPECT_TRUE(broker.broker().unready_reasons().empty());
    const auto offset = broker.broker().services().image.get()->offset;
    broker.advance(Millis(5000));
    EXPECT_EQ(broker.broker().services().image.get()->offset, offset) << "it was told once";
  }
  TestBroker broker({.settings = {"log.dirs=/a,/b,/c"}, .fs = fs->after_power_cut(test::PowerCut::kDrop, 1)});
  expect_leaders_but_for(broker, {});
  const auto after = rows_of(broker);
  for (const auto& [index, row] : after) {
    EXPECT_GT(row.leader_epoch, without.at(index).leader_epoch) << index;
    EXPECT_EQ(produce_error(broker, index), ErrorCode::kNone) << index;
  }
  EXPECT_EQ(broker.broker().services().image.get()->broker(NodeId(1))->log_dirs.size(), 3U);
}

// Goal: a directory is lost whether or not the metadata can be written; they are told as soon as it can.
TEST(LogDirs, ADirectoryLostWhileTheMetadataIsFullIsToldOfLater) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  const auto lost = partitions_in(*broker.fs(), "/b");
  int refused = 0;
  bool is_full = true;
  broker.faults().on_call = [&](std::uint64_t, std::string_view name, const storage::Path& path) {
    if (!is_full || name != "pwritev" || path.native().find("__cluster_metadata") == std::string::npos) return;
    broker.faults().fail_next("pwritev", ENOSPC);
    ++refused;
  };
  broker.faults().fail_next("datasync", EIO);
  EXPECT_EQ(produce_error(broker, *lost.begin()), ErrorCode::kKafkaStorageError);
  EXPECT_GT(refused, 0);
  for (std::int32_t i = 0; i < kPartitionCount; ++i) {
    EXPECT_EQ(produce_error(broker, i), lost.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
  }
  expect_leaders_but_for(broker, {});
  EXPECT_TRUE(broker.broker().unready_reasons().empty());
  is_full = false;
  broker.advance(Millis(1000));
  expect_leaders_but_for(broker, lost);
  broker.faults().on_call = nullptr;
}

TEST(LogDirs, WaitsOfADirectoryThatFailsEndAtOnce) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  const auto lost = partitions_in(*broker.fs(), "/c");
  ASSERT_EQ(lost.size(), 2U);
  broker.hold_helpers(true);
  auto batch = make_batch({"waits for its flush"});
  auto waiting = broker.send(TestBroker::frame_of(produce_request("t", *lost.begin(), batch), kProduceByName));
  broker.step();
  ASSERT_FALSE(waiting->reply.has_value());
  broker.faults().fail_next("pwritev", EIO);
  auto failing_batch = make_batch({"can't be written"});
  auto failing = broker.send(TestBroker::frame_of(produce_request("t", *lost.rbegin(), failing_batch), kProduceByName));
  broker.step();
  ASSERT_TRUE(failing->reply.has_value());
  ASSERT_TRUE(waiting->reply.has_value()) << "another partition's failure is this one's too";
  EXPECT_EQ(broker.response_of<protocol::ProduceRequest>(*waiting, kProduceByName)
                .responses.at(0)
                .partition_responses.at(0)
                .error_code,
            ErrorCode::kKafkaStorageError);
  broker.hold_helpers(false);
  broker.step();
}

TEST(LogDirs, WithoutTheMetadataTheBrokerGivesUp) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  std::string reason;
  broker.broker().on_failure([&reason](const Error& error) { reason = to_string(error); });
  const auto lost = partitions_in(*broker.fs(), "/a");
  broker.faults().fail_next("datasync", EIO);
  EXPECT_EQ(produce_error(broker, *lost.begin()), ErrorCode::kKafkaStorageError);
  EXPECT_FALSE(reason.empty());
  ASSERT_EQ(broker.broker().unready_reasons().size(), 1U);
  EXPECT_EQ(broker.broker().unready_reasons().front(), "the directory of the cluster's metadata is offline");
}

TEST(LogDirs, ADirectoryThatIsDeadAtTheStartIsLeftOut) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  const auto lost = partitions_in(*fs, "/b");
  {
    TestBroker broker(three_directories(fs, "/b"));
    for (std::int32_t i = 0; i < kPartitionCount; ++i) {
      EXPECT_EQ(produce_error(broker, i), lost.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
    }
    EXPECT_TRUE(broker.broker().unready_reasons().empty());
    expect_leaders_but_for(broker, lost);
    create_topic(broker, "u", 4);
    broker.advance(Millis(2000));
  }
  EXPECT_EQ(partitions_in(*fs, "/b"), lost);
  EXPECT_EQ(partitions_in(*fs, "/a").size() + partitions_in(*fs, "/c").size(), 4U) << "no log was made anew elsewhere";
  TestBroker broker(three_directories(fs));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(end_of(broker, i), lost.contains(i) ? 1 : 2) << i;
  expect_leaders_but_for(broker, {});
}

// Unmounted, or removed: files that are open can still be written, and nobody would find them again.
TEST(LogDirs, ADirectoryThatVanishesIsNoticed) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  const auto lost = partitions_in(*broker.fs(), "/c");
  broker.faults().fail_below("/c", ENOENT);
  broker.advance(Millis(1000));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) {
    EXPECT_EQ(produce_error(broker, i), lost.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
  }
}

TEST(LogDirs, AFullDirectoryComesBackByItself) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  const auto full = partitions_in(*broker.fs(), "/c");
  broker.faults().fail_below("/c", ENOSPC);
  for (std::int32_t i = 0; i < kPartitionCount; ++i) {
    EXPECT_EQ(produce_error(broker, i), full.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
  }
  broker.advance(Millis(5000));
  broker.faults().fail_below({}, 0);
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(produce_error(broker, i), ErrorCode::kNone) << i;
}

TEST(LogDirs, APartitionIsReadWhereItLies) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  // The directory loses the id that the metadata knows it by. The first line is a checksum.
  const auto content = fs->durable_content("/b/meta.properties");
  auto text = std::string(as_text(content));
  text = text.substr(text.find('\n') + 1) + "directory.id=\n";
  ASSERT_TRUE(storage::write_file_atomically(*fs, "/b/meta.properties", as_bytes(text)).has_value());
  TestBroker broker(three_directories(fs));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(end_of(broker, i), 1) << i;
  expect_leaders_but_for(broker, {});
}

// A second, empty log was made where the metadata would have it, while the first could not be opened.
TEST(LogDirs, APartitionThatWasMovedIsTriedAgainWhereItLies) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  const auto moved = *partitions_in(*fs, "/b").begin();
  const auto name = fmt::format("t-{}", moved);
  move_directory(*fs, storage::Path("/b") / name, storage::Path("/c") / name);
  auto options = three_directories(fs);
  options.arrange_faults = [name](test::FaultFs& faults) { faults.fail_below(storage::Path("/c") / name, EMFILE); };
  TestBroker broker(std::move(options));
  EXPECT_EQ(produce_error(broker, moved), ErrorCode::kKafkaStorageError);
  broker.advance(Millis(3000));
  EXPECT_FALSE(*fs->exists(storage::Path("/b") / name));
  broker.hold_helpers(true);
  broker.advance(Millis(3000));
  EXPECT_EQ(produce_error(broker, moved), ErrorCode::kKafkaStorageError) << "while it is tried again";
  broker.hold_helpers(false);
  broker.faults().fail_below({}, 0);
  broker.advance(Millis(3000));
  EXPECT_EQ(end_of(broker, moved), 1);
  expect_leaders_but_for(broker, {});
  const auto image = broker.broker().services().image.get();
  const auto topic = image->topic("t");
  const auto registered = image->broker(NodeId(1));
  EXPECT_EQ(topic->partition(PartitionIndex(moved))->directory_of(NodeId(1)), registered->log_dirs.at(2));
  EXPECT_EQ(produce_error(broker, moved), ErrorCode::kNone);
}

TEST(LogDirs, APartitionThatMayLieInADeadDirectoryIsNotMadeAnew) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  const auto moved = *partitions_in(*fs, "/b").begin();
  const auto name = fmt::format("t-{}", moved);
  move_directory(*fs, storage::Path("/b") / name, storage::Path("/c") / name);
  TestBroker broker(three_directories(fs, "/c"));
  EXPECT_EQ(produce_error(broker, moved), ErrorCode::kKafkaStorageError);
  EXPECT_FALSE(*fs->exists(storage::Path("/b") / name));
}

// Whoever had found the partition before went on writing to it.
TEST(LogDirs, WhatADirectoryHoldsIsFencedWhenAnOpeningFails) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  create_topic(broker, "t", kPartitionCount);
  const auto lost = partitions_in(*broker.fs(), "/b");
  const auto map = broker.broker().services().partitions.map();
  const auto partition = map->find("t")->partition(PartitionIndex(*lost.begin()));
  broker.faults().fail_below("/b", EIO);
  create_topic(broker, "u", 3);
  EXPECT_TRUE(partition->log_dir().is_offline());
  EXPECT_TRUE(partition->is_closed());
}

// What lies elsewhere by the same name is another topic's: whoever wrote there would miss it when the directory is
// back.
TEST(LogDirs, AnotherTopicsLogIsNotTakenForWhatIsLost) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  const auto lost = partitions_in(*fs, "/b");
  const auto other = storage::Path("/c") / fmt::format("t-{}", *lost.begin());
  ASSERT_TRUE(fs->create_directory(other).has_value());
  ASSERT_TRUE(storage::write_file_atomically(*fs, other / "partition.metadata",
                                             as_bytes("version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw"))
                  .has_value());
  // Nor is one that does not say whose it is.
  ASSERT_EQ(lost.size(), 2U);
  const auto nameless = storage::Path("/c") / fmt::format("t-{}", *lost.rbegin());
  ASSERT_TRUE(fs->create_directory(nameless).has_value());
  TestBroker broker(three_directories(fs, "/b"));
  expect_leaders_but_for(broker, lost);
  for (const auto partition : lost) EXPECT_EQ(produce_error(broker, partition), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(fs->list(other)->size(), 1U) << "it is left alone, and none made in its place";
  EXPECT_TRUE(fs->list(nameless)->empty());
}

TEST(LogDirs, ADirectoryThatCannotBeReadAtTheStartIsLeftOut) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
    create_topic(broker, "t", kPartitionCount);
    for (std::int32_t i = 0; i < kPartitionCount; ++i) ASSERT_EQ(produce_error(broker, i), ErrorCode::kNone);
    broker.stop();
  }
  auto options = three_directories(fs);
  options.arrange_faults = [](test::FaultFs& faults) { faults.fail_below("/b/recovery-point-offset-checkpoint", EIO); };
  TestBroker broker(std::move(options));
  const auto lost = partitions_in(*fs, "/b");
  for (std::int32_t i = 0; i < kPartitionCount; ++i) {
    EXPECT_EQ(produce_error(broker, i), lost.contains(i) ? ErrorCode::kKafkaStorageError : ErrorCode::kNone) << i;
  }
}

TEST(LogDirs, TwoWithOneIdAreRefused) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker(three_directories(fs));
  }
  const auto identity = fs->durable_content("/b/meta.properties");
  ASSERT_TRUE(storage::write_file_atomically(*fs, "/c/meta.properties", identity).has_value());
  const auto refused = TestBroker::try_start(three_directories(fs));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().context.find("/c/meta.properties"), std::string::npos) << refused.error().context;
}

TEST(LogDirs, DeletionFindsEveryPartition) {
  TestBroker broker(three_directories(std::make_shared<MemoryFs>()));
  const auto id = create_topic(broker, "t", kPartitionCount);
  ASSERT_EQ(delete_topic(broker, id), ErrorCode::kNone);
  broker.advance(Millis(120'000));
  for (const auto* directory : {"/a", "/b", "/c"}) {
    const auto entries = *broker.fs()->list(directory);
    for (const auto& entry : entries) EXPECT_FALSE(entry.name.starts_with("t-")) << entry.name;
  }
}

}  // namespace
}  // namespace weir::api
