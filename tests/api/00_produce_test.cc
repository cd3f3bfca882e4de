#include "protocol/schema/00_produce.h"

#include <gtest/gtest.h>

#include "api/requests.h"
#include "model/topic_name.h"
#include "protocol/schema/22_init_producer_id.h"
#include "record/batch_header.h"

namespace weir::api {
namespace {

using test::BatchSpec;
using test::make_batch;
using test::TestBroker;

Bytes sequenced_batch(ProducerId id, std::int16_t epoch, std::int32_t sequence, std::int32_t count = 1) {
  BatchSpec spec;
  spec.count = count;
  auto batch = make_batch(spec);
  auto header = record::BatchHeader::read(batch.data());
  header.producer_id = id;
  header.producer_epoch = ProducerEpoch(epoch);
  header.base_sequence = sequence;
  header.write(batch.data());
  test::fix_crc(batch);
  return batch;
}

TEST(Produce, EveryVersionAppendsAndAnswersWithOffsets) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  std::int64_t expected = 0;
  for (std::int16_t version = 3; version <= 13; ++version) {
    auto batch = make_batch({"a", "b"});
    auto request = produce_request("t", 0, batch);
    request.topic_data[0].topic_id = id;
    const auto response = broker.call(request, version);
    ASSERT_EQ(response.responses.size(), 1U) << version;
    const auto& row = response.responses[0].partition_responses.at(0);
    EXPECT_EQ(row.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(row.base_offset, Offset(expected)) << version;
    EXPECT_EQ(row.log_append_time_ms, -1);
    if (version >= 5) {
      EXPECT_EQ(row.log_start_offset, Offset(0));
    }
    expected += 2;
  }
}

TEST(Produce, AcksAllWaitsForTheFlushAndAcksOneDoesNot) {
  TestBroker broker;
  create_topic(broker, "t");
  const storage::Path log = "/weir/t-0/00000000000000000000.log";
  auto batch = make_batch({"a"});
  broker.hold_helpers(true);  // no flush ends
  auto all = broker.send(TestBroker::frame_of(produce_request("t", 0, batch, -1), kProduceByName));
  auto leader = broker.send(TestBroker::frame_of(produce_request("t", 0, batch, 1), kProduceByName));
  broker.step();
  EXPECT_FALSE(all->reply.has_value()) << "acked before it was durable";
  EXPECT_TRUE(leader->reply.has_value());
  EXPECT_TRUE(broker.fs()->durable_content(log).empty());
  broker.hold_helpers(false);
  broker.step();
  EXPECT_TRUE(all->reply.has_value());
  EXPECT_GE(broker.fs()->durable_content(log).size(), 2 * batch.size());
}

TEST(Produce, ADuplicateOfWhatIsNotDurableYetWaitsLikeTheOriginal) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = sequenced_batch(ProducerId(7), 0, 0);
  const auto frame = TestBroker::frame_of(produce_request("t", 0, batch, -1), kProduceByName);
  broker.hold_helpers(true);
  auto original = broker.send(frame);
  broker.step();
  auto again = broker.send(frame);
  broker.step();
  EXPECT_FALSE(original->reply.has_value());
  EXPECT_FALSE(again->reply.has_value());
  broker.hold_helpers(false);
  broker.step();
  for (const auto& sent : {original, again}) {
    const auto row = broker.response_of<protocol::ProduceRequest>(*sent, kProduceByName);
    EXPECT_EQ(row.responses.at(0).partition_responses.at(0).base_offset, Offset(0));
  }
}

TEST(Produce, TheWaitForTheFlushEndsAtTheTimeout) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"a"});
  auto request = produce_request("t", 0, batch, -1);
  request.timeout_ms = 1000;
  broker.hold_helpers(true);
  auto sent = broker.send(TestBroker::frame_of(request, kProduceByName));
  broker.advance(Millis(999));
  EXPECT_FALSE(sent->reply.has_value());
  broker.advance(Millis(1));
  const auto row = broker.response_of<protocol::ProduceRequest>(*sent, kProduceByName);
  EXPECT_EQ(row.responses.at(0).partition_responses.at(0).error_code, ErrorCode::kRequestTimedOut);
  broker.hold_helpers(false);
  broker.step();
  EXPECT_EQ(produce(broker, "t", make_batch({"b"})).base_offset, Offset(1)) << "the data stays";
}

TEST(Produce, AcksZeroHasNoReplyAndAFailureCloses) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"a"});
  auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch, 0), kProduceByName));
  broker.step();
  ASSERT_TRUE(sent->reply.has_value());
  EXPECT_EQ(sent->reply->kind, net::Reply::Kind::kNothing);
  auto lost = broker.send(TestBroker::frame_of(produce_request("missing", 0, batch, 0), kProduceByName));
  broker.step();
  ASSERT_TRUE(lost->reply.has_value());
  EXPECT_EQ(lost->reply->kind, net::Reply::Kind::kClose);
}

