#include "protocol/schema/02_list_offsets.h"

#include <gtest/gtest.h>

#include "api/requests.h"

namespace weir::api {
namespace {

using test::BatchSpec;
using test::make_batch;
using test::TestBroker;

constexpr std::int64_t kBaseTime = 1'700'000'000'000;

protocol::ListOffsetsRequest request_of(const std::string& topic, std::int64_t timestamp, std::int32_t partition = 0) {
  protocol::ListOffsetsRequest request;
  protocol::ListOffsetsRequest::ListOffsetsTopic asked;
  asked.name = topic;
  asked.partitions.push_back({.partition_index = PartitionIndex(partition), .timestamp = timestamp});
  request.topics.push_back(std::move(asked));
  return request;
}

auto list(TestBroker& broker, const std::string& topic, std::int64_t timestamp, std::int16_t version = 11) {
  return broker.call(request_of(topic, timestamp), version).topics.at(0).partitions.at(0);
}

// Two batches of three records, a second apart.
void fill(TestBroker& broker) {
  create_topic(broker, "t");
  for (int batch = 0; batch < 2; ++batch) {
    BatchSpec spec;
    spec.count = 3;
    spec.base_timestamp_ms = kBaseTime - 10000 + batch * 3000;
    spec.timestamp_step_ms = 1000;
    ASSERT_EQ(produce(broker, "t", make_batch(spec)).error_code, ErrorCode::kNone);
  }
}

TEST(ListOffsets, LatestAndEarliestInEveryVersion) {
  TestBroker broker;
  fill(broker);
  for (std::int16_t version = 1; version <= 11; ++version) {
    const auto latest = list(broker, "t", -1, version);
    EXPECT_EQ(latest.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(latest.offset, Offset(6)) << version;
    EXPECT_EQ(latest.timestamp, -1) << version;
    if (version >= 4) {
      EXPECT_GE(latest.leader_epoch, LeaderEpoch(0)) << version;
    }
    const auto earliest = list(broker, "t", -2, version);
    EXPECT_EQ(earliest.offset, Offset(0)) << version;
    EXPECT_EQ(earliest.timestamp, -1) << version;
  }
}

TEST(ListOffsets, ByTimeTheFirstRecordThatIsNotOlder) {
  TestBroker broker;
  fill(broker);
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto exact = list(broker, "t", kBaseTime - 10000 + i * 1000);
    EXPECT_EQ(exact.offset, Offset(i));
    EXPECT_EQ(exact.timestamp, kBaseTime - 10000 + i * 1000);
    const auto between = list(broker, "t", kBaseTime - 10000 + i * 1000 - 1);
    EXPECT_EQ(between.offset, Offset(i));
  }
  const auto later = list(broker, "t", kBaseTime + 1);
  EXPECT_EQ(later.error_code, ErrorCode::kNone);
  EXPECT_EQ(later.offset, Offset(-1));
  EXPECT_EQ(later.timestamp, -1);
}

TEST(ListOffsets, MaxTimestampIsTheFirstRecordThatHasIt) {
  TestBroker broker;
  fill(broker);
  const auto found = list(broker, "t", -3);
  EXPECT_EQ(found.offset, Offset(5));
  EXPECT_EQ(found.timestamp, kBaseTime - 10000 + 5000);
  create_topic(broker, "empty");
  const auto none = list(broker, "empty", -3);
  EXPECT_EQ(none.error_code, ErrorCode::kNone);
  EXPECT_EQ(none.offset, Offset(-1));
}

TEST(ListOffsets, SentinelsNeedTheirVersion) {
  TestBroker broker;
  fill(broker);
  const std::pair<std::int64_t, std::int16_t> since[] = {{-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
  for (const auto& [sentinel, version] : since) {
    EXPECT_EQ(list(broker, "t", sentinel, static_cast<std::int16_t>(version - 1)).error_code,
              ErrorCode::kUnsupportedVersion)
        << sentinel;
    EXPECT_EQ(list(broker, "t", sentinel, version).error_code, ErrorCode::kNone) << sentinel;
  }
  EXPECT_EQ(list(broker, "t", -7).error_code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(list(broker, "t", -4).offset, Offset(0));
  EXPECT_EQ(list(broker, "t", -5).offset, Offset(-1));
}

TEST(ListOffsets, UnknownAndRepeatedPartitions) {
  TestBroker broker;
  fill(broker);
  EXPECT_EQ(list(broker, "missing", -1).error_code, ErrorCode::kUnknownTopicOrPartition);
  auto request = request_of("t", -1);
  request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
  const auto response = broker.call(request, 11);
  ASSERT_EQ(response.topics.at(0).partitions.size(), 2U);
  for (const auto& row : response.topics[0].partitions) EXPECT_EQ(row.error_code, ErrorCode::kInvalidRequest);
}

TEST(ListOffsets, EpochsOtherThanOursAreRefused) {
  TestBroker broker;
  fill(broker);
  const auto epoch = list(broker, "t", -1).leader_epoch;
  auto request = request_of("t", -1);
  request.topics[0].partitions[0].current_leader_epoch = epoch + 1;
  EXPECT_EQ(broker.call(request, 11).topics.at(0).partitions.at(0).error_code, ErrorCode::kUnknownLeaderEpoch);
}

}  // namespace
}  // namespace weir::api
