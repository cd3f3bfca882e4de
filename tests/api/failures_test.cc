// What clients are told when a disk call fails or a partition can't be opened, and what is told again once that passes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "api/requests.h"
#include "protocol/schema/02_list_offsets.h"
#include "protocol/schema/20_delete_topics.h"
#include "protocol/schema/22_init_producer_id.h"

namespace weir::api {
namespace {

using test::make_batch;
using test::MemoryFs;
using test::TestBroker;

constexpr std::int16_t kFetchBeforeStorageError = 5;

Bytes producer_batch(std::int32_t sequence) {
  test::BatchSpec spec;
  spec.options.producer_id = ProducerId(7);
  spec.options.producer_epoch = ProducerEpoch(0);
  spec.options.base_sequence = sequence;
  return make_batch(spec);
}

ErrorCode produce_error(const test::PendingReply& sent, TestBroker& broker) {
  return broker.response_of<protocol::ProduceRequest>(sent, kProduceByName)
      .responses.at(0)
      .partition_responses.at(0)
      .error_code;
}

void overwrite(MemoryFs& fs, const storage::Path& path, std::string_view content) {
  auto file = fs.open(path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file.has_value()) << to_string(file.error());
  ASSERT_TRUE((*file)->truncate(0).has_value());
  const auto bytes = as_bytes(content);
  ASSERT_TRUE((*file)->pwritev({&bytes, 1}, 0).has_value());
}

// "t": zeros lie ahead in its log and are durable, and the second description is open.
void create_topic_with_passable_flushes(TestBroker& broker) {
  constexpr int kFlushesUntilPassable = 40;
  create_topic(broker, "t");
  for (int i = 0; i < kFlushesUntilPassable; ++i) {
    ASSERT_EQ(produce(broker, "t", make_batch({"before"})).error_code, ErrorCode::kNone);
  }
}

// Nobody else writes to its partition, so nobody would come by who passes the flush.
TEST(Failures, AWriteAloneWaitsNoLongerThanUsualForAFlushThatHangs) {
  TestBroker broker;
  create_topic_with_passable_flushes(broker);
  broker.hold_helpers(true);
  auto batch = make_batch({"alone"});
  auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch), kProduceByName));
  broker.step();
  auto hanging = broker.take_flush();
  broker.hold_helpers(false);
  broker.step();
  ASSERT_FALSE(sent->reply.has_value());
  broker.advance(Millis{1});
  ASSERT_TRUE(sent->reply.has_value());
  EXPECT_EQ(produce_error(*sent, broker), ErrorCode::kNone);
  hanging();
  broker.step();
  EXPECT_EQ(produce(broker, "t", make_batch({"after"})).error_code, ErrorCode::kNone);
  broker.stop();
}

// The late flush ends before the one that passes it, and the next one goes out beside that, and hangs too.
TEST(Failures, AWriteAloneWaitsNoLongerForASecondFlushThatHangs) {
  TestBroker broker;
  create_topic_with_passable_flushes(broker);
  const auto send = [&broker](Bytes& batch) {
    auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch), kProduceByName));
    broker.step();
    return sent;
  };
  broker.hold_helpers(true);
  auto first_batch = make_batch({"first"});
  auto second_batch = make_batch({"second"});
  const auto first_sent = send(first_batch);
  auto first = broker.take_flush();
  broker.advance(Millis{1});
  auto passing = broker.take_flush();
  const auto second_sent = send(second_batch);
  first();
  broker.step();
  auto next = broker.take_flush();
  passing();
  broker.step();
  broker.hold_helpers(false);
  broker.step();
  ASSERT_TRUE(first_sent->reply.has_value());
  ASSERT_FALSE(second_sent->reply.has_value());
  broker.advance(Millis{1});
  ASSERT_TRUE(second_sent->reply.has_value());
  EXPECT_EQ(produce_error(*second_sent, broker), ErrorCode::kNone);
  next();
  broker.step();
  broker.stop();
}

