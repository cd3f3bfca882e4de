// Every setting of a broker that Weir reads, typed. A member is named after its Kafka key with underscores for the dots
// (log.segment.bytes: log_segment_bytes); what the keys mean, their ranges and units: settings_table.cc.
//
// Made once at start by loader.h and constant from then on; any thread reads it.
//
// Always: the initialisers here are the defaults of the table (a test compares them), and what the loader returns has
// passed the table's ranges and the checks of settings_checks.h.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"

namespace weir::config {

// When an ack of acks=all, and the high watermark, count a batch as stored.
enum class Durability : std::uint8_t {
  kFsync,      // once fdatasync covered it
  kPageCache,  // once the operating system has it: Kafka's own way
};

// A topic's compression.type. kProducer keeps the codec of the batch as it came.
enum class CompressionType : std::uint8_t { kProducer, kUncompressed, kGzip, kSnappy, kLz4, kZstd };

enum class MessageTimestampType : std::uint8_t { kCreateTime, kLogAppendTime };

// Both false (an empty list): segments are kept for ever.
struct CleanupPolicy {
  bool compact = false;
  bool delete_old = true;  // the policy called "delete"

  friend bool operator==(const CleanupPolicy&, const CleanupPolicy&) = default;
};

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

struct BrokerSettings {
  // Who and where
  std::int32_t node_id = 1;
  std::optional<std::string> broker_rack;
  std::vector<std::string> listeners = {"PLAINTEXT://127.0.0.1:9092"};  // parsed: LoadedConfig::listeners
  std::vector<std::string> advertised_listeners;                        // empty: none
  std::string listener_security_protocol_map =
      "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL";
  std::string weir_http_listen = "127.0.0.1:9644";  // or "off"; parsed: LoadedConfig::http
  std::string log_dir = "./weir-data";
  std::vector<std::string> log_dirs;  // wins over log_dir; ask data_directory()

  // Who this broker is not: compared with what Weir can be, see settings_checks.h
  std::int32_t broker_id = -1;
  std::vector<std::string> process_roles = {"broker", "controller"};
  std::vector<std::string> controller_listener_names;
  std::vector<std::string> controller_quorum_voters;
  std::vector<std::string> controller_quorum_bootstrap_servers;
  std::optional<std::string> inter_broker_listener_name;
  std::optional<std::string> metadata_log_dir;

  // Machine
  std::int32_t weir_shards = 0;  // 0: half of the processors, at least one
  std::int32_t weir_helper_threads = 4;
  std::int32_t weir_sync_threads = 32;
  LogLevel weir_log_level = LogLevel::kInfo;

  // Limits
  std::int64_t weir_request_memory_bytes = 268435456;
  std::int64_t weir_page_cache_bytes = -1;  // -1: a quarter of the memory; 0: the kernel decides
  std::int64_t weir_max_inflated_batch_bytes = 268435456;
  std::int32_t max_connections = 10000;
  std::int64_t connections_max_idle_ms = 600000;
  std::int32_t socket_request_max_bytes = 104857600;
  std::int32_t socket_send_buffer_bytes = -1;
  std::int32_t socket_receive_buffer_bytes = -1;
  std::int32_t socket_listen_backlog_size = 50;
  std::int32_t fetch_max_bytes = 57671680;
  std::int32_t request_timeout_ms = 30000;

  // Topics
  std::int32_t num_partitions = 1;
  std::int32_t default_replication_factor = 1;
  bool auto_create_topics_enable = true;
  bool delete_topic_enable = true;

  // Durability and replication
  Durability weir_durability = Durability::kFsync;
  std::int32_t min_insync_replicas = 1;
  bool unclean_leader_election_enable = false;
  std::int64_t replica_high_watermark_checkpoint_interval_ms = 5000;
  std::int32_t log_flush_offset_checkpoint_interval_ms = 60000;
  std::int32_t log_flush_start_offset_checkpoint_interval_ms = 60000;
  std::int64_t metadata_log_max_record_bytes_between_snapshots = 20971520;
  std::int64_t metadata_log_max_snapshot_interval_ms = 3600000;
  std::int32_t metadata_log_segment_bytes = 1073741824;
  std::optional<std::int32_t> internal_metadata_log_segment_bytes;
  std::int64_t metadata_log_segment_ms = 604800000;
  std::int64_t log_flush_interval_messages = kForever;
  std::optional<std::int64_t> log_flush_interval_ms;
  std::int64_t log_flush_scheduler_interval_ms = kForever;

  // Records
  std::int32_t message_max_bytes = 1048588;
  std::int32_t max_decompressed_message_bytes = 2147483639;
  CompressionType compression_type = CompressionType::kProducer;
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  MessageTimestampType log_message_timestamp_type = MessageTimestampType::kCreateTime;
  std::int64_t log_message_timestamp_before_max_ms = kForever;
  std::int64_t log_message_timestamp_after_max_ms = 3600000;
  std::int32_t producer_id_expiration_ms = 86400000;

  // Segments
  std::int32_t log_segment_bytes = 1073741824;
  std::optional<std::int64_t> log_roll_ms;
  std::int32_t log_roll_hours = 168;
  std::optional<std::int64_t> log_roll_jitter_ms;
  std::int32_t log_roll_jitter_hours = 0;
  std::int32_t log_index_interval_bytes = 4096;
  std::int32_t log_index_size_max_bytes = 10485760;
  bool log_preallocate = false;
  std::int64_t log_segment_delete_delay_ms = 60000;

  // Retention and compaction
  CleanupPolicy log_cleanup_policy;
  std::int64_t log_retention_bytes = -1;
  std::optional<std::int64_t> log_retention_ms;
  std::optional<std::int32_t> log_retention_minutes;
  std::int32_t log_retention_hours = 168;
  std::int64_t log_retention_check_interval_ms = 300000;
  std::int64_t log_initial_task_delay_ms = 30000;
  std::int64_t weir_clock_jump_max_ms = 3600000;
  std::int64_t log_cleaner_delete_retention_ms = 86400000;
  std::int64_t log_cleaner_min_compaction_lag_ms = 0;
  std::int64_t log_cleaner_max_compaction_lag_ms = kForever;
  double log_cleaner_min_cleanable_ratio = 0.5;

  // Tiered storage: shown as topic defaults, nothing acts on them
  std::int64_t log_local_retention_bytes = -2;
  std::int64_t log_local_retention_ms = -2;
  std::int64_t log_remote_copy_lag_bytes = -1;
  std::int64_t log_remote_copy_lag_ms = 0;
};

// The directories of this broker's logs: log.dirs, or log.dir where that is not set. At least one.
[[nodiscard]] inline std::vector<std::string> log_directories(const BrokerSettings& settings) {
  return settings.log_dirs.empty() ? std::vector{settings.log_dir} : settings.log_dirs;
}

// The one among them that holds the cluster's metadata.
[[nodiscard]] inline std::string metadata_directory(const BrokerSettings& settings) {
  return settings.metadata_log_dir.value_or(log_directories(settings).front());
}

}  // namespace weir::config
