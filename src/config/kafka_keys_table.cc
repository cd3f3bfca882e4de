// The broker keys of Apache Kafka 4.4 that have no effect here, with Kafka's types, defaults and ranges, and why. Each
// is checked like any other; set explicitly it gives one warning, or stops the start where it asks for a protection or
// a role that Weir lacks.
#include "config/settings_table.h"

namespace weir::config {
namespace {

using S = BrokerSettings;
using enum ValueType;

constexpr std::string_view kForeverText = "9223372036854775807";
constexpr std::optional<std::string_view> kUnset = std::nullopt;

// Reasons complete the sentence "KEY has no effect: ..." or "KEY=VALUE is refused: ...".
constexpr std::string_view kNoCompaction = "logs are not compacted in this version, every record is kept";
constexpr std::string_view kOwnFlush = "weir.durability decides when logs are flushed; a topic may set flush.messages";
constexpr std::string_view kOwnPreallocation = "Weir takes room for segments in steps of its own";
constexpr std::string_view kOneCheckpointInterval =
    "every checkpoint is written each log.flush.offset.checkpoint.interval.ms, and before a new log start is shown";
constexpr std::string_view kOwnSockets = "the operating system sizes the buffers and queues of sockets";
constexpr std::string_view kNoCordon = "every log directory takes new partitions in this version";
constexpr std::string_view kKnownAtOnce = "a directory that fails is offline at once";
constexpr std::string_view kOneBroker = "one broker holds every replica, there is nobody to replicate with";
constexpr std::string_view kOwnController = "the controller is part of this process and alone";
constexpr std::string_view kNoGroups = "consumer groups are not served in this version";
constexpr std::string_view kNoShareGroups = "share groups are not served in this version";
constexpr std::string_view kNoStreamsGroups = "streams groups are not served in this version";
constexpr std::string_view kNoTransactions = "transactions are not served in this version";
constexpr std::string_view kOwnSchedule = "Weir looks for expired producers on its own schedule";
constexpr std::string_view kNoQuotas = "there are no quotas in this version; max.connections bounds the connections";
constexpr std::string_view kOwnThreads = "weir.shards and weir.helper.threads size the threads";
constexpr std::string_view kNoPurgatory = "a waiting request is forgotten when it ends, there is nothing to purge";
constexpr std::string_view kNoSessions = "fetch sessions are not served in this version, every fetch is a full one";
constexpr std::string_view kNoMetrics = "metrics are not exposed in this version";
constexpr std::string_view kNoTieredStorage = "there is no tiered storage in this version";
constexpr std::string_view kNoTls = "no listener of this version speaks TLS";
constexpr std::string_view kNoLogin = "no listener of this version asks for a login (SASL)";
constexpr std::string_view kNoAuthorizer =
    "this version checks no permissions, everybody who connects may do everything";
constexpr std::string_view kOneListener = "there is one listener, it has no settings of its own";
constexpr std::string_view kNoClasses = "it names Java classes, which Weir cannot load";
constexpr std::string_view kNoUnstable = "there are no unstable versions to enable";
constexpr std::string_view kNoStartupLimit = "a start takes as long as recovery needs";
constexpr std::string_view kNoDescribePartitions = "the request that it limits is not served in this version";
constexpr std::string_view kGone = "Kafka itself dropped it in 4.0 at the latest";
constexpr std::string_view kNoZooKeeper = "neither Weir nor Kafka from 4.0 on works with ZooKeeper";

constexpr ValueRule from(ValueType type, std::int64_t low, std::int64_t high = kNoHigh) {
  return {.type = type, .low = low, .high = high};
}
constexpr ValueRule choice(ValueType type, std::string_view choices, bool any_case = false) {
  return {.type = type, .choices = choices, .any_case = any_case};
}
constexpr ValueRule of(ValueType type) {
  return {.type = type};
}
constexpr ValueRule of(ValueRule rule) {
  return rule;
}

// Kafka's keys carry their unit at the end.
constexpr std::string_view unit_of(std::string_view name) {
  if (name.ends_with(".ms") || name.ends_with(".millis")) return "ms";
  if (name.ends_with(".bytes") || name.ends_with("buffer.size") || name.ends_with(".per.second")) return "bytes";
  if (name.ends_with(".hours")) return "hours";
  if (name.ends_with(".minutes")) return "minutes";
  if (name.ends_with(".seconds") || name.ends_with(".secs")) return "seconds";
  return {};
}

template <class Rule>
constexpr SettingRow without(std::string_view name, Rule rule, std::optional<std::string_view> default_text,
                             std::string_view reason, SettingRow::Member member = std::monostate{}) {
  return {.name = name,
          .effect = Effect::kWithout,
          .rule = of(rule),
          .default_text = default_text,
          .unit = unit_of(name),
          .text = reason,
          .member = member};
}

template <class Rule>
constexpr SettingRow refused(std::string_view name, Rule rule, std::optional<std::string_view> default_text,
                             std::string_view harmless, std::string_view reason) {
  return {.name = name,
          .effect = Effect::kRefused,
          .rule = of(rule),
          .default_text = default_text,
          .harmless = harmless,
          .text = reason};
}

constexpr SettingRow reloadable(SettingRow row) {
  row.reloadable = true;
  return row;
}

// Where Kafka's default asks for three brokers (the internal topics), Weir's is 1.
constexpr SettingRow kCompaction[] = {
    reloadable(without("cordoned.log.dirs", kList, "", kNoCordon)),
    reloadable(without("log.cleaner.backoff.ms", from(kLong, 0), "15000", kNoCompaction)),
    reloadable(without("log.cleaner.dedupe.buffer.size", kLong, "134217728", kNoCompaction)),
    reloadable(without("log.cleaner.delete.retention.ms", from(kLong, 0), "86400000", kNoCompaction,
                       &S::log_cleaner_delete_retention_ms)),
    without("log.cleaner.enable", kBoolean, "true", kNoCompaction),
    reloadable(without("log.cleaner.io.buffer.load.factor", kDouble, "0.9", kNoCompaction)),
    reloadable(without("log.cleaner.io.buffer.size", from(kInt, 0), "524288", kNoCompaction)),
    reloadable(without("log.cleaner.io.max.bytes.per.second", kDouble, "1.7976931348623157E308", kNoCompaction)),
    reloadable(without("log.cleaner.max.compaction.lag.ms", from(kLong, 1), kForeverText, kNoCompaction,
                       &S::log_cleaner_max_compaction_lag_ms)),
    reloadable(without("log.cleaner.min.cleanable.ratio", from(kDouble, 0, 1), "0.5", kNoCompaction,
                       &S::log_cleaner_min_cleanable_ratio)),
    reloadable(without("log.cleaner.min.compaction.lag.ms", from(kLong, 0), "0", kNoCompaction,
                       &S::log_cleaner_min_compaction_lag_ms)),
    reloadable(without("log.cleaner.threads", from(kInt, 0), "1", kNoCompaction)),
    without("log.dir.failure.timeout.ms", from(kLong, 1), "30000", kKnownAtOnce),
    reloadable(without("log.flush.interval.messages", from(kLong, 1), kForeverText, kOwnFlush,
                       &S::log_flush_interval_messages)),
    reloadable(without("log.flush.interval.ms", kLong, kUnset, kOwnFlush, &S::log_flush_interval_ms)),
    without("log.flush.scheduler.interval.ms", kLong, kForeverText, kOwnFlush, &S::log_flush_scheduler_interval_ms),
    without("log.flush.start.offset.checkpoint.interval.ms", from(kInt, 0), "60000", kOneCheckpointInterval,
            &S::log_flush_start_offset_checkpoint_interval_ms),
    reloadable(without("log.preallocate", kBoolean, "false", kOwnPreallocation, &S::log_preallocate)),
    without("replica.high.watermark.checkpoint.interval.ms", from(kLong, 1), "5000", kOneCheckpointInterval,
            &S::replica_high_watermark_checkpoint_interval_ms),
};

constexpr SettingRow kReplication[] = {
    without("auto.leader.rebalance.enable", kBoolean, "true", kOneBroker),
    without("leader.imbalance.check.interval.seconds", from(kLong, 1), "300", kOneBroker),
    without("num.replica.alter.log.dirs.threads", kInt, kUnset, kOneBroker),
    reloadable(without("num.replica.fetchers", from(kInt, 1), "1", kOneBroker)),
    without("replica.fetch.backoff.ms", from(kInt, 0), "1000", kOneBroker),
    without("replica.fetch.max.bytes", from(kInt, 0), "1048576", kOneBroker),
    without("replica.fetch.min.bytes", kInt, "1", kOneBroker),
    without("replica.fetch.response.max.bytes", from(kInt, 0), "10485760", kOneBroker),
    without("replica.fetch.wait.max.ms", kInt, "500", kOneBroker),
    without("replica.lag.time.max.ms", kLong, "30000", kOneBroker),
    without("replica.selector.class", kString, kUnset, kOneBroker),
    without("replica.socket.receive.buffer.bytes", kInt, "65536", kOneBroker),
    without("replica.socket.timeout.ms", kInt, "30000", kOneBroker),
    without("socket.connection.setup.timeout.max.ms", kLong, "30000", kOneBroker),
    without("socket.connection.setup.timeout.ms", kLong, "10000", kOneBroker),
    reloadable(
        without("unclean.leader.election.enable", kBoolean, "false", kOneBroker, &S::unclean_leader_election_enable)),
    without("unclean.leader.election.interval.ms", from(kLong, 1), "300000", kOneBroker),
};

constexpr SettingRow kController[] = {
    without("broker.heartbeat.interval.ms", kInt, "2000", kOwnController),
    without("broker.session.timeout.ms", kInt, "9000", kOwnController),
    without("controlled.shutdown.enable", kBoolean, "true", kOwnController),
    without("controller.performance.always.log.threshold.ms", from(kLong, 0), "2000", kOwnController),
    without("controller.performance.sample.period.ms", from(kLong, 100), "60000", kOwnController),
    without("controller.quorum.append.linger.ms", from(kInt, 0), "25", kOwnController),
    without("controller.quorum.auto.join.enable", kBoolean, "false", kOwnController),
    without("controller.quorum.election.backoff.max.ms", from(kInt, 0), "1000", kOwnController),
    without("controller.quorum.election.timeout.ms", from(kInt, 0), "1000", kOwnController),
    without("controller.quorum.fetch.max.bytes", from(kInt, 1), "1048576", kOwnController),
    without("controller.quorum.fetch.snapshot.max.bytes", from(kInt, 1), "1048576", kOwnController),
    without("controller.quorum.fetch.timeout.ms", from(kInt, 0), "2000", kOwnController),
    without("controller.quorum.request.timeout.ms", from(kInt, 0), "2000", kOwnController),
    without("controller.quorum.retry.backoff.ms", from(kInt, 0), "20", kOwnController),
    without("controller.socket.timeout.ms", kInt, "30000", kOwnController),
    without("initial.broker.registration.timeout.ms", kInt, "60000", kOwnController),
    without("internal.metadata.delete.delay.millis", kLong, "60000", kOwnController),
    without("internal.metadata.max.batch.size.in.bytes", kInt, "8388608", kOwnController),
    without("metadata.max.idle.interval.ms", from(kInt, 0), "500", kOwnController),
    without("metadata.max.retention.bytes", kLong, "104857600", kOwnController),
    without("metadata.max.retention.ms", kLong, "604800000", kOwnController),
};

constexpr SettingRow kGroups[] = {
    reloadable(without("errors.deadletterqueue.auto.create.topics.enable", kBoolean, "false", kNoShareGroups)),
    reloadable(without("errors.deadletterqueue.topic.name.prefix", kString, "dlq.", kNoShareGroups)),
    reloadable(without("group.consumer.assignment.interval.ms", from(kInt, 0), "1000", kNoGroups)),
    reloadable(without("group.consumer.assignor.offload.enable", kBoolean, "true", kNoGroups)),
    without("group.consumer.assignors", kList, "uniform,range", kNoGroups),
    without("group.consumer.heartbeat.interval.ms", from(kInt, 1), "5000", kNoGroups),
    without("group.consumer.max.assignment.interval.ms", from(kInt, 0), "15000", kNoGroups),
    without("group.consumer.max.heartbeat.interval.ms", from(kInt, 1), "15000", kNoGroups),
    without("group.consumer.max.session.timeout.ms", from(kInt, 1), "60000", kNoGroups),
    without("group.consumer.max.size", from(kInt, 1), "2147483647", kNoGroups),
    without("group.consumer.migration.policy", choice(kString, "DISABLED|DOWNGRADE|UPGRADE|BIDIRECTIONAL", true),
            "bidirectional", kNoGroups),
    without("group.consumer.min.assignment.interval.ms", from(kInt, 0), "0", kNoGroups),
    without("group.consumer.min.heartbeat.interval.ms", from(kInt, 1), "5000", kNoGroups),
    without("group.consumer.min.session.timeout.ms", from(kInt, 1), "45000", kNoGroups),
    without("group.consumer.regex.refresh.interval.ms", from(kInt, 10000), "600000", kNoGroups),
    without("group.consumer.session.timeout.ms", from(kInt, 1), "45000", kNoGroups),
    without("group.coordinator.append.linger.ms", from(kInt, -1), "-1", kNoGroups),
    without("group.coordinator.background.threads", from(kInt, 1), "2", kNoGroups),
    reloadable(without("group.coordinator.cached.buffer.max.bytes", from(kInt, 524288), "1048588", kNoGroups)),
    without("group.coordinator.rebalance.protocols", choice(kList, "consumer|classic|share|streams"),
            "classic,consumer,streams", kNoGroups),
    without("group.coordinator.threads", from(kInt, 1), "4", kNoGroups),
    without("group.initial.rebalance.delay.ms", kInt, "3000", kNoGroups),
    without("group.max.session.timeout.ms", kInt, "1800000", kNoGroups),
    without("group.max.size", from(kInt, 1), "2147483647", kNoGroups),
    without("group.min.session.timeout.ms", kInt, "6000", kNoGroups),
    reloadable(without("group.share.assignment.interval.ms", from(kInt, 0), "1000", kNoShareGroups)),
    reloadable(without("group.share.assignor.offload.enable", kBoolean, "true", kNoShareGroups)),
    without("group.share.assignors", kList, "simple", kNoShareGroups),
    without("group.share.delivery.count.limit", from(kInt, 2, 10), "5", kNoShareGroups),
    without("group.share.dlq.manager.class.name", kString,
            "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager", kNoShareGroups),
    without("group.share.heartbeat.interval.ms", from(kInt, 1), "5000", kNoShareGroups),
    without("group.share.initialize.retry.interval.ms", from(kInt, 1), "30000", kNoShareGroups),
    without("group.share.max.assignment.interval.ms", from(kInt, 0), "15000", kNoShareGroups),
    without("group.share.max.delivery.count.limit", from(kInt, 5, 25), "10", kNoShareGroups),
    without("group.share.max.heartbeat.interval.ms", from(kInt, 1), "15000", kNoShareGroups),
    without("group.share.max.partition.max.record.locks", from(kInt, 2000, 10000), "4000", kNoShareGroups),
    without("group.share.max.record.lock.duration.ms", from(kInt, 30000, 3600000), "60000", kNoShareGroups),
    without("group.share.max.session.timeout.ms", from(kInt, 1), "60000", kNoShareGroups),
    without("group.share.max.share.sessions", from(kInt, 1), "2000", kNoShareGroups),
    without("group.share.max.size", from(kInt, 1, 1000), "200", kNoShareGroups),
    without("group.share.min.assignment.interval.ms", from(kInt, 0), "0", kNoShareGroups),
    without("group.share.min.delivery.count.limit", from(kInt, 2, 5), "2", kNoShareGroups),
    without("group.share.min.heartbeat.interval.ms", from(kInt, 1), "5000", kNoShareGroups),
    without("group.share.min.partition.max.record.locks", from(kInt, 100, 2000), "100", kNoShareGroups),
    without("group.share.min.record.lock.duration.ms", from(kInt, 1000, 30000), "15000", kNoShareGroups),
    without("group.share.min.session.timeout.ms", from(kInt, 1), "45000", kNoShareGroups),
    without("group.share.partition.max.record.locks", from(kInt, 100, 10000), "2000", kNoShareGroups),
    without("group.share.persister.class.name", kString,
            "org.apache.kafka.server.share.persister.DefaultStatePersister", kNoShareGroups),
    without("group.share.record.lock.duration.ms", from(kInt, 1000, 3600000), "30000", kNoShareGroups),
    without("group.share.session.timeout.ms", from(kInt, 1), "45000", kNoShareGroups),
    without("group.streams.acceptable.recovery.lag", from(kLong, 0), "10000", kNoStreamsGroups),
    reloadable(without("group.streams.assignment.interval.ms", from(kInt, 0), "1000", kNoStreamsGroups)),
    reloadable(without("group.streams.assignor.offload.enable", kBoolean, "true", kNoStreamsGroups)),
    without("group.streams.assignors", kList, "sticky", kNoStreamsGroups),
    without("group.streams.heartbeat.interval.ms", from(kInt, 1), "5000", kNoStreamsGroups),
    without("group.streams.initial.rebalance.delay.ms", from(kInt, 0), "3000", kNoStreamsGroups),
    without("group.streams.max.assignment.interval.ms", from(kInt, 0), "15000", kNoStreamsGroups),
    without("group.streams.max.heartbeat.interval.ms", from(kInt, 1), "15000", kNoStreamsGroups),
    without("group.streams.max.session.timeout.ms", from(kInt, 1), "60000", kNoStreamsGroups),
    without("group.streams.max.size", from(kInt, 1), "2147483647", kNoStreamsGroups),
    without("group.streams.max.standby.replicas", from(kInt, 0), "2", kNoStreamsGroups),
    without("group.streams.max.warmup.replicas", from(kInt, 0), "20", kNoStreamsGroups),
    without("group.streams.min.assignment.interval.ms", from(kInt, 0), "0", kNoStreamsGroups),
    without("group.streams.min.heartbeat.interval.ms", from(kInt, 1), "5000", kNoStreamsGroups),
    without("group.streams.min.session.timeout.ms", from(kInt, 1), "45000", kNoStreamsGroups),
    without("group.streams.min.task.offset.interval.ms", from(kInt, 1), "15000", kNoStreamsGroups),
    without("group.streams.num.standby.replicas", from(kInt, 0), "0", kNoStreamsGroups),
    without("group.streams.num.warmup.replicas", from(kInt, 0), "2", kNoStreamsGroups),
    without("group.streams.rack.aware.assignment.tags", kList, "", kNoStreamsGroups),
    without("group.streams.session.timeout.ms", from(kInt, 1), "45000", kNoStreamsGroups),
    without("group.streams.task.offset.interval.ms", from(kInt, 1), "60000", kNoStreamsGroups),
    without("group.streams.topology.description.plugin.class", kClass, kUnset, kNoStreamsGroups),
    without("offset.metadata.max.bytes", kInt, "4096", kNoGroups),
    without("offsets.commit.timeout.ms", from(kInt, 1), "5000", kNoGroups),
    without("offsets.load.buffer.size", from(kInt, 1), "5242880", kNoGroups),
    without("offsets.retention.check.interval.ms", from(kLong, 1), "600000", kNoGroups),
    without("offsets.retention.minutes", from(kInt, 1), "10080", kNoGroups),
    without("offsets.topic.compression.codec", kInt, "0", kNoGroups),
    without("offsets.topic.num.partitions", from(kInt, 1), "50", kNoGroups),
    without("offsets.topic.replication.factor", from(kShort, 1), "1", kNoGroups),
    without("offsets.topic.segment.bytes", from(kInt, 1), "104857600", kNoGroups),
    without("share.coordinator.append.linger.ms", from(kInt, -1), "-1", kNoShareGroups),
    reloadable(without("share.coordinator.cached.buffer.max.bytes", from(kInt, 524288), "1048588", kNoShareGroups)),
    without("share.coordinator.cold.partition.snapshot.interval.ms", from(kInt, 1), "300000", kNoShareGroups),
    without("share.coordinator.load.buffer.size", from(kInt, 1), "5242880", kNoShareGroups),
    without("share.coordinator.snapshot.update.records.per.snapshot", from(kInt, 0, 500), "500", kNoShareGroups),
    without("share.coordinator.state.topic.compression.codec", kInt, "0", kNoShareGroups),
    without("share.coordinator.state.topic.min.isr", from(kShort, 1), "1", kNoShareGroups),
    without("share.coordinator.state.topic.num.partitions", from(kInt, 1), "50", kNoShareGroups),
    without("share.coordinator.state.topic.prune.interval.ms", from(kInt, 1), "300000", kNoShareGroups),
    without("share.coordinator.state.topic.replication.factor", from(kShort, 1), "1", kNoShareGroups),
    without("share.coordinator.state.topic.segment.bytes", from(kInt, 1), "104857600", kNoShareGroups),
    without("share.coordinator.threads", from(kInt, 1), "1", kNoShareGroups),
    without("share.coordinator.write.timeout.ms", from(kInt, 1), "5000", kNoShareGroups),
    without("share.fetch.purgatory.purge.interval.requests", kInt, "1000", kNoShareGroups),
};

constexpr SettingRow kTransactions[] = {
    without("add.partitions.to.txn.retry.backoff.max.ms", from(kInt, 0), "100", kNoTransactions),
    without("add.partitions.to.txn.retry.backoff.ms", from(kInt, 1), "20", kNoTransactions),
    without("producer.id.expiration.check.interval.ms", from(kInt, 1), "600000", kOwnSchedule),
    without("transaction.abort.timed.out.transaction.cleanup.interval.ms", from(kInt, 1), "10000", kNoTransactions),
    without("transaction.max.timeout.ms", from(kInt, 1), "900000", kNoTransactions),
    reloadable(without("transaction.partition.verification.enable", kBoolean, "true", kNoTransactions)),
    without("transaction.remove.expired.transaction.cleanup.interval.ms", from(kInt, 1), "3600000", kNoTransactions),
    without("transaction.state.log.load.buffer.size", from(kInt, 1), "5242880", kNoTransactions),
    without("transaction.state.log.min.isr", from(kInt, 1), "1", kNoTransactions),
    without("transaction.state.log.num.partitions", from(kInt, 1), "50", kNoTransactions),
    without("transaction.state.log.replication.factor", from(kShort, 1), "1", kNoTransactions),
    without("transaction.state.log.segment.bytes", from(kInt, 1), "104857600", kNoTransactions),
    without("transaction.two.phase.commit.enable", kBoolean, "false", kNoTransactions),
    without("transactional.id.expiration.ms", from(kInt, 1), "604800000", kNoTransactions),
};

constexpr SettingRow kQuotas[] = {
    without("alter.log.dirs.replication.quota.window.num", from(kInt, 1), "11", kNoQuotas),
    without("alter.log.dirs.replication.quota.window.size.seconds", from(kInt, 1), "1", kNoQuotas),
    refused("client.quota.callback.class", kClass, kUnset, "", kNoClasses),
    without("controller.quota.window.num", from(kInt, 1), "11", kNoQuotas),
    without("controller.quota.window.size.seconds", from(kInt, 1), "1", kNoQuotas),
    reloadable(without("follower.replication.throttled.rate", from(kLong, 0), kForeverText, kNoQuotas)),
    reloadable(without("leader.replication.throttled.rate", from(kLong, 0), kForeverText, kNoQuotas)),
    reloadable(without("max.connection.creation.rate", from(kInt, 0), "2147483647", kNoQuotas)),
    reloadable(without("max.connections.per.ip", from(kInt, 0), "2147483647", kNoQuotas)),
    reloadable(without("max.connections.per.ip.overrides", kString, "", kNoQuotas)),
    without("quota.window.num", from(kInt, 1), "11", kNoQuotas),
    without("quota.window.size.seconds", from(kInt, 1), "1", kNoQuotas),
    reloadable(without("replica.alter.log.dirs.io.max.bytes.per.second", from(kLong, 0), kForeverText, kNoQuotas)),
    without("replication.quota.window.num", from(kInt, 1), "11", kNoQuotas),
    without("replication.quota.window.size.seconds", from(kInt, 1), "1", kNoQuotas),
};

constexpr SettingRow kThreads[] = {
    reloadable(without("background.threads", from(kInt, 1), "10", kOwnThreads)),
    without("delete.records.purgatory.purge.interval.requests", kInt, "1", kNoPurgatory),
    without("fetch.purgatory.purge.interval.requests", kInt, "1000", kNoPurgatory),
    without("max.incremental.fetch.session.cache.slots", from(kInt, 0), "1000", kNoSessions),
    reloadable(without("num.io.threads", from(kInt, 1), "8", kOwnThreads)),
    reloadable(without("num.network.threads", from(kInt, 1), "3", kOwnThreads)),
    reloadable(without("num.recovery.threads.per.data.dir", from(kInt, 1), "2", kOwnThreads)),
    without("producer.purgatory.purge.interval.requests", kInt, "1000", kNoPurgatory),
    without("queued.max.request.bytes", kLong, "-1", kOwnThreads),
    without("queued.max.requests", from(kInt, 1), "500", kOwnThreads),
    // -1 leaves it to the operating system; Kafka's default for both buffers is 102400.
    without("socket.listen.backlog.size", from(kInt, 1), "50", kOwnSockets, &S::socket_listen_backlog_size),
    without("socket.receive.buffer.bytes", from(kInt, -1), "-1", kOwnSockets, &S::socket_receive_buffer_bytes),
    without("socket.send.buffer.bytes", from(kInt, -1), "-1", kOwnSockets, &S::socket_send_buffer_bytes),
};

constexpr SettingRow kMetrics[] = {
    without("kafka.metrics.polling.interval.secs", from(kInt, 1), "10", kNoMetrics),
    without("kafka.metrics.reporters", kList, "", kNoMetrics),
    reloadable(without("metric.reporters", kList, "org.apache.kafka.common.metrics.JmxReporter", kNoMetrics)),
    without("metrics.num.samples", from(kInt, 1), "2", kNoMetrics),
    without("metrics.recording.level", kString, "INFO", kNoMetrics),
    without("metrics.sample.window.ms", from(kLong, 1), "30000", kNoMetrics),
    without("telemetry.max.bytes", from(kInt, 1), "1048576", kNoMetrics),
};

constexpr SettingRow kTiered[] = {
    reloadable(without("follower.fetch.last.tiered.offset.enable", kBoolean, "false", kNoTieredStorage)),
    reloadable(
        without("log.local.retention.bytes", from(kLong, -2), "-2", kNoTieredStorage, &S::log_local_retention_bytes)),
    reloadable(without("log.local.retention.ms", from(kLong, -2), "-2", kNoTieredStorage, &S::log_local_retention_ms)),
    reloadable(
        without("log.remote.copy.lag.bytes", from(kLong, -1), "-1", kNoTieredStorage, &S::log_remote_copy_lag_bytes)),
    reloadable(without("log.remote.copy.lag.ms", from(kLong, -1), "0", kNoTieredStorage, &S::log_remote_copy_lag_ms)),
    reloadable(without("remote.fetch.max.wait.ms", from(kInt, 1), "500", kNoTieredStorage)),
    reloadable(without("remote.list.offsets.request.timeout.ms", from(kLong, 1), "30000", kNoTieredStorage)),
    reloadable(without("remote.log.index.file.cache.total.size.bytes", from(kLong, 1), "1073741824", kNoTieredStorage)),
    without("remote.log.index.file.cache.ttl.ms", from(kLong, -1), "900000", kNoTieredStorage),
    reloadable(without("remote.log.manager.copier.thread.pool.size", from(kInt, 1), "10", kNoTieredStorage)),
    reloadable(without("remote.log.manager.copy.max.bytes.per.second", from(kLong, 1), kForeverText, kNoTieredStorage)),
    without("remote.log.manager.copy.quota.window.num", from(kInt, 1), "11", kNoTieredStorage),
    without("remote.log.manager.copy.quota.window.size.seconds", from(kInt, 1), "1", kNoTieredStorage),
    reloadable(without("remote.log.manager.expiration.thread.pool.size", from(kInt, 1), "10", kNoTieredStorage)),
    reloadable(
        without("remote.log.manager.fetch.max.bytes.per.second", from(kLong, 1), kForeverText, kNoTieredStorage)),
    without("remote.log.manager.fetch.quota.window.num", from(kInt, 1), "11", kNoTieredStorage),
    without("remote.log.manager.fetch.quota.window.size.seconds", from(kInt, 1), "1", kNoTieredStorage),
    reloadable(without("remote.log.manager.follower.thread.pool.size", from(kInt, 1), "2", kNoTieredStorage)),
    without("remote.log.manager.task.interval.ms", from(kLong, 1), "30000", kNoTieredStorage),
    without("remote.log.manager.task.retry.backoff.max.ms", from(kLong, 1), "30000", kNoTieredStorage),
    without("remote.log.manager.task.retry.backoff.ms", from(kLong, 1), "500", kNoTieredStorage),
    without("remote.log.manager.task.retry.jitter", kDouble, "0.2", kNoTieredStorage),
    without("remote.log.manager.thread.pool.size", from(kInt, 1), "2", kNoTieredStorage),
    without("remote.log.metadata.custom.metadata.max.bytes", from(kInt, 0), "128", kNoTieredStorage),
    without("remote.log.metadata.manager.class.name", kString,
            "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", kNoTieredStorage),
    without("remote.log.metadata.manager.class.path", kString, kUnset, kNoTieredStorage),
    without("remote.log.metadata.manager.impl.prefix", kString, "rlmm.config.", kNoTieredStorage),
    without("remote.log.metadata.manager.listener.name", kString, kUnset, kNoTieredStorage),
    without("remote.log.reader.max.pending.tasks", from(kInt, 1), "100", kNoTieredStorage),
    reloadable(without("remote.log.reader.threads", from(kInt, 1), "10", kNoTieredStorage)),
    without("remote.log.storage.manager.class.name", kString, kUnset, kNoTieredStorage),
    without("remote.log.storage.manager.class.path", kString, kUnset, kNoTieredStorage),
    without("remote.log.storage.manager.impl.prefix", kString, "rsm.config.", kNoTieredStorage),
    refused("remote.log.storage.system.enable", kBoolean, "false", "false", kNoTieredStorage),
};

constexpr SettingRow kSecurity[] = {
    refused("allow.everyone.if.no.acl.found", kBoolean, kUnset, "true", kNoAuthorizer),
    refused("authorizer.class.name", kString, "", "", kNoAuthorizer),
    without("connection.failed.authentication.delay.ms", from(kInt, 0), "100", kNoLogin),
    without("connections.max.reauth.ms", kLong, "0", kNoLogin),
    without("delegation.token.expiry.check.interval.ms", from(kLong, 1), "3600000", kNoLogin),
    without("delegation.token.expiry.time.ms", from(kLong, 1), "86400000", kNoLogin),
    without("delegation.token.max.lifetime.ms", from(kLong, 1), "604800000", kNoLogin),
    without("delegation.token.secret.key", kPassword, kUnset, kNoLogin),
    without("early.start.listeners", kList, kUnset, kNoAuthorizer),
    without("listener.name.*", kString, kUnset, kOneListener),
    reloadable(refused("principal.builder.class", kClass,
                       "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
                       "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", kNoClasses)),
    without("sasl.client.callback.handler.class", kClass, kUnset, kNoLogin),
    reloadable(without("sasl.enabled.mechanisms", kList, "GSSAPI", kNoLogin)),
    reloadable(without("sasl.jaas.config", kPassword, kUnset, kNoLogin)),
    reloadable(without("sasl.kerberos.kinit.cmd", kString, "/usr/bin/kinit", kNoLogin)),
    reloadable(without("sasl.kerberos.min.time.before.relogin", kLong, "60000", kNoLogin)),
    reloadable(without("sasl.kerberos.principal.to.local.rules", kList, "DEFAULT", kNoLogin)),
    reloadable(without("sasl.kerberos.service.name", kString, kUnset, kNoLogin)),
    reloadable(without("sasl.kerberos.ticket.renew.jitter", kDouble, "0.05", kNoLogin)),
    reloadable(without("sasl.kerberos.ticket.renew.window.factor", kDouble, "0.8", kNoLogin)),
    without("sasl.login.callback.handler.class", kClass, kUnset, kNoLogin),
    without("sasl.login.class", kClass, kUnset, kNoLogin),
    without("sasl.login.connect.timeout.ms", kInt, kUnset, kNoLogin),
    without("sasl.login.read.timeout.ms", kInt, kUnset, kNoLogin),
    reloadable(without("sasl.login.refresh.buffer.seconds", kShort, "300", kNoLogin)),
    reloadable(without("sasl.login.refresh.min.period.seconds", kShort, "60", kNoLogin)),
    reloadable(without("sasl.login.refresh.window.factor", kDouble, "0.8", kNoLogin)),
    reloadable(without("sasl.login.refresh.window.jitter", kDouble, "0.05", kNoLogin)),
    without("sasl.login.retry.backoff.max.ms", kLong, "10000", kNoLogin),
    without("sasl.login.retry.backoff.ms", kLong, "100", kNoLogin),
    without("sasl.mechanism.controller.protocol", kString, "GSSAPI", kNoLogin),
    reloadable(without("sasl.mechanism.inter.broker.protocol", kString, "GSSAPI", kNoLogin)),
    without("sasl.oauthbearer.allow.unverified.audience", kBoolean, "false", kNoLogin),
    without("sasl.oauthbearer.allow.unverified.issuer", kBoolean, "false", kNoLogin),
    without("sasl.oauthbearer.assertion.algorithm", choice(kString, "ES256|RS256", true), "RS256", kNoLogin),
    without("sasl.oauthbearer.assertion.claim.aud", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.claim.exp.seconds", from(kInt, 0, 86400), "300", kNoLogin),
    without("sasl.oauthbearer.assertion.claim.iss", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.claim.jti.include", kBoolean, "false", kNoLogin),
    without("sasl.oauthbearer.assertion.claim.nbf.seconds", from(kInt, 0, 3600), "60", kNoLogin),
    without("sasl.oauthbearer.assertion.claim.sub", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.file", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.private.key.file", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.private.key.passphrase", kPassword, kUnset, kNoLogin),
    without("sasl.oauthbearer.assertion.template.file", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.client.credentials.client.id", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.client.credentials.client.secret", kPassword, kUnset, kNoLogin),
    without("sasl.oauthbearer.clock.skew.seconds", kInt, "30", kNoLogin),
    without("sasl.oauthbearer.expected.audience", kList, "", kNoLogin),
    without("sasl.oauthbearer.expected.issuer", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.jwks.endpoint.refresh.ms", kLong, "3600000", kNoLogin),
    without("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", kLong, "10000", kNoLogin),
    without("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", kLong, "100", kNoLogin),
    without("sasl.oauthbearer.jwks.endpoint.url", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.jwt.retriever.class", kClass,
            "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", kNoLogin),
    without("sasl.oauthbearer.jwt.validator.class", kClass,
            "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", kNoLogin),
    without("sasl.oauthbearer.scope", kString, kUnset, kNoLogin),
    without("sasl.oauthbearer.scope.claim.name", kString, "scope", kNoLogin),
    without("sasl.oauthbearer.sub.claim.name", kString, "sub", kNoLogin),
    without("sasl.oauthbearer.token.endpoint.url", kString, kUnset, kNoLogin),
    without("sasl.server.callback.handler.class", kClass, kUnset, kNoLogin),
    without("sasl.server.max.receive.size", kInt, "524288", kNoLogin),
    refused("security.inter.broker.protocol", choice(kString, "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL"), "PLAINTEXT",
            "PLAINTEXT", kNoTls),
    without("security.providers", kString, kUnset, kNoClasses),
    without("ssl.allow.dn.changes", kBoolean, "false", kNoTls),
    without("ssl.allow.san.changes", kBoolean, "false", kNoTls),
    reloadable(without("ssl.cipher.suites", kList, "", kNoTls)),
    reloadable(refused("ssl.client.auth", choice(kString, "required|requested|none"), "none", "none", kNoTls)),
    reloadable(without("ssl.enabled.protocols", kList, "TLSv1.2,TLSv1.3", kNoTls)),
    reloadable(without("ssl.endpoint.identification.algorithm", kString, "https", kNoTls)),
    reloadable(without("ssl.engine.factory.class", kClass, kUnset, kNoTls)),
    reloadable(without("ssl.key.password", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.keymanager.algorithm", kString, "SunX509", kNoTls)),
    reloadable(without("ssl.keystore.certificate.chain", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.keystore.key", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.keystore.location", kString, kUnset, kNoTls)),
    reloadable(without("ssl.keystore.password", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.keystore.type", kString, "JKS", kNoTls)),
    without("ssl.principal.mapping.rules", kString, "DEFAULT", kNoTls),
    reloadable(without("ssl.protocol", kString, "TLSv1.3", kNoTls)),
    reloadable(without("ssl.provider", kString, kUnset, kNoTls)),
    reloadable(without("ssl.secure.random.implementation", kString, kUnset, kNoTls)),
    reloadable(without("ssl.trustmanager.algorithm", kString, "PKIX", kNoTls)),
    reloadable(without("ssl.truststore.certificates", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.truststore.location", kString, kUnset, kNoTls)),
    reloadable(without("ssl.truststore.password", kPassword, kUnset, kNoTls)),
    reloadable(without("ssl.truststore.type", kString, "JKS", kNoTls)),
    refused("super.users", kString, "", "", kNoAuthorizer),
};

constexpr SettingRow kOther[] = {
    refused("alter.config.policy.class.name", kClass, kUnset, "", kNoClasses),
    reloadable(refused("config.providers", kList, "", "", kNoClasses)),
    refused("create.topic.policy.class.name", kClass, kUnset, "", kNoClasses),
    without("max.request.partition.size.limit", from(kInt, 1), "2000", kNoDescribePartitions),
    without("server.max.startup.time.ms", from(kLong, 0), kForeverText, kNoStartupLimit),
    without("unstable.api.versions.enable", kBoolean, "false", kNoUnstable),
    without("unstable.feature.versions.enable", kBoolean, "false", kNoUnstable),
};

constexpr SettingRow kGone4[] = {
    without("broker.id.generation.enable", kBoolean, kUnset, kGone),
    without("control.plane.listener.name", kString, kUnset, kGone),
    without("controlled.shutdown.max.retries", kInt, kUnset, kGone),
    without("controlled.shutdown.retry.backoff.ms", kLong, kUnset, kGone),
    without("delegation.token.master.key", kPassword, kUnset, kGone),
    without("inter.broker.protocol.version", kString, kUnset, kGone),
    without("leader.imbalance.per.broker.percentage", kInt, kUnset, kGone),
    without("log.message.downconversion.enable", kBoolean, kUnset, kGone),
    without("log.message.format.version", kString, kUnset, kGone),
    without("log.message.timestamp.difference.max.ms", kLong, kUnset, kGone),
    without("offsets.commit.required.acks", kShort, kUnset, kGone),
    without("password.encoder.*", kString, kUnset, kGone),
    without("reserved.broker.max.id", kInt, kUnset, kGone),
    without("zookeeper.*", kString, kUnset, kGone),
    refused("zookeeper.connect", kString, kUnset, "", kNoZooKeeper),
};

constexpr SettingSection kWithoutEffect[] = {
    {"Compaction, flushing, files", kCompaction},
    {"Replication", kReplication},
    {"Controllers and the metadata log", kController},
    {"Consumer, share and streams groups", kGroups},
    {"Transactions and producers", kTransactions},
    {"Quotas", kQuotas},
    {"Threads, queues, sockets and caches", kThreads},
    {"Metrics", kMetrics},
    {"Tiered storage", kTiered},
    {"TLS, logins and permissions", kSecurity},
    {"Plug-ins and the rest", kOther},
    {"Gone since Kafka 4.0", kGone4},
};

}  // namespace

std::span<const SettingSection> kafka_settings_without_effect() {
  return kWithoutEffect;
}

}  // namespace weir::config