TEST(Produce, UnknownNamesIdsAndPartitions) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  EXPECT_EQ(produce(broker, "missing", make_batch({"a"})).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(produce(broker, "t", make_batch({"a"}), kProduceByName, 1).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(produce(broker, "t", make_batch({"a"}), kProduceByName, -1).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(produce(broker, "t", make_batch({"a"}), kProduceById).error_code, ErrorCode::kUnknownTopicId)
      << "the zero id";
  auto batch = make_batch({"a"});
  auto request = produce_request("", 1, batch);
  request.topic_data[0].topic_id = id;
  EXPECT_EQ(broker.call(request, kProduceById).responses[0].partition_responses[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST(Produce, RefusedAcksComeAfterTheShapeOfTheBatch) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"a"});
  auto row = broker.call(produce_request("t", 0, batch, 2), kProduceByName).responses[0].partition_responses[0];
  EXPECT_EQ(row.error_code, ErrorCode::kInvalidRequiredAcks);
  Bytes nothing;
  row = broker.call(produce_request("t", 0, nothing, 2), kProduceByName).responses[0].partition_responses[0];
  EXPECT_EQ(row.error_code, ErrorCode::kInvalidRecord);
  EXPECT_EQ(row.base_offset, Offset(-1));
}

TEST(Produce, NullRecordsAreInvalid) {
  TestBroker broker;
  create_topic(broker, "t");
  Bytes nothing;
  auto request = produce_request("t", 0, nothing);
  request.topic_data[0].partition_data[0].records = protocol::Records{};
  const auto response = broker.call(request, kProduceByName);
  EXPECT_EQ(response.responses[0].partition_responses[0].error_code, ErrorCode::kInvalidRecord);
}

TEST(Produce, WrongCrcIsCorruptAndNothingIsAppended) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"abc"});
  batch.back() ^= 1;
  EXPECT_EQ(produce(broker, "t", batch).error_code, ErrorCode::kCorruptMessage);
  EXPECT_EQ(produce(broker, "t", make_batch({"abc"})).base_offset, Offset(0));
}

TEST(Produce, TooLargeForTheTopic) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"max.message.bytes", "100"}});
  BatchSpec spec;
  spec.value_bytes = 200;
  EXPECT_EQ(produce(broker, "t", make_batch(spec)).error_code, ErrorCode::kMessageTooLarge);
}

TEST(Produce, RecordsWithoutKeysOnACompactedTopicAreListed) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"cleanup.policy", "compact"}});
  BatchSpec spec;
  spec.count = 2;
  spec.keys = false;
  const auto row = produce(broker, "t", make_batch(spec));
  EXPECT_EQ(row.error_code, ErrorCode::kInvalidRecord);
  ASSERT_EQ(row.record_errors.size(), 2U);
  EXPECT_EQ(row.record_errors[1].batch_index, 1);
  EXPECT_TRUE(row.record_errors[0].batch_index_error_message.has_value());
  EXPECT_EQ(row.log_start_offset, Offset(0)) << "refused for its content";
}

TEST(Produce, DuplicatesKeepTheirOffsetsAndGapsAreRefused) {
  TestBroker broker;
  create_topic(broker, "t");
  const auto init = broker.call(protocol::InitProducerIdRequest{}, 4);
  ASSERT_EQ(init.error_code, ErrorCode::kNone);
  const auto id = init.producer_id;
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 0, 3)).base_offset, Offset(0));
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 3)).base_offset, Offset(3));
  const auto again = produce(broker, "t", sequenced_batch(id, 0, 0, 3));
  EXPECT_EQ(again.error_code, ErrorCode::kNone);
  EXPECT_EQ(again.base_offset, Offset(0));
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 5)).error_code, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 1, 0)).base_offset, Offset(4));
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 4)).error_code, ErrorCode::kInvalidProducerEpoch);
}

TEST(Produce, AllFiveDuplicatesAreKnownAfterARestart) {
  auto fs = std::make_shared<test::MemoryFs>();
  ProducerId id;
  {
    TestBroker broker({.fs = fs});
    create_topic(broker, "t");
    id = broker.call(protocol::InitProducerIdRequest{}, 4).producer_id;
    for (std::int32_t i = 0; i < 6; ++i) {
      ASSERT_EQ(produce(broker, "t", sequenced_batch(id, 0, i)).base_offset, Offset(i));
    }
    broker.stop();
  }
  TestBroker broker({.fs = fs});
  for (std::int32_t i = 1; i < 6; ++i) {
    EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, i)).base_offset, Offset(i)) << i;
  }
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 0)).error_code, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce(broker, "t", sequenced_batch(id, 0, 6)).base_offset, Offset(6));
  EXPECT_NE(broker.call(protocol::InitProducerIdRequest{}, 4).producer_id, id);
}

