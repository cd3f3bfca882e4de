// Several log directories: partitions spread over them, and one that fails takes nothing with it but what lies in it
// (design decision 8).
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "protocol/schema/02_list_offsets.h"
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
    create_topic(broker, "u", 4);
    broker.advance(Millis(2000));
  }
  EXPECT_EQ(partitions_in(*fs, "/b"), lost);
  EXPECT_EQ(partitions_in(*fs, "/a").size() + partitions_in(*fs, "/c").size(), 4U) << "no log was made anew elsewhere";
  TestBroker broker(three_directories(fs));
  for (std::int32_t i = 0; i < kPartitionCount; ++i) EXPECT_EQ(end_of(broker, i), lost.contains(i) ? 1 : 2) << i;
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
  broker.faults().fail_below({}, 0);
  broker.advance(Millis(3000));
  EXPECT_EQ(end_of(broker, moved), 1);
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
