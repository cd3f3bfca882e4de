// The requests that most API tests begin with: a topic, a batch in it, and reading it back.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "protocol/schema/00_produce.h"
#include "protocol/schema/01_fetch.h"
#include "protocol/schema/19_create_topics.h"
#include "protocol/schema/20_delete_topics.h"
#include "support/batch_factory.h"
#include "support/test_broker.h"

namespace weir::api {

inline constexpr std::int16_t kProduceByName = 9;  // the first flexible version, the last but few with names
inline constexpr std::int16_t kProduceById = 13;
inline constexpr std::int16_t kFetchByName = 12;
inline constexpr std::int16_t kFetchById = 13;

using Configs = std::vector<std::pair<std::string, std::string>>;

inline Uuid create_topic(test::TestBroker& broker, const std::string& name, std::int32_t partition_count = 1,
                         const Configs& configs = {}) {
  protocol::CreateTopicsRequest request;
  protocol::CreateTopicsRequest::CreatableTopic topic;
  topic.name = name;
  topic.num_partitions = partition_count;
  topic.replication_factor = 1;
  for (const auto& [key, value] : configs) topic.configs.push_back({.name = key, .value = value});
  request.topics.push_back(std::move(topic));
  const auto response = broker.call(request, 7);
  EXPECT_EQ(response.topics.size(), 1U);
  EXPECT_EQ(response.topics[0].error_code, ErrorCode::kNone) << response.topics[0].error_message.value_or("");
  return response.topics[0].topic_id;
}

inline ErrorCode delete_topic(test::TestBroker& broker, const Uuid& id) {
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = 30000;
  request.topics.push_back({.name = std::nullopt, .topic_id = id});
  return broker.call(request, 6).responses.at(0).error_code;
}

// The batch must outlive the request.
inline protocol::ProduceRequest produce_request(const std::string& topic, std::int32_t partition, Bytes& batch,
                                                std::int16_t acks = -1) {
  protocol::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 30000;
  protocol::ProduceRequest::TopicProduceData data;
  data.name = topic;
  data.partition_data.push_back({.index = PartitionIndex(partition), .records = protocol::Records::of(batch)});
  request.topic_data.push_back(std::move(data));
  return request;
}

inline protocol::ProduceResponse::PartitionProduceResponse produce(test::TestBroker& broker, const std::string& topic,
                                                                   Bytes batch, std::int16_t version = kProduceByName,
                                                                   std::int32_t partition = 0,
                                                                   std::uint32_t shard = 0) {
  const auto response = broker.call(produce_request(topic, partition, batch), version, shard);
  EXPECT_EQ(response.responses.size(), 1U);
  EXPECT_EQ(response.responses.at(0).partition_responses.size(), 1U);
  return response.responses.at(0).partition_responses.at(0);
}

inline protocol::FetchRequest fetch_request(const std::string& topic, std::int64_t offset, std::int32_t partition = 0) {
  protocol::FetchRequest request;
  request.max_wait_ms = 500;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  protocol::FetchRequest::FetchTopic asked;
  asked.topic = topic;
  protocol::FetchRequest::FetchPartition row;
  row.partition = PartitionIndex(partition);
  row.fetch_offset = Offset(offset);
  row.partition_max_bytes = 1 << 20;
  asked.partitions.push_back(row);
  request.topics.push_back(std::move(asked));
  return request;
}

inline Bytes bytes_of(const protocol::Records& records) {
  return {records.view.begin(), records.view.end()};
}

}  // namespace weir::api
