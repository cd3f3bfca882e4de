#include "protocol/schema/01_fetch.h"

#include <gtest/gtest.h>

#include "api/requests.h"
#include "record/batch_header.h"

namespace weir::api {
namespace {

using test::BatchSpec;
using test::make_batch;
using test::TestBroker;

protocol::FetchResponse::PartitionData fetch(TestBroker& broker, const protocol::FetchRequest& request,
                                             std::int16_t version = kFetchByName) {
  const auto response = broker.call(request, version);
  EXPECT_EQ(response.error_code, ErrorCode::kNone);
  EXPECT_EQ(response.session_id, 0);
  return response.responses.at(0).partitions.at(0);
}

TEST(Fetch, EveryVersionReadsBackWhatWasProduced) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  ASSERT_EQ(produce(broker, "t", make_batch({"a", "b"})).error_code, ErrorCode::kNone);
  for (std::int16_t version = 4; version <= 18; ++version) {
    auto request = fetch_request("t", 0);
    request.topics[0].topic_id = id;
    const auto row = fetch(broker, request, version);
    EXPECT_EQ(row.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(row.high_watermark, Offset(2)) << version;
    EXPECT_EQ(row.last_stable_offset, Offset(2)) << version;
    EXPECT_FALSE(row.aborted_transactions.has_value()) << version;
    const auto header = record::check_batch(row.records.view);
    ASSERT_TRUE(header.has_value()) << version;
    EXPECT_EQ(header->base_offset, Offset(0));
    EXPECT_EQ(header->records_count, 2);
    EXPECT_GE(header->leader_epoch, LeaderEpoch(0));
  }
}

TEST(Fetch, AnOffsetInsideABatchGetsTheWholeBatch) {
  TestBroker broker;
  create_topic(broker, "t");
  produce(broker, "t", make_batch({"a", "b", "c"}));
  const auto row = fetch(broker, fetch_request("t", 2));
  EXPECT_EQ(record::BatchHeader::read(row.records.view.data()).base_offset, Offset(0));
}

TEST(Fetch, OutsideTheLogIsOutOfRange) {
  TestBroker broker;
  create_topic(broker, "t");
  produce(broker, "t", make_batch({"a"}));
  for (const std::int64_t offset : {-1, 2, 100}) {
    const auto row = fetch(broker, fetch_request("t", offset));
    EXPECT_EQ(row.error_code, ErrorCode::kOffsetOutOfRange) << offset;
    EXPECT_EQ(row.high_watermark, Offset(-1));
    EXPECT_FALSE(row.records.is_null);
    EXPECT_EQ(row.records.size_bytes(), 0U);
  }
}

TEST(Fetch, TheEndOfTheLogIsEmptyAfterMaxWait) {
  TestBroker broker;
  create_topic(broker, "t");
  produce(broker, "t", make_batch({"a"}));
  auto sent = broker.send(TestBroker::frame_of(fetch_request("t", 1), kFetchByName));
  broker.step();
  EXPECT_FALSE(sent->reply.has_value()) << "nothing to read: it waits";
  EXPECT_TRUE(sent->order_released) << "a parked fetch must not hold up the connection";
  broker.advance(Millis(499));
  EXPECT_FALSE(sent->reply.has_value());
  broker.advance(Millis(1));
  ASSERT_TRUE(sent->reply.has_value());
  const auto row = broker.response_of<protocol::FetchRequest>(*sent, kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_FALSE(row.records.is_null);
  EXPECT_EQ(row.records.size_bytes(), 0U);
}

TEST(Fetch, AParkedFetchIsAnsweredByTheNextCommit) {
  TestBroker broker;
  create_topic(broker, "t");
  auto sent = broker.send(TestBroker::frame_of(fetch_request("t", 0), kFetchByName));
  broker.step();
  ASSERT_FALSE(sent->reply.has_value());
  produce(broker, "t", make_batch({"a"}));
  ASSERT_TRUE(sent->reply.has_value()) << "without any time passing";
  const auto row = broker.response_of<protocol::FetchRequest>(*sent, kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.high_watermark, Offset(1));
}

TEST(Fetch, AParkedFetchEndsWithItsConnection) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = fetch_request("t", 0);
  request.max_wait_ms = INT32_MAX;
  auto sent = broker.send(TestBroker::frame_of(request, kFetchByName));
  broker.step();
  ASSERT_FALSE(sent->reply.has_value());
  sent->abandon();
  broker.step();
  EXPECT_TRUE(sent->reply.has_value()) << "what it holds is free, without any time passing";
}

TEST(Fetch, AFetchThatMayNotParkIsAnsweredAtOnce) {
  TestBroker broker;
  create_topic(broker, "t");
  auto sent = broker.send(TestBroker::frame_of(fetch_request("t", 0), kFetchByName));
  sent->may_park = false;
  broker.step();
  ASSERT_TRUE(sent->reply.has_value());
  const auto row = broker.response_of<protocol::FetchRequest>(*sent, kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.records.size_bytes(), 0U);
  const auto response = broker.response_of<protocol::FetchRequest>(*sent, kFetchByName);
  EXPECT_EQ(response.throttle_time_ms, 100) << "or it would ask again at once";
}

TEST(Fetch, MinBytesWaitsForEnough) {
  TestBroker broker;
  create_topic(broker, "t");
  const auto batch = make_batch({"aaaa"});
  auto request = fetch_request("t", 0);
  request.min_bytes = static_cast<std::int32_t>(batch.size()) * 2;
  auto sent = broker.send(TestBroker::frame_of(request, kFetchByName));
  broker.step();
  produce(broker, "t", batch);
  EXPECT_FALSE(sent->reply.has_value()) << "one batch is half of what it asked for";
  produce(broker, "t", batch);
  EXPECT_TRUE(sent->reply.has_value());
}

TEST(Fetch, NothingBeyondWhatIsDurable) {
  TestBroker broker;
  create_topic(broker, "t");
  auto batch = make_batch({"a"});
  broker.hold_helpers(true);  // the flush does not run
  auto produced = broker.send(TestBroker::frame_of(produce_request("t", 0, batch, 1), kProduceByName));
  broker.step();
  EXPECT_TRUE(produced->reply.has_value()) << "acks=1 is answered after the write";
  auto request = fetch_request("t", 0);
  request.max_wait_ms = 0;
  auto row = fetch(broker, request);
  EXPECT_EQ(row.high_watermark, Offset(0));
  EXPECT_EQ(row.records.size_bytes(), 0U);
  broker.hold_helpers(false);
  broker.step();
  row = fetch(broker, request);
  EXPECT_EQ(row.high_watermark, Offset(1));
}

TEST(Fetch, TheFirstBatchComesWholeWhateverTheLimits) {
  TestBroker broker;
  create_topic(broker, "t", 2);
  BatchSpec spec;
  spec.value_bytes = 1000;
  const auto batch = make_batch(spec);
  produce(broker, "t", batch, kProduceByName, 0);
  produce(broker, "t", batch, kProduceByName, 1);
  auto request = fetch_request("t", 0, 0);
  request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
  request.topics[0].partitions[1].partition = PartitionIndex(1);
  for (auto& partition : request.topics[0].partitions) partition.partition_max_bytes = 10;
  const auto response = broker.call(request, kFetchByName);
  const auto& rows = response.responses.at(0).partitions;
  EXPECT_EQ(rows.at(0).records.size_bytes(), batch.size()) << "KIP-74";
  EXPECT_EQ(rows.at(1).records.size_bytes(), 0U) << "only the first of a response may exceed the limits";
}

TEST(Fetch, PartitionMaxBytesCutsAtWholeBatches) {
  TestBroker broker;
  create_topic(broker, "t");
  const auto batch = make_batch({"abc"});
  for (int i = 0; i < 5; ++i) produce(broker, "t", batch);
  auto request = fetch_request("t", 0);
  request.topics[0].partitions[0].partition_max_bytes = static_cast<std::int32_t>(batch.size() * 3 + 1);
  const auto row = fetch(broker, request);
  EXPECT_EQ(row.records.size_bytes(), batch.size() * 3);
}

TEST(Fetch, EpochsOlderAndNewerThanOurs) {
  TestBroker broker;
  create_topic(broker, "t");
  produce(broker, "t", make_batch({"a"}));
  auto request = fetch_request("t", 0);
  const auto stored = fetch(broker, request);
  const auto epoch = record::BatchHeader::read(stored.records.view.data()).leader_epoch;
  auto& asked = request.topics[0].partitions[0].current_leader_epoch;
  asked = epoch;
  EXPECT_EQ(fetch(broker, request).error_code, ErrorCode::kNone);
  asked = epoch + 1;
  EXPECT_EQ(fetch(broker, request).error_code, ErrorCode::kUnknownLeaderEpoch);
  if (epoch > LeaderEpoch(0)) {
    asked = epoch - 1;
    EXPECT_EQ(fetch(broker, request).error_code, ErrorCode::kFencedLeaderEpoch);
  }
}

TEST(Fetch, UnknownTopicsByNameAndById) {
  TestBroker broker;
  EXPECT_EQ(fetch(broker, fetch_request("missing", 0)).error_code, ErrorCode::kUnknownTopicOrPartition);
  auto request = fetch_request("", 0);
  request.topics[0].topic_id = Uuid{{1, 2, 3}};
  const auto response = broker.call(request, kFetchById);
  EXPECT_EQ(response.responses.at(0).topic_id, request.topics[0].topic_id) << "echoed";
  EXPECT_EQ(response.responses.at(0).partitions.at(0).error_code, ErrorCode::kUnknownTopicId);
}

TEST(Fetch, ASessionThatWeNeverGaveIsNotFound) {
  TestBroker broker;
  auto request = fetch_request("t", 0);
  request.session_id = 7;
  request.session_epoch = 1;
  const auto response = broker.call(request, kFetchByName);
  EXPECT_EQ(response.error_code, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_TRUE(response.responses.empty());
  request.session_id = 0;
  EXPECT_EQ(broker.call(request, kFetchByName).error_code, ErrorCode::kFetchSessionIdNotFound);
}

TEST(Fetch, ReadCommittedHasAnEmptyListOfAbortedTransactions) {
  TestBroker broker;
  create_topic(broker, "t");
  produce(broker, "t", make_batch({"a"}));
  auto request = fetch_request("t", 0);
  request.isolation_level = 1;
  const auto row = fetch(broker, request);
  ASSERT_TRUE(row.aborted_transactions.has_value());
  EXPECT_TRUE(row.aborted_transactions->empty());
}

TEST(Fetch, WhoCallsHimselfAReplicaIsNone) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = fetch_request("t", 0);
  request.replica_id = NodeId(2);
  EXPECT_EQ(fetch(broker, request).error_code, ErrorCode::kNotLeaderOrFollower);
}

TEST(Fetch, BadSizesAndLevelsAreInvalid) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = fetch_request("t", 0);
  request.max_bytes = -1;
  EXPECT_EQ(broker.call(request, kFetchByName).error_code, ErrorCode::kInvalidRequest);
  request.max_bytes = 1000;
  request.isolation_level = 2;
  EXPECT_EQ(broker.call(request, kFetchByName).error_code, ErrorCode::kInvalidRequest);
  request.isolation_level = 0;
  request.topics[0].partitions[0].partition_max_bytes = -1;
  EXPECT_EQ(fetch(broker, request).error_code, ErrorCode::kInvalidRequest);
}

TEST(Fetch, DeletingTheTopicEndsTheWait) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  auto request = fetch_request("t", 0);
  request.max_wait_ms = 100000;
  auto sent = broker.send(TestBroker::frame_of(request, kFetchByName));
  broker.step();
  ASSERT_FALSE(sent->reply.has_value());
  delete_topic(broker, id);
  ASSERT_TRUE(sent->reply.has_value());
  const auto row = broker.response_of<protocol::FetchRequest>(*sent, kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNotLeaderOrFollower);
}

}  // namespace
}  // namespace weir::api