// A wait that nothing would ever end hung until the client's timeout.
TEST(Failures, AnAppendThatFailsAnswersThoseWhoWaitForItsLog) {
  TestBroker broker;
  create_topic(broker, "t");
  ASSERT_EQ(produce(broker, "t", make_batch({"before"})).error_code, ErrorCode::kNone);
  broker.hold_helpers(true);
  auto waiting_batch = make_batch({"waits for its flush"});
  auto waiting = broker.send(TestBroker::frame_of(produce_request("t", 0, waiting_batch), kProduceByName));
  broker.step();
  ASSERT_FALSE(waiting->reply.has_value());
  broker.faults().fail_next("pwritev", EIO);
  auto failing_batch = make_batch({"can't be written"});
  auto failing = broker.send(TestBroker::frame_of(produce_request("t", 0, failing_batch), kProduceByName));
  broker.step();
  ASSERT_TRUE(broker.faults().fired());
  ASSERT_TRUE(failing->reply.has_value());
  ASSERT_TRUE(waiting->reply.has_value()) << "no flush will come for it, and no time has passed";
  EXPECT_EQ(produce_error(*failing, broker), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(produce_error(*waiting, broker), ErrorCode::kKafkaStorageError);
  broker.hold_helpers(false);
  broker.step();
  EXPECT_EQ(produce(broker, "t", make_batch({"after"})).error_code, ErrorCode::kKafkaStorageError) << "for good";
}

// A repetition was answered with the offsets of a batch that never became durable.
TEST(Failures, AFailedFlushRefusesTheRepetitionOfWhatItLost) {
  TestBroker broker;
  create_topic(broker, "t");
  ASSERT_EQ(produce(broker, "t", producer_batch(0)).error_code, ErrorCode::kNone);
  broker.hold_helpers(true);
  auto batch = producer_batch(1);
  auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch), kProduceByName));
  broker.step();
  broker.faults().fail_next("datasync", EIO);
  broker.hold_helpers(false);
  broker.step();
  ASSERT_TRUE(broker.faults().fired());
  ASSERT_TRUE(sent->reply.has_value());
  EXPECT_EQ(produce_error(*sent, broker), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(produce(broker, "t", producer_batch(1)).error_code, ErrorCode::kKafkaStorageError);
  const auto row = broker.call(fetch_request("t", 0), kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kKafkaStorageError) << "what is not durable is read by nobody";
  EXPECT_FALSE(broker.broker().unready_reasons().empty()) << "it was the only log directory";
}

// No descriptor is left for the directory whose name a new log hangs on: nothing failed to sync, so nothing is fenced.
TEST(Failures, AFlushWithoutADescriptorIsTriedAgain) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}});
  ASSERT_EQ(produce(broker, "t", make_batch({"first"})).error_code, ErrorCode::kNone);
  test::BatchSpec large;
  large.value_bytes = 1'000'000;
  ASSERT_EQ(produce(broker, "t", make_batch(large)).error_code, ErrorCode::kNone);
  broker.faults().fail_next("sync_directory", EMFILE);
  auto batch = make_batch(large);  // it rolls
  auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch), kProduceByName));
  broker.step();
  ASSERT_TRUE(broker.faults().fired());
  broker.advance(Millis(1000));
  ASSERT_TRUE(sent->reply.has_value());  // refused, or, if it began to wait after the failure, durable now
  const auto row = broker.call(fetch_request("t", 0), kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.high_watermark, Offset(3)) << "flushed again without being asked";
  EXPECT_EQ(produce(broker, "t", make_batch({"more"})).error_code, ErrorCode::kNone);
}

TEST(Failures, AFullDiskRefusesAChangeOfMetadataAndTheNextOneIsTried) {
  TestBroker broker;
  create_topic(broker, "first");
  broker.faults().fail_next("pwritev", ENOSPC);
  protocol::InitProducerIdRequest request;  // the first one takes a block of ids from the controller
  request.transaction_timeout_ms = 60'000;
  const auto refused = broker.call(request, 4);
  ASSERT_TRUE(broker.faults().fired());
  EXPECT_NE(refused.error_code, ErrorCode::kNone);
  EXPECT_TRUE(broker.broker().unready_reasons().empty());
  create_topic(broker, "second");
  EXPECT_EQ(broker.call(request, 4).error_code, ErrorCode::kNone);
}

