// The rows that have an effect, and what every row is used for. Kafka's keys without effect: kafka_keys_table.cc.
#include "config/settings_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <limits>
#include <unordered_map>
#include <utility>

#include "config/typed_value.h"

namespace weir::config {
namespace {

using S = BrokerSettings;

constexpr ValueRule kBoolean{.type = ValueType::kBoolean};
constexpr ValueRule kText{.type = ValueType::kString};
constexpr ValueRule kTexts{.type = ValueType::kList};

constexpr ValueRule int_from(std::int64_t low, std::int64_t high = kNoHigh) {
  return {.type = ValueType::kInt, .low = low, .high = high};
}
constexpr ValueRule long_from(std::int64_t low, std::int64_t high = kNoHigh) {
  return {.type = ValueType::kLong, .low = low, .high = high};
}
constexpr ValueRule one_of(std::string_view choices) {
  return {.type = ValueType::kString, .choices = choices};
}

constexpr std::string_view kForeverText = "9223372036854775807";

constexpr SettingRow kPlace[] = {
    {.name = "node.id",
     .rule = int_from(0),
     .default_text = "1",
     .text = "The number of this broker. It is written into the data directory on the first start and must stay the "
             "same from then on. Kafka has no default for it; Weir's is 1.",
     .member = &S::node_id},
    {.name = "listeners",
     .rule = kTexts,
     .default_text = "PLAINTEXT://127.0.0.1:9092",
     .text = "Where clients connect: NAME://HOST:PORT. No host, or 0.0.0.0, means every interface; an IPv6 address "
             "stands in brackets; port 0 picks a free one. This version has one listener without encryption. Kafka "
             "listens on every interface by default, Weir on loopback only, since it cannot protect itself yet.",
     .member = &S::listeners},
    {.name = "advertised.listeners",
     .rule = kTexts,
     .default_text = "",
     .text = "The address that clients are told to connect to, NAME://HOST:PORT, when it differs from the listener's: "
             "behind a port mapping or another name. Empty: each client is told the address that it reached.",
     .member = &S::advertised_listeners},
    {.name = "listener.security.protocol.map",
     .rule = kText,
     .default_text = "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
     .reloadable = true,
     .text = "Which protocol the listener of a name speaks: NAME:PROTOCOL pairs. A listener in use must speak "
             "PLAINTEXT; the start is refused otherwise.",
     .member = &S::listener_security_protocol_map},
    {.name = "weir.http.listen",
     .rule = kText,
     .default_text = "127.0.0.1:9644",
     .text =
         "HOST:PORT of the HTTP port with /livez and /readyz, or off. When the default port is taken, Weir warns and "
         "serves without it; a port set explicitly must be free.",
     .member = &S::weir_http_listen},
    {.name = "log.dirs",
     .rule = kTexts,
     .default_text = std::nullopt,
     .text = "The directories of the logs: new partitions go where the fewest are. The first one holds the metadata, "
             "unless metadata.log.dir names another. When one fails the others go on. Wins over log.dir.",
     .member = &S::log_dirs},
    {.name = "metadata.log.dir",
     .rule = kText,
     .default_text = std::nullopt,
     .text = "The one of log.dirs that holds the metadata, without which the broker can't go on.",
     .member = &S::metadata_log_dir},
    {.name = "log.dir",
     .rule = kText,
     .default_text = "./weir-data",
     .text = "The same, for when log.dirs is not set. Kafka's default is /tmp/kafka-logs.",
     .member = &S::log_dir},
    {.name = "broker.rack",
     .rule = kText,
     .default_text = std::nullopt,
     .text = "The rack or zone of this broker, told to clients.",
     .member = &S::broker_rack},
};

constexpr SettingRow kMachine[] = {
    {.name = "weir.shards",
     .rule = int_from(0, 1024),
     .default_text = "0",
     .unit = "threads",
     .text = "Threads that serve connections and own partitions. 0: half of the processors, at least one.",
     .member = &S::weir_shards},
    {.name = "weir.helper.threads",
     .rule = int_from(1, 1024),
     .default_text = "4",
     .unit = "threads",
     .text = "Threads for work that may wait for a disk: opening, deleting, reading what is not in memory.",
     .member = &S::weir_helper_threads},
    {.name = "weir.sync.threads",
     .rule = int_from(1, 1024),
     .default_text = "32",
     .unit = "threads",
     .text = "Threads that sync what was written and do nothing else, for each of log.dirs; they start when they are "
             "needed. "
             "Each waits for one partition; partitions synced at a time share commits of the file system's journal.",
     .member = &S::weir_sync_threads},
    {.name = "weir.log.level",
     .rule = one_of("debug|info|warn|error"),
     .default_text = "info",
     .text = "What the broker writes to standard error: lines of this weight and above.",
     .member = &S::weir_log_level},
};

constexpr SettingRow kDurability[] = {
    {.name = "weir.durability",
     .rule = one_of("fsync|page-cache"),
     .default_text = "fsync",
     .text =
         "When a batch counts as stored, for acks=all and for what consumers may read. fsync: once it is on disk; a "
         "power cut takes back nothing that was acknowledged or read. page-cache: once the operating system has "
         "it, which is Kafka's way. A topic that sets flush.messages or flush.ms decides for itself.",
     .member = &S::weir_durability},
    {.name = "min.insync.replicas",
     .rule = int_from(1),
     .default_text = "1",
     .unit = "replicas",
     .reloadable = true,
     .text = "In-sync replicas that a produce with acks=all needs. More than there are brokers refuses every one of "
             "them. A topic's default.",
     .member = &S::min_insync_replicas},
    {.name = "log.flush.offset.checkpoint.interval.ms",
     .rule = int_from(0),
     .default_text = "60000",
     .unit = "ms",
     .text = "How often the checkpoint files are written: high watermarks, log starts, and the offsets below which "
             "everything is on disk; what lies above those is scanned after an unclean stop.",
     .member = &S::log_flush_offset_checkpoint_interval_ms},
    {.name = "metadata.log.max.record.bytes.between.snapshots",
     .rule = long_from(1),
     .default_text = "20971520",
     .unit = "bytes",
     .text = "A snapshot of the cluster's metadata is written once its log has grown by this much since the last one; "
             "a start reads the newest snapshot and what the log holds after it.",
     .member = &S::metadata_log_max_record_bytes_between_snapshots},
    {.name = "metadata.log.max.snapshot.interval.ms",
     .rule = long_from(0),
     .default_text = "3600000",
     .unit = "ms",
     .text = "The longest time between two snapshots of the cluster's metadata while it changes. 0: only its log's "
             "growth decides.",
     .member = &S::metadata_log_max_snapshot_interval_ms},
    {.name = "metadata.log.segment.bytes",
     .rule = int_from(8388608),
     .default_text = "1073741824",
     .unit = "bytes",
     .text = "The largest segment of the metadata log. Segments below the last but one snapshot are deleted.",
     .member = &S::metadata_log_segment_bytes},
    {.name = "metadata.log.segment.ms",
     .rule = long_from(1),
     .default_text = "604800000",
     .unit = "ms",
     .text = "The longest time that one segment of the metadata log spans.",
     .member = &S::metadata_log_segment_ms},
    {.name = "internal.metadata.log.segment.bytes",
     .rule = int_from(1),
     .default_text = std::nullopt,
     .unit = "bytes",
     .text = "Wins over metadata.log.segment.bytes; smaller values than that one takes, for tests.",
     .member = &S::internal_metadata_log_segment_bytes},
};

constexpr SettingRow kLimits[] = {
    {.name = "max.connections",
     .rule = int_from(1),
     .default_text = "10000",
     .unit = "connections",
     .reloadable = true,
     .text = "Open client connections; further ones are closed at once. Kafka's default is no limit.",
     .member = &S::max_connections},
    {.name = "connections.max.idle.ms",
     .rule = long_from(-1),
     .default_text = "600000",
     .unit = "ms",
     .text = "A connection without a request for so long is closed. -1: never.",
     .member = &S::connections_max_idle_ms},
    {.name = "socket.request.max.bytes",
     .rule = int_from(1),
     .default_text = "104857600",
     .unit = "bytes",
     .text = "The largest request; a longer one closes its connection before any memory is taken for it.",
     .member = &S::socket_request_max_bytes},
    {.name = "weir.request.memory.bytes",
     .rule = long_from(1048576),
     .default_text = "268435456",
     .unit = "bytes",
     .text = "Memory for requests that are being received or served, over all connections. When it is used up, "
             "connections are read again only as requests end.",
     .member = &S::weir_request_memory_bytes},
    {.name = "weir.page.cache.bytes",
     .rule = long_from(-1),
     .default_text = "-1",
     .unit = "bytes",
     .text = "How much of what was written last stays in the operating system's page cache; older bytes leave it once "
             "they are durable. -1 is a quarter of the memory, 0 leaves it to the operating system.",
     .member = &S::weir_page_cache_bytes},
    {.name = "weir.max.inflated.batch.bytes",
     .rule = long_from(1048576, 2147483647),
     .default_text = "268435456",
     .unit = "bytes",
     .text = "The largest size of a compressed batch once inflated; a larger one is refused with MESSAGE_TOO_LARGE.",
     .member = &S::weir_max_inflated_batch_bytes},
    {.name = "fetch.max.bytes",
     .rule = int_from(1024),
     .default_text = "57671680",
     .unit = "bytes",
     .text = "The most a fetch is answered with, whatever the client asks for. A first batch that is larger still goes "
             "out whole.",
     .member = &S::fetch_max_bytes},
    {.name = "request.timeout.ms",
     .rule = int_from(1),
     .default_text = "30000",
     .unit = "ms",
     .text = "How long the broker waits for its own controller before it answers a client with an error.",
     .member = &S::request_timeout_ms},
};

constexpr SettingRow kTopics[] = {
    {.name = "auto.create.topics.enable",
     .rule = kBoolean,
     .default_text = "true",
     .text = "A client that asks for the metadata of a missing topic creates it, unless its request forbids that.",
     .member = &S::auto_create_topics_enable},
    {.name = "num.partitions",
     .rule = int_from(1),
     .default_text = "1",
     .unit = "partitions",
     .text = "Partitions of a topic that is created without a count.",
     .member = &S::num_partitions},
    {.name = "default.replication.factor",
     .rule = int_from(1, 32767),
     .default_text = "1",
     .unit = "replicas",
     .text = "Replicas of a topic that is created without a factor. More than there are brokers refuses the creation.",
     .member = &S::default_replication_factor},
    {.name = "delete.topic.enable",
     .rule = kBoolean,
     .default_text = "true",
     .text = "Topics may be deleted.",
     .member = &S::delete_topic_enable},
    {.name = "log.cleanup.policy",
     .rule = {.type = ValueType::kList, .choices = "compact|delete"},
     .default_text = "delete",
     .reloadable = true,
     .text =
         "What happens to old segments; a topic's default. With compact every record needs a key; compaction is not "
         "carried out in this version.",
     .member = &S::log_cleanup_policy},
};

constexpr SettingRow kRecords[] = {
    {.name = "message.max.bytes",
     .rule = int_from(0),
     .default_text = "1048588",
     .unit = "bytes",
     .reloadable = true,
     .text = "The largest batch as it stands on the wire, compressed; a topic's default of max.message.bytes.",
     .member = &S::message_max_bytes},
    {.name = "max.decompressed.message.bytes",
     .rule = int_from(1, 2147483639),
     .default_text = "2147483639",
     .unit = "bytes",
     .reloadable = true,
     .text = "The largest single record within a compressed batch, inflated; a topic's default.",
     .member = &S::max_decompressed_message_bytes},
    {.name = "compression.type",
     .rule = one_of("uncompressed|zstd|lz4|snappy|gzip|producer"),
     .default_text = "producer",
     .reloadable = true,
     .text = "How batches are stored. producer: as they came; anything else: compressed anew. A topic's default.",
     .member = &S::compression_type},
    {.name = "compression.gzip.level",
     .rule = {.type = ValueType::kInt, .low = 1, .high = 9, .or_minus_one = true},
     .default_text = "-1",
     .reloadable = true,
     .text = "Effort where compression.type is gzip; -1 is the library's own choice. A topic's default.",
     .member = &S::compression_gzip_level},
    {.name = "compression.lz4.level",
     .rule = int_from(1, 17),
     .default_text = "9",
     .reloadable = true,
     .text = "Effort where compression.type is lz4. A topic's default.",
     .member = &S::compression_lz4_level},
    {.name = "compression.zstd.level",
     .rule = int_from(-131072, 22),
     .default_text = "3",
     .reloadable = true,
     .text = "Effort where compression.type is zstd. A topic's default.",
     .member = &S::compression_zstd_level},
    {.name = "log.message.timestamp.type",
     .rule = one_of("CreateTime|LogAppendTime"),
     .default_text = "CreateTime",
     .reloadable = true,
     .text = "Whose clock stamps a record: the producer's or the broker's. A topic's default.",
     .member = &S::log_message_timestamp_type},
    {.name = "log.message.timestamp.before.max.ms",
     .rule = long_from(0),
     .default_text = kForeverText,
     .unit = "ms",
     .reloadable = true,
     .text = "How far behind the broker's clock a producer's timestamp may lie. A topic's default.",
     .member = &S::log_message_timestamp_before_max_ms},
    {.name = "log.message.timestamp.after.max.ms",
     .rule = long_from(0),
     .default_text = "3600000",
     .unit = "ms",
     .reloadable = true,
     .text = "How far ahead of the broker's clock a producer's timestamp may lie. A topic's default.",
     .member = &S::log_message_timestamp_after_max_ms},
    {.name = "producer.id.expiration.ms",
     .rule = int_from(1),
     .default_text = "86400000",
     .unit = "ms",
     .reloadable = true,
     .text = "How long a partition remembers an idempotent producer after its last batch.",
     .member = &S::producer_id_expiration_ms},
};

constexpr SettingRow kSegments[] = {
    {.name = "log.segment.bytes",
     .rule = int_from(1048576),
     .default_text = "1073741824",
     .unit = "bytes",
     .reloadable = true,
     .text = "The size at which a log goes on in a new file; a topic's default of segment.bytes.",
     .member = &S::log_segment_bytes},
    {.name = "log.roll.ms",
     .rule = long_from(1),
     .default_text = std::nullopt,
     .unit = "ms",
     .reloadable = true,
     .text = "The age at which a log goes on in a new file; a topic's default of segment.ms. Wins over log.roll.hours.",
     .member = &S::log_roll_ms},
    {.name = "log.roll.hours",
     .rule = int_from(1),
     .default_text = "168",
     .unit = "hours",
     .text = "The same in hours.",
     .member = &S::log_roll_hours},
    {.name = "log.roll.jitter.ms",
     .rule = long_from(0),
     .default_text = std::nullopt,
     .unit = "ms",
     .reloadable = true,
     .text =
         "Up to so much is taken off that age by chance, so that logs don't all go on at once; a topic's default of "
         "segment.jitter.ms. Wins over log.roll.jitter.hours.",
     .member = &S::log_roll_jitter_ms},
    {.name = "log.roll.jitter.hours",
     .rule = int_from(0),
     .default_text = "0",
     .unit = "hours",
     .text = "The same in hours.",
     .member = &S::log_roll_jitter_hours},
    {.name = "log.index.interval.bytes",
     .rule = int_from(0),
     .default_text = "4096",
     .unit = "bytes",
     .reloadable = true,
     .text = "Bytes of log between two entries of its index; a topic's default of index.interval.bytes.",
     .member = &S::log_index_interval_bytes},
    {.name = "log.index.size.max.bytes",
     .rule = int_from(4),
     .default_text = "10485760",
     .unit = "bytes",
     .reloadable = true,
     .text = "The size at which a full index makes the log go on in a new file; a topic's default of "
             "segment.index.bytes.",
     .member = &S::log_index_size_max_bytes},
};

constexpr SettingRow kRetention[] = {
    {.name = "log.retention.bytes",
     .rule = long_from(std::numeric_limits<std::int64_t>::min()),
     .default_text = "-1",
     .unit = "bytes",
     .reloadable = true,
     .text = "The size of a partition above which its oldest segments go; -1: no limit. A topic's default of "
             "retention.bytes.",
     .member = &S::log_retention_bytes},
    {.name = "log.retention.ms",
     .rule = long_from(-1),
     .default_text = std::nullopt,
     .unit = "ms",
     .reloadable = true,
     .text = "The age, by its newest record, at which a segment goes; -1: never. A topic's default of retention.ms. "
             "Wins over log.retention.minutes, and that over log.retention.hours.",
     .member = &S::log_retention_ms},
    {.name = "log.retention.minutes",
     .rule = int_from(-1),
     .default_text = std::nullopt,
     .unit = "minutes",
     .text = "The same in minutes.",
     .member = &S::log_retention_minutes},
    {.name = "log.retention.hours",
     .rule = int_from(-1),
     .default_text = "168",
     .unit = "hours",
     .text = "The same in hours.",
     .member = &S::log_retention_hours},
    {.name = "log.retention.check.interval.ms",
     .rule = long_from(1),
     .default_text = "300000",
     .unit = "ms",
     .text = "How often to look for segments that may go.",
     .member = &S::log_retention_check_interval_ms},
    {.name = "log.initial.task.delay.ms",
     .rule = long_from(0),
     .default_text = "30000",
     .unit = "ms",
     .text = "How long after the start to look for the first time.",
     .member = &S::log_initial_task_delay_ms},
    {.name = "log.segment.delete.delay.ms",
     .rule = long_from(0),
     .default_text = "60000",
     .unit = "ms",
     .reloadable = true,
     .text = "How long the files of what was deleted stay, under another name; a topic's default of "
             "file.delete.delay.ms. What is still being sent to somebody stays longer.",
     .member = &S::log_segment_delete_delay_ms},
    {.name = "weir.clock.jump.max.ms",
     .rule = long_from(60000),
     .default_text = "3600000",
     .unit = "ms",
     .text = "When the machine's clock runs ahead by more than this at once, nothing is deleted for its age, and no "
             "producer forgotten, until the new time has stood for a day: a wrong clock must not empty the logs.",
     .member = &S::weir_clock_jump_max_ms},
};

constexpr SettingRow kStatements[] = {
    {.name = "process.roles",
     .effect = Effect::kMustDescribeWeir,
     .rule = {.type = ValueType::kList, .choices = "broker|controller"},
     .default_text = "broker,controller",
     .text = "Weir is broker and controller in one process; only both together are accepted.",
     .member = &S::process_roles},
    {.name = "broker.id",
     .effect = Effect::kMustDescribeWeir,
     .rule = int_from(-1),
     .default_text = "-1",
     .text = "The old name of node.id; -1 or the same number.",
     .member = &S::broker_id},
    {.name = "controller.listener.names",
     .effect = Effect::kMustDescribeWeir,
     .rule = kTexts,
     .default_text = "",
     .text =
         "Names among listeners that are meant for controllers. Weir opens no port for them: its controller is part "
         "of the process.",
     .member = &S::controller_listener_names},
    {.name = "controller.quorum.voters",
     .effect = Effect::kMustDescribeWeir,
     .rule = kTexts,
     .default_text = "",
     .text = "ID@HOST:PORT of the controllers; none, or this broker alone.",
     .member = &S::controller_quorum_voters},
    {.name = "controller.quorum.bootstrap.servers",
     .effect = Effect::kMustDescribeWeir,
     .rule = kTexts,
     .default_text = "",
     .text = "HOST:PORT of the controllers; none, or this broker's own controller listener.",
     .member = &S::controller_quorum_bootstrap_servers},
    {.name = "inter.broker.listener.name",
     .effect = Effect::kMustDescribeWeir,
     .rule = kText,
     .default_text = std::nullopt,
     .text = "The listener between brokers; one that is configured.",
     .member = &S::inter_broker_listener_name},
};

constexpr SettingSection kApplied[] = {
    {"Identity, addresses, place of the data", kPlace},
    {"Threads and logging", kMachine},
    {"Durability", kDurability},
    {"Limits", kLimits},
    {"Topics", kTopics},
    {"Records", kRecords},
    {"Segments", kSegments},
    {"Retention", kRetention},
    {"Statements about the cluster: accepted where they describe Weir, refused otherwise", kStatements},
};

constexpr std::string_view kFamilyEnd = ".*";

bool is_family(const SettingRow& row) {
  return row.name.ends_with(kFamilyEnd);
}

template <class Visitor>
void for_each_row(Visitor visitor) {
  for (const auto& section : applied_settings()) {
    for (const auto& row : section.rows) visitor(row);
  }
  for (const auto& section : kafka_settings_without_effect()) {
    for (const auto& row : section.rows) visitor(row);
  }
}

struct RowIndex {
  std::unordered_map<std::string_view, const SettingRow*> exact;
  std::vector<const SettingRow*> families;
};

const RowIndex& row_index() {
  static const RowIndex index = [] {
    RowIndex built;
    for_each_row([&](const SettingRow& row) {
      if (is_family(row)) {
        built.families.push_back(&row);
      } else {
        built.exact.emplace(row.name, &row);
      }
    });
    return built;
  }();
  return index;
}

// `text` broken into comment lines of at most 118 characters.
void append_comment(std::string& out, std::string_view text) {
  constexpr std::size_t kWidth = 116;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > kWidth) {
      length = text.rfind(' ', kWidth);
      if (length == std::string_view::npos) length = text.find(' ');
      if (length == std::string_view::npos) length = text.size();
    }
    out += fmt::format("# {}\n", text.substr(0, length));
    text.remove_prefix(std::min(text.size(), length + 1));
  }
}

