#include "protocol/schema/20_delete_topics.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::DeleteTopicsRequest;
using test::make_batch;
using test::TestBroker;

TEST(DeleteTopics, ByNameAndById) {
  TestBroker broker;
  for (std::int16_t version = 1; version <= 6; ++version) {
    const auto id = create_topic(broker, "t");
    DeleteTopicsRequest request;
    request.timeout_ms = 30000;
    if (version < 6) {
      request.topic_names = {"t"};
    } else {
      request.topics.push_back({.name = std::nullopt, .topic_id = id});
    }
    const auto row = broker.call(request, version).responses.at(0);
    EXPECT_EQ(row.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(row.name, "t") << version;
    EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kUnknownTopicOrPartition) << version;
  }
}

TEST(DeleteTopics, AReCreatedTopicIsEmptyAndHasANewId) {
  TestBroker broker;
  const auto old_id = create_topic(broker, "t");
  produce(broker, "t", make_batch({"a", "b"}));
  ASSERT_EQ(delete_topic(broker, old_id), ErrorCode::kNone);
  const auto new_id = create_topic(broker, "t");
  EXPECT_NE(old_id, new_id);
  EXPECT_EQ(produce(broker, "t", make_batch({"c"})).base_offset, Offset(0));
  auto request = fetch_request("t", 0);
  request.topics[0].topic_id = old_id;
  EXPECT_EQ(broker.call(request, kFetchById).responses.at(0).partitions.at(0).error_code, ErrorCode::kUnknownTopicId);
}

// The same when the checkpoint could not be written at the deletion.
TEST(DeleteTopics, ANewLogIsNotServedWhileACheckpointNamesItsPredecessor) {
  auto fs = std::make_shared<test::MemoryFs>();
  {
    TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs});
    const auto old_id = create_topic(broker, "t");
    for (int i = 0; i < 10; ++i) produce(broker, "t", make_batch({"a", "b"}));
    broker.advance(Millis(1000));  // the checkpoint says 20
    broker.faults().fail_next("rename", ENOSPC);
    ASSERT_EQ(delete_topic(broker, old_id), ErrorCode::kNone);
    ASSERT_TRUE(broker.faults().fired());
    create_topic(broker, "t");
    ASSERT_EQ(produce(broker, "t", make_batch({"c"})).error_code, ErrorCode::kNone);
  }
  const auto checkpoint = fs->durable_content("/weir/recovery-point-offset-checkpoint");
  EXPECT_EQ(as_text(checkpoint).find("t 0 20"), std::string_view::npos) << as_text(checkpoint);
}

// A checkpoint's entry outlived its topic: the new log of the same name was taken for damaged after a power cut.
TEST(DeleteTopics, CheckpointsForgetTheTopicBeforeItsNameIsUsedAgain) {
  auto fs = std::make_shared<test::MemoryFs>();
  {
    TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs});
    const auto old_id = create_topic(broker, "t");
    for (int i = 0; i < 10; ++i) produce(broker, "t", make_batch({"a", "b"}));
    broker.advance(Millis(1000));  // the checkpoint says 20
    ASSERT_EQ(delete_topic(broker, old_id), ErrorCode::kNone);
    create_topic(broker, "t");
    ASSERT_EQ(produce(broker, "t", make_batch({"c"})).error_code, ErrorCode::kNone);
  }
  const auto checkpoint = fs->durable_content("/weir/recovery-point-offset-checkpoint");
  EXPECT_EQ(as_text(checkpoint).find("t 0 20"), std::string_view::npos);
  fs = fs->after_power_cut(test::PowerCut::kDrop, 1);
  TestBroker broker({.fs = fs});
  const auto row = broker.call(fetch_request("t", 0), kFetchByName).responses.at(0).partitions.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.high_watermark, Offset(1));
}

TEST(DeleteTopics, WhatIsRefusedAndHow) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  DeleteTopicsRequest request;
  request.timeout_ms = 30000;
  request.topics.push_back({.name = "missing", .topic_id = {}});
  request.topics.push_back({.name = std::nullopt, .topic_id = Uuid{{7}}});
  request.topics.push_back({.name = "t", .topic_id = id});
  request.topics.push_back({.name = std::nullopt, .topic_id = {}});
  const auto response = broker.call(request, 6);
  ASSERT_EQ(response.responses.size(), 4U);
  EXPECT_EQ(response.responses[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(response.responses[1].error_code, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(response.responses[2].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.responses[3].error_code, ErrorCode::kInvalidRequest);

  request.topics = {{.name = "t", .topic_id = {}}, {.name = "t", .topic_id = {}}};
  auto twice = broker.call(request, 6);
  ASSERT_EQ(twice.responses.size(), 1U);
  EXPECT_EQ(twice.responses[0].error_code, ErrorCode::kInvalidRequest);
  request.topics = {{.name = "t", .topic_id = {}}, {.name = std::nullopt, .topic_id = id}};
  twice = broker.call(request, 6);
  for (const auto& row : twice.responses) EXPECT_EQ(row.error_code, ErrorCode::kInvalidRequest);

  request.topics = {{.name = "t", .topic_id = {}}};
  request.timeout_ms = 0;
  EXPECT_EQ(broker.call(request, 6).responses.at(0).error_code, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kNone) << "it is still there";
}

TEST(DeleteTopics, CanBeTurnedOff) {
  TestBroker broker({.settings = {"delete.topic.enable=false"}});
  create_topic(broker, "t");
  DeleteTopicsRequest request;
  request.timeout_ms = 30000;
  request.topic_names = {"t"};
  EXPECT_EQ(broker.call(request, 2).responses.at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(broker.call(request, 3).responses.at(0).error_code, ErrorCode::kTopicDeletionDisabled);
}

TEST(DeleteTopics, ADeletedTopicStaysDeletedAfterAPowerCut) {
  auto fs = std::make_shared<test::MemoryFs>();
  {
    TestBroker broker({.fs = fs});
    ASSERT_EQ(delete_topic(broker, create_topic(broker, "t")), ErrorCode::kNone);
  }
  fs = fs->after_power_cut(test::PowerCut::kDrop, 1);
  TestBroker broker({.fs = fs});
  EXPECT_EQ(produce(broker, "t", make_batch({"a"})).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_FALSE(create_topic(broker, "t").is_zero());
}

}  // namespace
}  // namespace weir::api