TEST(Produce, APartitionListedTwiceTakesItsLastBatch) {
  TestBroker broker;
  create_topic(broker, "t");
  auto first = make_batch({"first", "x", "y"});
  auto second = make_batch({"second"});
  auto request = produce_request("t", 0, first);
  request.topic_data[0].partition_data.push_back(
      {.index = PartitionIndex(0), .records = protocol::Records::of(second)});
  const auto response = broker.call(request, kProduceByName);
  ASSERT_EQ(response.responses.size(), 1U);
  ASSERT_EQ(response.responses[0].partition_responses.size(), 1U);
  EXPECT_EQ(response.responses[0].partition_responses[0].base_offset, Offset(0));
  EXPECT_EQ(produce(broker, "t", make_batch({"next"})).base_offset, Offset(1)) << "one record, not three or four";
}

TEST(Produce, LogAppendTimeIsStampedAndAnswered) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"message.timestamp.type", "LogAppendTime"}});
  const auto row = produce(broker, "t", make_batch({"a"}));
  EXPECT_EQ(row.log_append_time_ms, broker.clock().wall_ms());
  const auto fetched = broker.call(fetch_request("t", 0), kFetchByName);
  const auto stored = bytes_of(fetched.responses[0].partitions[0].records);
  const auto header = record::check_batch(stored);
  ASSERT_TRUE(header.has_value()) << "the CRC was not made right";
  EXPECT_EQ(header->timestamp_type(), record::TimestampType::kLogAppendTime);
  EXPECT_EQ(header->max_timestamp, broker.clock().wall_ms());
}

TEST(Produce, TransactionalBatchesAreRefusedUntilThereAreTransactions) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = sequenced_batch(ProducerId(5), 0, 0);
  test::poke<std::int16_t>(batch, 21, 0x10);
  EXPECT_EQ(produce(broker, "t", batch).error_code, ErrorCode::kInvalidTxnState);
}

TEST(Produce, InternalTopicsAreForTheAdminClientAlone) {
  TestBroker broker;
  create_topic(broker, "__consumer_offsets");
  auto batch = make_batch({"a"});
  const auto request = produce_request("__consumer_offsets", 0, batch);
  EXPECT_EQ(broker.call(request, kProduceByName).responses[0].partition_responses[0].error_code,
            ErrorCode::kInvalidTopicException);
  auto sent = broker.send(TestBroker::frame_of(request, kProduceByName, "__admin_client"));
  broker.step();
  const auto response = broker.response_of<protocol::ProduceRequest>(*sent, kProduceByName);
  EXPECT_EQ(response.responses[0].partition_responses[0].error_code, ErrorCode::kNone);
}

TEST(Produce, AcksAllNeedsTheReplicasThatTheTopicAsksFor) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"min.insync.replicas", "2"}});
  auto batch = make_batch({"a"});
  EXPECT_EQ(broker.call(produce_request("t", 0, batch, -1), 9).responses[0].partition_responses[0].error_code,
            ErrorCode::kNotEnoughReplicas);
  EXPECT_EQ(broker.call(produce_request("t", 0, batch, 1), 9).responses[0].partition_responses[0].error_code,
            ErrorCode::kNone);
}

TEST(Produce, TheNextRequestMayStartOnceThisOneHasAppended) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"a"});
  auto sent = broker.send(TestBroker::frame_of(produce_request("t", 0, batch), kProduceByName));
  broker.step();
  EXPECT_TRUE(sent->order_released);
}

TEST(Produce, ManyPartitionsInOneRequestWhoeverOwnsThem) {
  TestBroker broker;
  create_topic(broker, "t", 7);
  std::vector<Bytes> batches(7);
  protocol::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30000;
  request.topic_data.push_back({.name = "t", .topic_id = {}, .partition_data = {}});
  for (std::int32_t i = 0; i < 7; ++i) {
    batches[static_cast<std::size_t>(i)] = make_batch({"a", "b"});
    request.topic_data[0].partition_data.push_back(
        {.index = PartitionIndex(i), .records = protocol::Records::of(batches[static_cast<std::size_t>(i)])});
  }
  const auto response = broker.call(request, kProduceByName);
  ASSERT_EQ(response.responses.at(0).partition_responses.size(), 7U);
  for (std::int32_t i = 0; i < 7; ++i) {
    const auto& row = response.responses[0].partition_responses[static_cast<std::size_t>(i)];
    EXPECT_EQ(row.index, PartitionIndex(i));
    EXPECT_EQ(row.error_code, ErrorCode::kNone);
    const auto fetched = broker.call(fetch_request("t", 0, i), kFetchByName);
    EXPECT_EQ(fetched.responses[0].partitions[0].high_watermark, Offset(2));
  }
}

}  // namespace
}  // namespace weir::api