// As a YAML scalar that reads back as the same text.
std::string yaml_scalar(std::string_view text) {
  const bool plain =
      !text.empty() && text.find_first_of(":#,[]{}&*!|>'\"%@` ") == std::string_view::npos && text.front() != '-';
  const bool number = !text.empty() && text.find_first_not_of("-0123456789.") == std::string_view::npos;
  return plain || number ? std::string(text) : fmt::format("\"{}\"", text);
}

void append_row(std::string& out, const SettingRow& row) {
  out += '\n';
  append_comment(out, row.text);
  std::string facts = fmt::format("Type: {}", to_string(row.rule.type));
  const bool any_text =
      row.rule.choices.empty() && (row.rule.type == ValueType::kString || row.rule.type == ValueType::kList);
  if (!any_text) facts += fmt::format(", {}", describe(row.rule));
  if (!row.unit.empty()) facts += fmt::format("; unit: {}", row.unit);
  if (!row.default_text.has_value()) facts += "; not set by default";
  append_comment(out, facts);
  out += fmt::format("#{}:{}\n", row.name, row.default_text.has_value() ? " " + yaml_scalar(*row.default_text) : "");
}

}  // namespace

std::span<const SettingSection> applied_settings() {
  return kApplied;
}

const SettingRow* find_setting(std::string_view name) {
  const auto& index = row_index();
  if (const auto found = index.exact.find(name); found != index.exact.end()) return found->second;
  for (const auto* family : index.families) {
    const auto prefix = family->name.substr(0, family->name.size() - 1);
    if (name.size() > prefix.size() && name.starts_with(prefix)) return family;
  }
  return nullptr;
}

