#include "config/topic_settings.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::config {
namespace {

constexpr std::int16_t kLevel43 = 30;

TEST(TopicSettings, DefaultTextsEqualTheInitialisersAndTheBrokersDefaults) {
  EXPECT_EQ(topic_defaults(BrokerSettings{}), TopicSettings{});
  TopicOverrides every;
  for (const auto& row : topic_settings_table()) every.emplace(row.name, row.default_text);
  auto resolved = resolve_topic_settings(BrokerSettings{}, every);
  ASSERT_TRUE(resolved.has_value()) << resolved.error().context;
  resolved->overrides_durability = false;
  EXPECT_EQ(*resolved, TopicSettings{});
}

TEST(TopicSettings, KnowsTheKeysOfEachLevel) {
  int known_43 = 0;
  int known_44 = 0;
  for (const auto& row : topic_settings_table()) {
    known_43 += topic_key_known(row.name, kLevel43) ? 1 : 0;
    known_44 += topic_key_known(row.name, kMetadataVersion44) ? 1 : 0;
  }
  EXPECT_EQ(known_43, 33);
  EXPECT_EQ(known_44, 37);
  for (const auto* key : {"max.decompressed.message.bytes", "remote.copy.lag.bytes", "remote.copy.lag.ms",
                          "errors.deadletterqueue.group.enable"}) {
    EXPECT_FALSE(topic_key_known(key, kLevel43)) << key;
    EXPECT_TRUE(topic_key_known(key, kMetadataVersion44)) << key;
  }
  for (const auto* key : {"message.format.version", "message.downconversion.enable", "weir.durability",
                          "message.timestamp.difference.max.ms", "Segment.bytes", ""}) {
    EXPECT_FALSE(topic_key_known(key, kMetadataVersion44)) << key;
  }
}

TEST(TopicSettings, ChecksNamesTypesAndRanges) {
  struct Case {
    std::string_view key;
    std::string_view value;
    bool good;
  };
  // As LogConfig.validate of Apache Kafka 4.4 answered.
  constexpr Case kCases[] = {
      {"segment.bytes", "1048576", true},
      {"segment.bytes", "1048575", false},
      {"max.message.bytes", "0", true},
      {"max.message.bytes", "-1", false},
      {"max.message.bytes", "2147483648", false},
      {"retention.bytes", "-5", true},
      {"retention.ms", "-1", true},
      {"retention.ms", "-2", false},
      {"local.retention.ms", "-2", true},
      {"local.retention.ms", "-3", false},
      {"remote.copy.lag.ms", "-1", true},
      {"flush.messages", "0", false},
      {"flush.ms", "0", true},
      {"max.decompressed.message.bytes", "2147483640", false},
      {"compression.lz4.level", "0", false},
      {"compression.lz4.level", "17", true},
      {"compression.zstd.level", "-131072", true},
      {"compression.zstd.level", "-131073", false},
      {"message.timestamp.type", "createtime", false},
      {"cleanup.policy", "", true},
      {"leader.replication.throttled.replicas", "*", true},
      {"leader.replication.throttled.replicas", "none", false},
      {"segment.jitter.ms", "999999999999", true},
      {"preallocate", "TRUE", true},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(check_topic_config(test.key, test.value).has_value(), test.good) << test.key << "=" << test.value;
  }
}

TEST(TopicSettings, SaysWhatIsWrongForTheClient) {
  const auto unknown = check_topic_config("retention.hs", "1");
  EXPECT_EQ(unknown.error().code, Errc::kNotFound);
  EXPECT_EQ(unknown.error().context, "retention.hs is not a topic setting; did you mean retention.ms?");
  const auto bad = check_topic_config("segment.bytes", "5");
  EXPECT_EQ(bad.error().code, Errc::kInvalidArgument);
  EXPECT_EQ(bad.error().context, "segment.bytes: '5' is not a whole number from 1048576 to 2147483647");
}

TEST(TopicSettings, TakesDefaultsFromTheBrokersSynonyms) {
  BrokerSettings broker;
  broker.log_roll_hours = 2;
  broker.log_roll_jitter_hours = 1;
  broker.log_retention_hours = 3;
  broker.log_flush_scheduler_interval_ms = 70;
  broker.message_max_bytes = 500;
  broker.log_segment_delete_delay_ms = 9;
  broker.log_cleanup_policy = {.compact = true, .delete_old = false};
  auto topic = topic_defaults(broker);
  EXPECT_EQ(topic.segment_ms, 7200000);
  EXPECT_EQ(topic.segment_jitter_ms, 3600000);
  EXPECT_EQ(topic.retention_ms, 10800000);
  EXPECT_EQ(topic.flush_ms, 70);
  EXPECT_EQ(topic.max_message_bytes, 500);
  EXPECT_EQ(topic.file_delete_delay_ms, 9);
  EXPECT_EQ(topic.cleanup_policy, (CleanupPolicy{.compact = true, .delete_old = false}));

  broker.log_roll_ms = 11;
  broker.log_roll_jitter_ms = 12;
  broker.log_retention_minutes = 1;
  broker.log_flush_interval_ms = 13;
  topic = topic_defaults(broker);
  EXPECT_EQ(topic.segment_ms, 11);
  EXPECT_EQ(topic.segment_jitter_ms, 12);
  EXPECT_EQ(topic.retention_ms, 60000);
  EXPECT_EQ(topic.flush_ms, 13);

  broker.log_retention_ms = 14;
  EXPECT_EQ(topic_defaults(broker).retention_ms, 14);
  broker.log_retention_ms.reset();
  broker.log_retention_minutes.reset();
  broker.log_retention_hours = -1;
  EXPECT_EQ(topic_defaults(broker).retention_ms, -1);
}

TEST(TopicSettings, OverridesWinOverTheBroker) {
  BrokerSettings broker;
  broker.message_max_bytes = 500;
  const auto topic = resolve_topic_settings(broker, {{"max.message.bytes", "600"},
                                                     {"compression.type", "lz4"},
                                                     {"compression.lz4.level", "3"},
                                                     {"cleanup.policy", "compact"}});
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(topic->max_message_bytes, 600);
  EXPECT_EQ(topic->compression_type, CompressionType::kLz4);
  EXPECT_EQ(topic->codec_level(topic->compression_type), 3);
  EXPECT_TRUE(topic->cleanup_policy.compact);
  EXPECT_FALSE(topic->cleanup_policy.delete_old);
  EXPECT_FALSE(topic->overrides_durability);
}

TEST(TopicSettings, OnlyTheTopicsOwnFlushSettingsOverrideDurability) {
  BrokerSettings broker;
  broker.log_flush_interval_messages = 1;
  EXPECT_FALSE(resolve_topic_settings(broker, {})->overrides_durability);
  EXPECT_TRUE(resolve_topic_settings(broker, {{"flush.messages", "1"}})->overrides_durability);
  EXPECT_TRUE(resolve_topic_settings(broker, {{"flush.ms", "9223372036854775807"}})->overrides_durability);
}

TEST(TopicSettings, RefusesKeysThatContradictEachOtherOrTheBroker) {
  const BrokerSettings broker;
  EXPECT_EQ(
      resolve_topic_settings(broker, {{"min.compaction.lag.ms", "10"}, {"max.compaction.lag.ms", "5"}}).error().context,
      "min.compaction.lag.ms, 10, is more than max.compaction.lag.ms, 5");
  BrokerSettings short_lag;
  short_lag.log_cleaner_max_compaction_lag_ms = 5;
  EXPECT_FALSE(resolve_topic_settings(short_lag, {{"min.compaction.lag.ms", "10"}}).has_value());
  EXPECT_EQ(resolve_topic_settings(broker, {{"remote.storage.enable", "true"}}).error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(resolve_topic_settings(broker, {{"remote.storage.enable", "false"}}).has_value());
  EXPECT_EQ(resolve_topic_settings(broker, {{"bogus", "1"}}).error().code, Errc::kNotFound);
}

TEST(TopicSettings, ListsEffectiveValuesWithTheirSource) {
  const auto broker = load_config_text(
      "f", "", {.file = std::nullopt, .assignments = {{.text = "log.roll.hours=1"}}, .allow_unknown = false});
  ASSERT_TRUE(broker.has_value());
  const auto configs = effective_topic_configs(
      *broker, {{"cleanup.policy", " delete, compact"}, {"min.cleanable.dirty.ratio", "5e-1"}}, kLevel43);
  EXPECT_EQ(configs.size(), 33u);
  const auto row_of = [&](std::string_view name) {
    for (const auto& row : configs) {
      if (row.name == name) return row;
    }
    ADD_FAILURE() << name;
    return TopicConfigRow{};
  };
  EXPECT_EQ(row_of("cleanup.policy").value, "delete,compact");
  EXPECT_EQ(row_of("cleanup.policy").source, ConfigSource::kTopic);
  EXPECT_EQ(row_of("cleanup.policy").type, ValueType::kList);
  EXPECT_FALSE(row_of("cleanup.policy").is_default);
  EXPECT_EQ(row_of("min.cleanable.dirty.ratio").value, "0.5");
  EXPECT_EQ(row_of("segment.ms").value, "3600000");
  EXPECT_EQ(row_of("segment.ms").source, ConfigSource::kStaticBroker);
  EXPECT_FALSE(row_of("segment.ms").is_default);
  EXPECT_EQ(row_of("retention.ms").value, "604800000");
  EXPECT_EQ(row_of("retention.ms").source, ConfigSource::kDefault);
  EXPECT_TRUE(row_of("retention.ms").is_default);
  EXPECT_EQ(row_of("preallocate").value, "false");
  EXPECT_EQ(row_of("flush.ms").value, "9223372036854775807");
  EXPECT_EQ(row_of("compression.type").value, "producer");
  EXPECT_EQ(row_of("message.timestamp.type").value, "CreateTime");
  EXPECT_EQ(row_of("leader.replication.throttled.replicas").value, "");
  EXPECT_TRUE(std::ranges::is_sorted(configs, {}, &TopicConfigRow::name));
  EXPECT_EQ(effective_topic_configs(*broker, {}, kMetadataVersion44).size(), 37u);
}

}  // namespace
}  // namespace weir::config
