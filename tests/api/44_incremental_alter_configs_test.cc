#include "protocol/schema/44_incremental_alter_configs.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::IncrementalAlterConfigsRequest;
using test::make_batch;
using test::TestBroker;
using Config = IncrementalAlterConfigsRequest::AlterableConfig;

constexpr std::int8_t kTopic = 2;
enum Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

IncrementalAlterConfigsRequest request_for(const std::string& topic, std::vector<Config> configs) {
  IncrementalAlterConfigsRequest request;
  request.resources.push_back({.resource_type = kTopic, .resource_name = topic, .configs = std::move(configs)});
  return request;
}

ErrorCode alter(TestBroker& broker, const std::string& topic, std::vector<Config> configs, std::int16_t version = 1) {
  const auto response = broker.call(request_for(topic, std::move(configs)), version);
  EXPECT_EQ(response.responses.size(), 1U);
  const auto& row = response.responses.at(0);
  EXPECT_EQ(row.resource_type, kTopic);
  EXPECT_EQ(row.resource_name, topic);
  EXPECT_EQ(row.error_message.has_value(), row.error_code != ErrorCode::kNone);
  return row.error_code;
}

ErrorCode produced(TestBroker& broker, const std::string& topic) {
  return produce(broker, topic, make_batch({"a"})).error_code;
}

TEST(IncrementalAlterConfigs, AnAnsweredChangeHoldsForTheNextProduce) {
  for (std::int16_t version = 0; version <= 1; ++version) {
    TestBroker broker;
    create_topic(broker, "t", 3);
    ASSERT_EQ(produced(broker, "t"), ErrorCode::kNone);
    EXPECT_EQ(alter(broker, "t", {{"max.message.bytes", kSet, "10"}}, version), ErrorCode::kNone);
    for (std::int32_t partition = 0; partition < 3; ++partition) {
      const auto row = produce(broker, "t", make_batch({"a"}), kProduceByName, partition);
      EXPECT_EQ(row.error_code, ErrorCode::kMessageTooLarge) << partition;
    }
    EXPECT_EQ(alter(broker, "t", {{"max.message.bytes", kDelete, std::nullopt}}, version), ErrorCode::kNone);
    EXPECT_EQ(produced(broker, "t"), ErrorCode::kNone);
  }
}

TEST(IncrementalAlterConfigs, AnAnsweredChangeOutlivesAPowerCut) {
  auto fs = std::make_shared<test::MemoryFs>();
  {
    TestBroker broker({.fs = fs});
    create_topic(broker, "t");
    ASSERT_EQ(alter(broker, "t", {{"max.message.bytes", kSet, "10"}}), ErrorCode::kNone);
  }
  fs = fs->after_power_cut(test::PowerCut::kDrop, 1);
  TestBroker broker({.fs = fs});
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kMessageTooLarge);
}

TEST(IncrementalAlterConfigs, OtherTopicsAndOtherKeysStayAsTheyAre) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"max.message.bytes", "10"}});
  create_topic(broker, "u");
  ASSERT_EQ(alter(broker, "t", {{"retention.ms", kSet, "1000"}}), ErrorCode::kNone);
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kMessageTooLarge);
  ASSERT_EQ(alter(broker, "u", {{"retention.ms", kSet, "1000"}}), ErrorCode::kNone);
  EXPECT_EQ(produced(broker, "u"), ErrorCode::kNone);
}

TEST(IncrementalAlterConfigs, ValidateOnlyChangesNothing) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = request_for("t", {{"max.message.bytes", kSet, "10"}});
  request.validate_only = true;
  EXPECT_EQ(broker.call(request, 1).responses.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kNone);
  request.resources[0].configs[0].value = "many";
  EXPECT_EQ(broker.call(request, 1).responses.at(0).error_code, ErrorCode::kInvalidConfig);
}

