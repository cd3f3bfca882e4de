#include "replica/partition_rules.h"

#include <algorithm>

namespace weir::replica {
namespace {

Codec codec_of(config::CompressionType type) {
  switch (type) {
    case config::CompressionType::kProducer:
    case config::CompressionType::kUncompressed: return Codec::kNone;
    case config::CompressionType::kGzip: return Codec::kGzip;
    case config::CompressionType::kSnappy: return Codec::kSnappy;
    case config::CompressionType::kLz4: return Codec::kLz4;
    case config::CompressionType::kZstd: return Codec::kZstd;
  }
  return Codec::kNone;
}

record::BatchRules batch_rules(const config::BrokerSettings& broker, const config::TopicSettings& topic) {
  const bool broker_time = topic.message_timestamp_type == config::MessageTimestampType::kLogAppendTime;
  return {.keep_client_codec = topic.compression_type == config::CompressionType::kProducer,
          .codec = codec_of(topic.compression_type),
          .codec_level = topic.codec_level(topic.compression_type),
          .compacted = topic.cleanup_policy.compact,
          .timestamp_type = broker_time ? record::TimestampType::kLogAppendTime : record::TimestampType::kCreateTime,
          .timestamp_before_max_ms = topic.message_timestamp_before_max_ms,
          .timestamp_after_max_ms = topic.message_timestamp_after_max_ms,
          .max_message_bytes = topic.max_message_bytes,
          .max_decompressed_message_bytes = topic.max_decompressed_message_bytes,
          .segment_bytes = topic.segment_bytes,
          .max_inflated_batch_bytes = static_cast<std::uint64_t>(broker.weir_max_inflated_batch_bytes)};
}

storage::LogSettings log_settings(const config::TopicSettings& topic) {
  // A compacted topic's records must leave the active segment in time to be compacted.
  const auto segment_ms =
      topic.cleanup_policy.compact ? std::min(topic.segment_ms, topic.max_compaction_lag_ms) : topic.segment_ms;
  return {.segment_bytes = topic.segment_bytes,
          .segment_ms = segment_ms,
          .segment_jitter_ms = topic.segment_jitter_ms,
          .segment_index_bytes = topic.segment_index_bytes,
          .index_interval_bytes = topic.index_interval_bytes};
}

}  // namespace

PartitionRules make_partition_rules(const config::BrokerSettings& broker, const config::TopicSettings& topic) {
  const bool broker_waits = broker.weir_durability == config::Durability::kFsync;
  // A topic that names flush.messages asks for that, and for nothing stronger or weaker (design decision 5).
  return {.batch = batch_rules(broker, topic),
          .log = log_settings(topic),
          .retention = {.deletes = topic.cleanup_policy.delete_old,
                        .retention_ms = topic.retention_ms,
                        .retention_bytes = topic.retention_bytes},
          .file_delete_delay_ms = topic.file_delete_delay_ms,
          .min_insync_replicas = topic.min_insync_replicas,
          .ack_needs_flush = topic.overrides_durability ? topic.flush_messages == 1 : broker_waits,
          .flush_messages_max = topic.flush_messages};
}

}  // namespace weir::replica
