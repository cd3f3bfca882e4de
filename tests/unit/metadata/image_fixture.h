// Images for tests, made of records the way a log would make them.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "metadata/image_builder.h"
#include "metadata/record.h"

namespace weir::metadata {

inline constexpr std::int16_t kLevel = kMetadataVersionOfNewClusters;

// An id that is `n` in its last byte.
inline Uuid uuid_of(std::uint8_t n) {
  Uuid id;
  id.bytes[0] = 0x77;
  id.bytes[15] = n;
  return id;
}

inline Record feature(std::string name, std::int16_t level) {
  protocol::FeatureLevelRecord record;
  record.name = std::move(name);
  record.feature_level = level;
  return record;
}

inline Record topic_record(std::string name, const Uuid& id) {
  protocol::TopicRecord record;
  record.name = std::move(name);
  record.topic_id = id;
  return record;
}

inline Record partition_record(const Uuid& topic, std::int32_t index, std::int32_t leader = 1) {
  protocol::PartitionRecord record;
  record.partition_id = PartitionIndex(index);
  record.topic_id = topic;
  record.replicas = {NodeId(1)};
  record.directories = {uuid_of(200)};
  if (leader >= 0) record.isr = {NodeId(leader)};
  record.leader = NodeId(leader);
  record.leader_epoch = LeaderEpoch(0);
  record.partition_epoch = 0;
  return record;
}

inline Record broker_record(std::int32_t id, std::vector<Uuid> log_dirs = {uuid_of(200)}, bool fenced = false) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = NodeId(id);
  record.broker_epoch = 100 + id;
  record.fenced = fenced;
  record.log_dirs = std::move(log_dirs);
  return record;
}

inline Record topic_config(std::string topic, std::string key, std::optional<std::string> value) {
  protocol::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ConfigResourceType::kTopic);
  record.resource_name = std::move(topic);
  record.name = std::move(key);
  record.value = std::move(value);
  return record;
}

// Applies `records` to `base`; a refused one fails the test.
inline std::shared_ptr<const Image> apply_all(const std::shared_ptr<const Image>& base, const Records& records) {
  ImageBuilder builder(base);
  for (const auto& record : records) {
    const auto value = encode_record(record, kLevel);
    EXPECT_TRUE(value.has_value()) << to_string(value.error());
    const auto applied = builder.apply(record, *value);
    EXPECT_TRUE(applied.has_value()) << to_string(applied.error());
  }
  return builder.finish();
}

// The error of one record that `base` must refuse.
inline Errc refusal_of(const std::shared_ptr<const Image>& base, const Record& record) {
  ImageBuilder builder(base);
  const auto value = encode_record(record, kLevel);
  EXPECT_TRUE(value.has_value());
  const auto applied = builder.apply(record, *value);
  EXPECT_FALSE(applied.has_value()) << "it was applied";
  return applied ? Errc::kClosed : applied.error().code;
}

// metadata.version and broker 1 with one log directory.
inline std::shared_ptr<const Image> one_broker() {
  return apply_all(nullptr, {feature(std::string(kMetadataVersionFeature), kLevel), broker_record(1)});
}

}  // namespace weir::metadata