TEST(IncrementalAlterConfigs, WhatCannotBeIsRefusedAndChangesNothing) {
  TestBroker broker;
  create_topic(broker, "t");
  struct Case {
    std::string topic;
    std::vector<Config> configs;
    ErrorCode error;
  };
  const Config small{"max.message.bytes", kSet, "10"};
  const std::vector<Case> cases = {
      {"nowhere", {small}, ErrorCode::kUnknownTopicOrPartition},
      {"nowhere", {{"no.such.key", kSet, "1"}}, ErrorCode::kInvalidConfig},
      {"nowhere", {}, ErrorCode::kUnknownTopicOrPartition},
      {"not/a/name", {small}, ErrorCode::kInvalidTopicException},
      {"", {small}, ErrorCode::kInvalidRequest},
      {"t", {small, {"no.such.key", kSet, "1"}}, ErrorCode::kInvalidConfig},
      {"t", {small, {"retention.ms", kSet, "-2"}}, ErrorCode::kInvalidConfig},
      {"t",
       {small, {"max.compaction.lag.ms", kSet, "1"}, {"min.compaction.lag.ms", kSet, "2"}},
       ErrorCode::kInvalidConfig},
      {"t", {small, {"retention.ms", kAppend, "1"}}, ErrorCode::kInvalidConfig},
      {"t", {small, {"no.such.key", kSubtract, "1"}}, ErrorCode::kInvalidConfig},
      {"t", {small, {"cleanup.policy", kAppend, "burn"}}, ErrorCode::kInvalidConfig},
      {"t", {small, {"retention.ms", kSet, std::nullopt}}, ErrorCode::kInvalidRequest},
      {"t", {small, small}, ErrorCode::kInvalidRequest},
  };
  for (const auto& [topic, configs, error] : cases) {
    EXPECT_EQ(alter(broker, topic, configs), error) << topic << " " << (configs.empty() ? "" : configs.back().name);
    EXPECT_EQ(produced(broker, "t"), ErrorCode::kNone);
  }
}

TEST(IncrementalAlterConfigs, DeletingWhatIsNotThereSucceeds) {
  TestBroker broker;
  create_topic(broker, "t");
  EXPECT_EQ(alter(broker, "t", {{"no.such.key", kDelete, std::nullopt}, {"retention.ms", kDelete, "x"}}),
            ErrorCode::kNone);
  EXPECT_EQ(alter(broker, "t", {}), ErrorCode::kNone);
}

TEST(IncrementalAlterConfigs, EachResourceStandsForItselfInTheOrderAsked) {
  TestBroker broker;
  create_topic(broker, "t");
  auto request = request_for("nowhere", {{"retention.ms", kSet, "1"}});
  request.resources.push_back({.resource_type = 4, .resource_name = "1", .configs = {}});
  request.resources.push_back({.resource_type = kTopic, .resource_name = "twice", .configs = {}});
  request.resources.push_back(
      {.resource_type = kTopic, .resource_name = "t", .configs = {{"max.message.bytes", kSet, "10"}}});
  request.resources.push_back({.resource_type = 99, .resource_name = "t", .configs = {}});
  request.resources.push_back({.resource_type = kTopic, .resource_name = "twice", .configs = {}});
  const auto rows = broker.call(request, 1).responses;
  ASSERT_EQ(rows.size(), request.resources.size());
  const std::vector<ErrorCode> errors = {ErrorCode::kUnknownTopicOrPartition, ErrorCode::kInvalidRequest,
                                         ErrorCode::kInvalidRequest,          ErrorCode::kNone,
                                         ErrorCode::kInvalidRequest,          ErrorCode::kInvalidRequest};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].error_code, errors[i]) << i;
    EXPECT_EQ(rows[i].resource_type, request.resources[i].resource_type) << i;
    EXPECT_EQ(rows[i].resource_name, request.resources[i].resource_name) << i;
  }
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kMessageTooLarge);
}

TEST(IncrementalAlterConfigs, AnOperationThatIsNoneIsRefusedWithItsResourceAlone) {
  TestBroker broker;
  create_topic(broker, "t");
  create_topic(broker, "u");
  for (const std::int8_t operation : std::initializer_list<std::int8_t>{-1, 4, 127}) {
    auto request = request_for("t", {{"max.message.bytes", kSet, "10"}, {"retention.ms", operation, "1"}});
    request.resources.push_back(
        {.resource_type = kTopic, .resource_name = "u", .configs = {{"max.message.bytes", kSet, "10"}}});
    const auto rows = broker.call(request, 1).responses;
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].error_code, ErrorCode::kInvalidRequest) << int{operation};
    EXPECT_EQ(rows[1].error_code, ErrorCode::kNone) << int{operation};
  }
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kNone);
  EXPECT_EQ(produced(broker, "u"), ErrorCode::kMessageTooLarge);
}

TEST(IncrementalAlterConfigs, WithoutADiskNothingIsChanged) {
  TestBroker broker;
  create_topic(broker, "t");
  broker.faults().fail_next("pwritev", ENOSPC);
  EXPECT_EQ(alter(broker, "t", {{"max.message.bytes", kSet, "10"}}), ErrorCode::kKafkaStorageError);
  ASSERT_TRUE(broker.faults().fired());
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kNone);
  EXPECT_EQ(alter(broker, "t", {{"max.message.bytes", kSet, "10"}}), ErrorCode::kNone);
  EXPECT_EQ(produced(broker, "t"), ErrorCode::kMessageTooLarge);
}

}  // namespace
}  // namespace weir::api