TEST(Failures, APartitionThatCanNotBeOpenedIsReportedAndAnsweredAsAStorageError) {
  auto fs = std::make_shared<MemoryFs>();
  Uuid broken_id;
  {
    TestBroker broker({.fs = fs});
    broken_id = create_topic(broker, "broken");
    create_topic(broker, "whole");
    for (const auto* topic : {"broken", "whole"}) {
      ASSERT_EQ(produce(broker, topic, make_batch({"a", "b"})).error_code, ErrorCode::kNone);
    }
    broker.stop();
  }
  overwrite(*fs, "/weir/broken-0/partition.metadata", "version: 0\ntopic_id: ?\n");
  TestBroker broker({.fs = fs});
  const auto reasons = broker.broker().unready_reasons();
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_NE(reasons[0].find("broken-0"), std::string::npos) << reasons[0];

  EXPECT_EQ(produce(broker, "whole", make_batch({"c"})).base_offset, Offset(2));
  EXPECT_EQ(produce(broker, "broken", make_batch({"c"})).error_code, ErrorCode::kKafkaStorageError);
  const auto fetch = [&](std::int16_t version) {
    return broker.call(fetch_request("broken", 0), version).responses.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(fetch(kFetchByName), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(fetch(kFetchBeforeStorageError), ErrorCode::kNotLeaderOrFollower) << "it knows no better";
  protocol::ListOffsetsRequest list;
  list.topics.push_back({.name = "broken", .partitions = {{.partition_index = PartitionIndex(0), .timestamp = -1}}});
  EXPECT_EQ(broker.call(list, 7).topics.at(0).partitions.at(0).error_code, ErrorCode::kKafkaStorageError);

  // What is known of it stays known: its checkpoint entry is not dropped by those who write for the others.
  broker.advance(Millis(120'000));
  const auto checkpoint = fs->durable_content("/weir/recovery-point-offset-checkpoint");
  EXPECT_NE(as_text(checkpoint).find("broken 0 2"), std::string_view::npos) << as_text(checkpoint);

  ASSERT_EQ(delete_topic(broker, broken_id), ErrorCode::kNone);
  EXPECT_TRUE(broker.broker().unready_reasons().empty());
  EXPECT_FALSE(*fs->exists("/weir/broken-0")) << "its directory goes although its log never opened";
  create_topic(broker, "broken");
  EXPECT_EQ(produce(broker, "broken", make_batch({"new"})).base_offset, Offset(0));
}

TEST(Failures, ADirectoryThatNoTopicClaimsIsSetAside) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker({.fs = fs});
    create_topic(broker, "kept");
    broker.stop();
  }
  ASSERT_TRUE(fs->create_directory("/weir/left-behind-3").has_value());
  ASSERT_TRUE(fs->create_directory("/weir/gone-0.00000000000000000000000000000001-delete").has_value());
  ASSERT_TRUE(fs->create_directory("/weir/not a partition").has_value());
  TestBroker broker({.fs = fs});
  std::vector<std::string> names;
  const auto entries = fs->list("/weir");
  for (const auto& entry : *entries) {
    if (entry.is_directory) names.push_back(entry.name);
  }
  std::ranges::sort(names);
  const std::vector<std::string> expected{"__cluster_metadata-0", "kept-0",
                                          "left-behind-3.00000000000000000000000000000000-stray", "not a partition"};
  EXPECT_EQ(names, expected);
}

// The older of two answers could be the last one written.
TEST(Failures, TwoWritersOfCheckpointsTakeTurns) {
  auto fs = std::make_shared<MemoryFs>();
  TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs});
  const auto deleted_id = create_topic(broker, "deleted");
  create_topic(broker, "kept");
  ASSERT_EQ(produce(broker, "deleted", make_batch({"a"})).error_code, ErrorCode::kNone);
  ASSERT_EQ(produce(broker, "kept", make_batch({"a"})).error_code, ErrorCode::kNone);
  broker.hold_slow_helpers(true);
  broker.advance(Millis(1000));  // the first writer has asked the partitions, and waits for its helper
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = 30'000;
  request.topics.push_back({.name = std::nullopt, .topic_id = deleted_id});
  auto deleting = broker.send(TestBroker::frame_of(request, 6));
  broker.step();
  EXPECT_EQ(broker.waiting_work_count(), 1U) << "the second writer waits for the first, not beside it";
  broker.hold_slow_helpers(false);
  broker.step();
  ASSERT_TRUE(deleting->reply.has_value());
  const auto checkpoint = fs->durable_content("/weir/recovery-point-offset-checkpoint");
  EXPECT_NE(as_text(checkpoint).find("kept 0 1"), std::string_view::npos) << as_text(checkpoint);
  EXPECT_EQ(as_text(checkpoint).find("deleted 0"), std::string_view::npos) << as_text(checkpoint);
}

