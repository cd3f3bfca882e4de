// A topic's settings: Kafka's topic configs typed, their validity rules, and how a topic's own values and the broker's
// make the effective ones. Pure; any thread.
//
// Always: a TopicSettings from resolve_topic_settings obeys every row of the table (kafka-protocol 16).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "config/broker_settings.h"
#include "config/loader.h"
#include "config/value.h"

namespace weir::config {

// Members are named after the topic's keys with underscores for the dots.
struct TopicSettings {
  CleanupPolicy cleanup_policy;
  CompressionType compression_type = CompressionType::kProducer;
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  std::int64_t delete_retention_ms = 86400000;
  bool errors_deadletterqueue_group_enable = false;
  std::int64_t file_delete_delay_ms = 60000;
  std::int64_t flush_messages = kForever;
  std::int64_t flush_ms = kForever;
  std::vector<std::string> follower_replication_throttled_replicas;
  std::int32_t index_interval_bytes = 4096;
  std::vector<std::string> leader_replication_throttled_replicas;
  std::int64_t local_retention_bytes = -2;
  std::int64_t local_retention_ms = -2;
  std::int64_t max_compaction_lag_ms = kForever;
  std::int32_t max_decompressed_message_bytes = 2147483639;
  std::int32_t max_message_bytes = 1048588;
  std::int64_t message_timestamp_after_max_ms = 3600000;
  std::int64_t message_timestamp_before_max_ms = kForever;
  MessageTimestampType message_timestamp_type = MessageTimestampType::kCreateTime;
  double min_cleanable_dirty_ratio = 0.5;
  std::int64_t min_compaction_lag_ms = 0;
  std::int32_t min_insync_replicas = 1;
  bool preallocate = false;
  std::int64_t remote_copy_lag_bytes = -1;
  std::int64_t remote_copy_lag_ms = 0;
  bool remote_log_copy_disable = false;
  bool remote_log_delete_on_disable = false;
  bool remote_storage_enable = false;
  std::int64_t retention_bytes = -1;
  std::int64_t retention_ms = 604800000;
  std::int32_t segment_bytes = 1073741824;
  std::int32_t segment_index_bytes = 10485760;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_ms = 604800000;
  bool unclean_leader_election_enable = false;

  // The topic itself names flush.messages or flush.ms, and so overrides weir.durability (design decision 5).
  bool overrides_durability = false;

  // compression_gzip_level, _lz4_ or _zstd_ by `type`; 0 for a codec that has none.
  [[nodiscard]] std::int32_t codec_level(CompressionType type) const;

  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

using TopicOverrides = std::map<std::string, std::string>;

// The first metadata.version (Kafka 4.4) that knows the keys which 4.3 does not.
inline constexpr std::int16_t kMetadataVersion44 = 31;

// Whether Kafka of that finalized level knows the topic key. What is not known is INVALID_CONFIG.
[[nodiscard]] bool topic_key_known(std::string_view key, std::int16_t metadata_version);

// Type, range and choices of one key's value. kNotFound: no such topic key at any level; kInvalidArgument: a bad value.
// The context is a sentence for the client, the key in it.
[[nodiscard]] Result<void> check_topic_config(std::string_view key, std::string_view value);

// What a topic without any configs has.
[[nodiscard]] TopicSettings topic_defaults(const BrokerSettings& settings);

// `overrides` over the defaults, with each value checked and the rules between keys too (compaction lags, no tiered
// storage). Errors as of check_topic_config; the first one found, in key order.
[[nodiscard]] Result<TopicSettings> resolve_topic_settings(const BrokerSettings& settings,
                                                           const TopicOverrides& overrides);

// Where an effective value comes from; the numbers are those of DescribeConfigs and CreateTopics answers.
enum class ConfigSource : std::int8_t { kTopic = 1, kStaticBroker = 4, kDefault = 5 };

struct TopicConfigRow {
  std::string_view name;
  std::string value;
  bool read_only = false;
  bool is_default = true;
  ConfigSource source = ConfigSource::kDefault;
  bool is_sensitive = false;
  ValueType type = ValueType::kString;
};

// Every key that the level knows, in alphabetical order, with its effective value. An override that doesn't parse is
// left out of account. `broker` tells which broker keys were set explicitly (kStaticBroker).
[[nodiscard]] std::vector<TopicConfigRow> effective_topic_configs(const LoadedConfig& broker,
                                                                  const TopicOverrides& overrides,
                                                                  std::int16_t metadata_version);

// One topic key; `member` tells the place in TopicSettings.
struct TopicSettingRow {
  using Member =
      std::variant<bool TopicSettings::*, std::int32_t TopicSettings::*, std::int64_t TopicSettings::*,
                   double TopicSettings::*, std::vector<std::string> TopicSettings::*, CleanupPolicy TopicSettings::*,
                   CompressionType TopicSettings::*, MessageTimestampType TopicSettings::*>;

  std::string_view name;
  ValueRule rule;
  std::string_view default_text;
  Member member;
  std::string_view synonyms = {};           // broker keys that give the default, strongest first, separated by blanks
  std::int16_t since_metadata_version = 0;  // 0: known at every level
};

// Sorted by name.
[[nodiscard]] std::span<const TopicSettingRow> topic_settings_table();

}  // namespace weir::config
