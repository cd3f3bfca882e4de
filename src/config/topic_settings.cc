#include "config/topic_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/suggest.h"
#include "config/typed_value.h"

namespace weir::config {
namespace {

using T = TopicSettings;

constexpr std::int64_t kMsPerMinute = 60000;
constexpr std::int64_t kMsPerHour = 3600000;
constexpr std::string_view kForeverText = "9223372036854775807";

constexpr ValueRule kBoolean{.type = ValueType::kBoolean};
constexpr ValueRule kReplicas{.type = ValueType::kList, .replica_list = true};

constexpr ValueRule int_from(std::int64_t low, std::int64_t high = kNoHigh) {
  return {.type = ValueType::kInt, .low = low, .high = high};
}
constexpr ValueRule long_from(std::int64_t low) {
  return {.type = ValueType::kLong, .low = low};
}

// kafka-protocol 16; types and ranges are those of LogConfig in Apache Kafka 4.4.
constexpr TopicSettingRow kRows[] = {
    {"cleanup.policy",
     {.type = ValueType::kList, .choices = "compact|delete"},
     "delete",
     &T::cleanup_policy,
     "log.cleanup.policy"},
    {"compression.gzip.level",
     {.type = ValueType::kInt, .low = 1, .high = 9, .or_minus_one = true},
     "-1",
     &T::compression_gzip_level,
     "compression.gzip.level"},
    {"compression.lz4.level", int_from(1, 17), "9", &T::compression_lz4_level, "compression.lz4.level"},
    {"compression.type",
     {.type = ValueType::kString, .choices = "uncompressed|zstd|lz4|snappy|gzip|producer"},
     "producer",
     &T::compression_type,
     "compression.type"},
    {"compression.zstd.level", int_from(-131072, 22), "3", &T::compression_zstd_level, "compression.zstd.level"},
    {"delete.retention.ms", long_from(0), "86400000", &T::delete_retention_ms, "log.cleaner.delete.retention.ms"},
    {"errors.deadletterqueue.group.enable",
     kBoolean,
     "false",
     &T::errors_deadletterqueue_group_enable,
     {},
     kMetadataVersion44},
    {"file.delete.delay.ms", long_from(0), "60000", &T::file_delete_delay_ms, "log.segment.delete.delay.ms"},
    {"flush.messages", long_from(1), kForeverText, &T::flush_messages, "log.flush.interval.messages"},
    {"flush.ms", long_from(0), kForeverText, &T::flush_ms, "log.flush.interval.ms log.flush.scheduler.interval.ms"},
    {"follower.replication.throttled.replicas", kReplicas, "", &T::follower_replication_throttled_replicas},
    {"index.interval.bytes", int_from(0), "4096", &T::index_interval_bytes, "log.index.interval.bytes"},
    {"leader.replication.throttled.replicas", kReplicas, "", &T::leader_replication_throttled_replicas},
    {"local.retention.bytes", long_from(-2), "-2", &T::local_retention_bytes, "log.local.retention.bytes"},
    {"local.retention.ms", long_from(-2), "-2", &T::local_retention_ms, "log.local.retention.ms"},
    {"max.compaction.lag.ms", long_from(1), kForeverText, &T::max_compaction_lag_ms,
     "log.cleaner.max.compaction.lag.ms"},
    {"max.decompressed.message.bytes", int_from(1, 2147483639), "2147483639", &T::max_decompressed_message_bytes,
     "max.decompressed.message.bytes", kMetadataVersion44},
    {"max.message.bytes", int_from(0), "1048588", &T::max_message_bytes, "message.max.bytes"},
    {"message.timestamp.after.max.ms", long_from(0), "3600000", &T::message_timestamp_after_max_ms,
     "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", long_from(0), kForeverText, &T::message_timestamp_before_max_ms,
     "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type",
     {.type = ValueType::kString, .choices = "CreateTime|LogAppendTime"},
     "CreateTime",
     &T::message_timestamp_type,
     "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio",
     {.type = ValueType::kDouble, .low = 0, .high = 1},
     "0.5",
     &T::min_cleanable_dirty_ratio,
     "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", long_from(0), "0", &T::min_compaction_lag_ms, "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", int_from(1), "1", &T::min_insync_replicas, "min.insync.replicas"},
    {"preallocate", kBoolean, "false", &T::preallocate, "log.preallocate"},
    {"remote.copy.lag.bytes", long_from(-1), "-1", &T::remote_copy_lag_bytes, "log.remote.copy.lag.bytes",
     kMetadataVersion44},
    {"remote.copy.lag.ms", long_from(-1), "0", &T::remote_copy_lag_ms, "log.remote.copy.lag.ms", kMetadataVersion44},
    {"remote.log.copy.disable", kBoolean, "false", &T::remote_log_copy_disable},
    {"remote.log.delete.on.disable", kBoolean, "false", &T::remote_log_delete_on_disable},
    {"remote.storage.enable", kBoolean, "false", &T::remote_storage_enable},
    {"retention.bytes", {.type = ValueType::kLong}, "-1", &T::retention_bytes, "log.retention.bytes"},
    {"retention.ms", long_from(-1), "604800000", &T::retention_ms,
     "log.retention.ms log.retention.minutes log.retention.hours"},
    {"segment.bytes", int_from(1048576), "1073741824", &T::segment_bytes, "log.segment.bytes"},
    {"segment.index.bytes", int_from(4), "10485760", &T::segment_index_bytes, "log.index.size.max.bytes"},
    {"segment.jitter.ms", long_from(0), "0", &T::segment_jitter_ms, "log.roll.jitter.ms log.roll.jitter.hours"},
    {"segment.ms", long_from(1), "604800000", &T::segment_ms, "log.roll.ms log.roll.hours"},
    {"unclean.leader.election.enable", kBoolean, "false", &T::unclean_leader_election_enable,
     "unclean.leader.election.enable"},
};

static_assert(std::ranges::is_sorted(kRows, {}, &TopicSettingRow::name));

const TopicSettingRow* find_row(std::string_view key) {
  const auto found = std::ranges::lower_bound(kRows, key, {}, &TopicSettingRow::name);
  return found != std::end(kRows) && found->name == key ? &*found : nullptr;
}

std::unexpected<Error> fail_unknown(std::string_view key) {
  std::vector<std::string_view> names;
  for (const auto& row : kRows) names.push_back(row.name);
  const auto meant = nearest(key, names);
  const auto hint = meant.has_value() ? fmt::format("; did you mean {}?", *meant) : std::string();
  return fail(Errc::kNotFound, fmt::format("{} is not a topic setting{}", key, hint));
}

Result<Value> parse_row_value(const TopicSettingRow& row, std::string_view text) {
  auto value = parse_value(row.rule, text);
  if (!value.has_value()) return fail(value.error().code, fmt::format("{}: {}", row.name, value.error().context));
  return value;
}

void set_member(const TopicSettingRow& row, const Value& value, TopicSettings& settings) {
  std::visit([&](auto member) { from_value(value, settings.*member); }, row.member);
}

std::string member_text(const TopicSettingRow& row, const TopicSettings& settings) {
  return std::visit([&](auto member) { return to_text(*member_value(settings.*member)); }, row.member);
}

bool any_explicit(const LoadedConfig& broker, std::string_view synonyms) {
  while (!synonyms.empty()) {
    const auto blank = synonyms.find(' ');
    if (broker.is_explicit(synonyms.substr(0, blank))) return true;
    synonyms = blank == std::string_view::npos ? std::string_view{} : synonyms.substr(blank + 1);
  }
  return false;
}

std::int64_t retention_ms_of(const BrokerSettings& settings) {
  std::int64_t ms = settings.log_retention_hours * kMsPerHour;
  if (settings.log_retention_minutes.has_value()) ms = *settings.log_retention_minutes * kMsPerMinute;
  if (settings.log_retention_ms.has_value()) ms = *settings.log_retention_ms;
  return std::max<std::int64_t>(ms, -1);
}

}  // namespace

std::int32_t TopicSettings::codec_level(CompressionType type) const {
  switch (type) {
    case CompressionType::kGzip: return compression_gzip_level;
    case CompressionType::kLz4: return compression_lz4_level;
    case CompressionType::kZstd: return compression_zstd_level;
    case CompressionType::kProducer:
    case CompressionType::kUncompressed:
    case CompressionType::kSnappy: return 0;
  }
  return 0;
}

std::span<const TopicSettingRow> topic_settings_table() {
  return kRows;
}

bool topic_key_known(std::string_view key, std::int16_t metadata_version) {
  const auto* row = find_row(key);
  return row != nullptr && metadata_version >= row->since_metadata_version;
}

Result<void> check_topic_config(std::string_view key, std::string_view value) {
  const auto* row = find_row(key);
  if (row == nullptr) return fail_unknown(key);
  WEIR_TRY(parse_row_value(*row, value));
  return {};
}

TopicSettings topic_defaults(const BrokerSettings& settings) {
  TopicSettings topic;
  topic.cleanup_policy = settings.log_cleanup_policy;
  topic.compression_type = settings.compression_type;
  topic.compression_gzip_level = settings.compression_gzip_level;
  topic.compression_lz4_level = settings.compression_lz4_level;
  topic.compression_zstd_level = settings.compression_zstd_level;
  topic.delete_retention_ms = settings.log_cleaner_delete_retention_ms;
  topic.file_delete_delay_ms = settings.log_segment_delete_delay_ms;
  topic.flush_messages = settings.log_flush_interval_messages;
  topic.flush_ms = settings.log_flush_interval_ms.value_or(settings.log_flush_scheduler_interval_ms);
  topic.index_interval_bytes = settings.log_index_interval_bytes;
  topic.local_retention_bytes = settings.log_local_retention_bytes;
  topic.local_retention_ms = settings.log_local_retention_ms;
  topic.max_compaction_lag_ms = settings.log_cleaner_max_compaction_lag_ms;
  topic.max_decompressed_message_bytes = settings.max_decompressed_message_bytes;
  topic.max_message_bytes = settings.message_max_bytes;
  topic.message_timestamp_after_max_ms = settings.log_message_timestamp_after_max_ms;
  topic.message_timestamp_before_max_ms = settings.log_message_timestamp_before_max_ms;
  topic.message_timestamp_type = settings.log_message_timestamp_type;
  topic.min_cleanable_dirty_ratio = settings.log_cleaner_min_cleanable_ratio;
  topic.min_compaction_lag_ms = settings.log_cleaner_min_compaction_lag_ms;
  topic.min_insync_replicas = settings.min_insync_replicas;
  topic.preallocate = settings.log_preallocate;
  topic.remote_copy_lag_bytes = settings.log_remote_copy_lag_bytes;
  topic.remote_copy_lag_ms = settings.log_remote_copy_lag_ms;
  topic.retention_bytes = settings.log_retention_bytes;
  topic.retention_ms = retention_ms_of(settings);
  topic.segment_bytes = settings.log_segment_bytes;
  topic.segment_index_bytes = settings.log_index_size_max_bytes;
  topic.segment_jitter_ms = settings.log_roll_jitter_ms.value_or(settings.log_roll_jitter_hours * kMsPerHour);
  topic.segment_ms = settings.log_roll_ms.value_or(settings.log_roll_hours * kMsPerHour);
  topic.unclean_leader_election_enable = settings.unclean_leader_election_enable;
  return topic;
}

Result<TopicSettings> resolve_topic_settings(const BrokerSettings& settings, const TopicOverrides& overrides) {
  TopicSettings topic = topic_defaults(settings);
  for (const auto& [key, text] : overrides) {
    const auto* row = find_row(key);
    if (row == nullptr) return fail_unknown(key);
    WEIR_TRY_ASSIGN(value, parse_row_value(*row, text));
    set_member(*row, value, topic);
  }
  topic.overrides_durability = overrides.contains("flush.messages") || overrides.contains("flush.ms");
  if (topic.min_compaction_lag_ms > topic.max_compaction_lag_ms) {
    return fail(Errc::kInvalidArgument, fmt::format("min.compaction.lag.ms, {}, is more than max.compaction.lag.ms, {}",
                                                    topic.min_compaction_lag_ms, topic.max_compaction_lag_ms));
  }
  // As Kafka answers while remote.log.storage.system.enable is false.
  if (topic.remote_storage_enable) {
    return fail(Errc::kInvalidArgument, "remote.storage.enable: this broker has no tiered storage");
  }
  return topic;
}

std::vector<TopicConfigRow> effective_topic_configs(const LoadedConfig& broker, const TopicOverrides& overrides,
                                                    std::int16_t metadata_version) {
  const TopicSettings defaults = topic_defaults(broker.settings);
  std::vector<TopicConfigRow> configs;
  configs.reserve(std::size(kRows));
  for (const auto& row : kRows) {
    if (metadata_version < row.since_metadata_version) continue;
    TopicConfigRow config{.name = row.name, .value = member_text(row, defaults), .type = row.rule.type};
    if (any_explicit(broker, row.synonyms)) config.source = ConfigSource::kStaticBroker;
    if (const auto own = overrides.find(std::string(row.name)); own != overrides.end()) {
      if (const auto value = parse_value(row.rule, own->second); value.has_value()) {
        config.value = to_text(*value);
        config.source = ConfigSource::kTopic;
      }
    }
    config.is_default = config.source == ConfigSource::kDefault;
    configs.push_back(std::move(config));
  }
  return configs;
}

}  // namespace weir::config