std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for_each_row([&](const SettingRow& row) { names.push_back(row.name); });
  return names;
}

void assign(const SettingRow& row, const Value& value, BrokerSettings& settings) {
  std::visit(
      [&](auto member) {
        if constexpr (!std::same_as<decltype(member), std::monostate>) from_value(value, settings.*member);
      },
      row.member);
}

std::optional<std::string> value_text(const SettingRow& row, const BrokerSettings& settings) {
  return std::visit(
      [&](auto member) -> std::optional<std::string> {
        if constexpr (std::same_as<decltype(member), std::monostate>) {
          if (!row.default_text.has_value()) return std::nullopt;
          return std::string(*row.default_text);
        } else {
          const auto value = member_value(settings.*member);
          if (!value.has_value()) return std::nullopt;
          return to_text(*value);
        }
      },
      row.member);
}

std::string settings_template() {
  std::string out =
      "# Weir's settings, each with its default: take the # away in front of a key to change it. Keys may also be "
      "nested\n"
      "# (log: {segment.bytes: 1048576}); lists are written [a, b] or \"a,b\". Times and sizes are plain numbers in "
      "the\n"
      "# unit named. `weir serve --set key=value` wins over this file. Printed by `weir config template`.\n";
  for (const auto& section : applied_settings()) {
    out += fmt::format("\n# ---- {}\n", section.title);
    for (const auto& row : section.rows) append_row(out, row);
  }
  out +=
      "\n# ---- Kafka's other broker keys\n"
      "# Known, checked, and without effect in this version (a warning says so), or refused where they ask for a\n"
      "# protection or a role that Weir does not have.\n";
  for (const auto& section : kafka_settings_without_effect()) {
    out += '\n';
    append_comment(out, fmt::format("{}:", section.title));
    for (const auto& row : section.rows) {
      out += fmt::format("#   {}{}\n", row.name, row.effect == Effect::kRefused ? "  (refused)" : "");
    }
  }
  return out;
}

}  // namespace weir::config