TEST(Failures, TryingAgainTakesNoChangeBack) {
  TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}});
  broker.faults().fail_next("create_directory", EMFILE);
  create_topic(broker, "t");
  broker.hold_slow_helpers(true);
  protocol::CreateTopicsRequest request;
  request.topics.push_back({.name = "u", .num_partitions = 1, .replication_factor = 1});
  auto creating = broker.send(TestBroker::frame_of(request, 7));
  broker.step();
  ASSERT_FALSE(creating->reply.has_value()) << "its log is being opened";
  broker.advance(Millis(1000));  // the round that tries again
  broker.hold_slow_helpers(false);
  broker.step();
  broker.advance(Millis(1000));
  for (const auto* topic : {"t", "u"}) {
    EXPECT_EQ(produce(broker, topic, make_batch({"a"})).error_code, ErrorCode::kNone) << topic;
  }
}

// Four slow lookups held up every fsync.
TEST(Failures, SlowWorkDoesNotStandBetweenAWriteAndItsAck) {
  TestBroker broker;
  create_topic(broker, "t");
  broker.hold_slow_helpers(true);
  EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kNone);
}

// The checkpoint's entry for a topic that was made anew while nothing could be written would be taken for its log's.
TEST(Failures, APartitionThatCanNotBeOpenedKeepsNoOtherOutOfTheCheckpoints) {
  auto fs = std::make_shared<MemoryFs>();
  Uuid old_id;
  {
    TestBroker broker({.fs = fs});
    create_topic(broker, "broken");
    old_id = create_topic(broker, "t");
    ASSERT_EQ(produce(broker, "broken", make_batch({"a", "b"})).error_code, ErrorCode::kNone);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kNone);
    broker.stop();
  }
  overwrite(*fs, "/weir/broken-0/partition.metadata", "version: 0\ntopic_id: ?\n");
  {
    TestBroker broker({.fs = fs});
    ASSERT_EQ(delete_topic(broker, old_id), ErrorCode::kNone);
    create_topic(broker, "t");
    ASSERT_EQ(produce(broker, "t", make_batch({"new"})).error_code, ErrorCode::kNone);
    const auto checkpoint = fs->durable_content("/weir/recovery-point-offset-checkpoint");
    EXPECT_EQ(as_text(checkpoint).find("t 0 10"), std::string_view::npos) << as_text(checkpoint);
    EXPECT_NE(as_text(checkpoint).find("broken 0 2"), std::string_view::npos) << as_text(checkpoint);
  }
  fs = fs->after_power_cut(test::PowerCut::kDrop, 1);
  TestBroker broker({.fs = fs});
  EXPECT_EQ(produce(broker, "t", make_batch({"next"})).base_offset, Offset(1));
}

// Goal: a log that is made on a disk without room for the checkpoints, which still name its predecessor, is not served
// until they don't, however often it is tried.
TEST(Failures, APartitionThatIsTriedAgainHasNoPredecessorEither) {
  auto fs = std::make_shared<MemoryFs>();
  {
    TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs});
    const auto old_id = create_topic(broker, "t");
    for (int i = 0; i < 10; ++i) ASSERT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kNone);
    broker.advance(Millis(1000));
    broker.faults().fail_below("/weir/weir.checkpoints.tmp", ENOSPC);
    ASSERT_EQ(delete_topic(broker, old_id), ErrorCode::kNone);
    create_topic(broker, "t");
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(produce(broker, "t", make_batch({"new"})).error_code, ErrorCode::kKafkaStorageError) << round;
      broker.advance(Millis(1000));
    }
    broker.faults().fail_below({}, 0);
    broker.advance(Millis(1000));
    const auto produced = produce(broker, "t", make_batch({"new"}));
    ASSERT_EQ(produced.error_code, ErrorCode::kNone);
    EXPECT_EQ(produced.base_offset, Offset(0));
  }
  TestBroker broker({.fs = fs->after_power_cut(test::PowerCut::kDrop, 1)});
  EXPECT_EQ(produce(broker, "t", make_batch({"next"})).base_offset, Offset(1));
}

TEST(Failures, AWantOfDescriptorsIsOverWhenItIsOver) {
  TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}});
  broker.faults().fail_next("create_directory", EMFILE);
  create_topic(broker, "t");
  ASSERT_TRUE(broker.faults().fired());
  EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kKafkaStorageError);
  EXPECT_EQ(broker.broker().unready_reasons().size(), 1U);
  broker.advance(Millis(1000));
  EXPECT_TRUE(broker.broker().unready_reasons().empty());
  EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kNone);
}

}  // namespace
}  // namespace weir::api
