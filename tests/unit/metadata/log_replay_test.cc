#include "metadata/log_replay.h"

#include <gtest/gtest.h>

#include "image_fixture.h"
#include "kafka_metadata_log.h"
#include "metadata/record_framing.h"
#include "protocol/metadata_frame.h"

namespace weir::metadata {
namespace {

Bytes from_hex(std::string_view hex) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

// The log of a test: batches appended one after the other in epoch 1.
class Replayer {
 public:
  Result<void> add(const Records& records, LeaderEpoch epoch = LeaderEpoch(1)) {
    std::vector<Bytes> values;
    for (const auto& record : records) values.push_back(*encode_record(record, kLevel));
    return add_values(values, epoch);
  }
  Result<void> add_values(const std::vector<Bytes>& values, LeaderEpoch epoch = LeaderEpoch(1)) {
    const auto batch = frame_records(values, {.base_offset = next, .epoch = epoch, .timestamp_ms = 1});
    const auto added = replay.add_batch(*batch);
    if (added) next += static_cast<std::int64_t>(values.size());
    return added;
  }

  LogReplay replay;
  Offset next{0};
};

ReplayedLog replay_kafka_log(ByteView log, LogReplay& replay) {
  while (!log.empty()) {
    const auto size = record::BatchHeader::read(log.data()).size_bytes();
    const auto added = replay.add_batch(log.first(size));
    EXPECT_TRUE(added.has_value()) << to_string(added.error());
    log = log.subspan(size);
  }
  return replay.finish();
}

// Goal: what Kafka's own log says is in the image, record by record.
TEST(KafkaMetadataLog, IsUnderstoodWhole) {
  const auto bytes = from_hex(kKafkaMetadataLogHex);
  LogReplay replay;
  const auto log = replay_kafka_log(bytes, replay);
  EXPECT_EQ(log.next_offset, Offset(47));
  EXPECT_EQ(log.last_epoch, LeaderEpoch(2));
  EXPECT_FALSE(log.open_transaction);
  const auto& image = *log.image;
  EXPECT_EQ(image.offset, Offset(46));
  EXPECT_EQ(image.epoch, LeaderEpoch(2));
  EXPECT_EQ(image.kraft_version, 1);
  EXPECT_FALSE(image.voters.empty());
  EXPECT_EQ(image.metadata_version(), 30);
  EXPECT_EQ(image.feature_level("transaction.version"), 2);
  EXPECT_EQ(image.features.size(), 6u);
  EXPECT_EQ(image.next_producer_id, 1000);

  EXPECT_EQ(image.topic_count(), 1u);
  const auto orders = image.topic("orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_EQ(orders->id.to_string(), "G86jZb7vR46B9JNZNIsFNA");
  EXPECT_EQ(*orders->configs, (ConfigMap{{"cleanup.policy", "compact"}, {"segment.ms", "600000"}}));
  ASSERT_EQ(orders->partition_count(), 4);
  for (const auto& partition : orders->partitions) {
    EXPECT_EQ(partition->leader, kNoLeader);  // given up by the clean stop
    EXPECT_EQ(partition->leader_epoch, LeaderEpoch(1));
    EXPECT_EQ(partition->partition_epoch, 1);
    EXPECT_TRUE(partition->isr.empty());
    EXPECT_EQ(partition->eligible_leader_replicas, std::vector<NodeId>{NodeId(1)});
    EXPECT_EQ(partition->directory_of(NodeId(1))->to_string(), "MaNg_8IlSgu9ztztN1KX7Q");
  }

  const auto broker = image.broker(NodeId(1));
  ASSERT_NE(broker, nullptr);
  EXPECT_EQ(broker->epoch, 19);
  EXPECT_TRUE(broker->fenced);
  EXPECT_TRUE(broker->in_controlled_shutdown);
  ASSERT_NE(broker->endpoint("PLAINTEXT"), nullptr);
  EXPECT_EQ(broker->endpoint("PLAINTEXT")->port, 29092);
  EXPECT_EQ(broker->log_dirs.size(), 1u);
  EXPECT_EQ(broker->cordoned_log_dirs, std::vector<Uuid>{});

  EXPECT_EQ(*image.configs(ConfigResourceType::kBroker, ""),
            (ConfigMap{{"log.cleaner.threads", "2"}, {"min.insync.replicas", "1"}}));
  EXPECT_EQ(*image.configs(ConfigResourceType::kBroker, "1"), (ConfigMap{{"background.threads", "11"}}));
  EXPECT_EQ(*image.configs(ConfigResourceType::kClientMetrics, "sub"), (ConfigMap{{"interval.ms", "1000"}}));
  EXPECT_EQ(image.kept_record_count(protocol::AccessControlEntryRecord::record_type), 1u);
  EXPECT_EQ(image.kept_record_count(protocol::UserScramCredentialRecord::record_type), 1u);
  EXPECT_EQ(image.kept_record_count(protocol::ClientQuotaRecord::record_type), 1u);
  EXPECT_EQ(image.kept_record_count(protocol::RegisterControllerRecord::record_type), 1u);
}

// Goal: a record written here has the bytes that Kafka wrote.
TEST(KafkaMetadataLog, IsWrittenAgainWithTheSameBytes) {
  const auto bytes = from_hex(kKafkaMetadataLogHex);
  ByteView log(bytes);
  int count = 0;
  while (!log.empty()) {
    const auto header = record::BatchHeader::read(log.data());
    std::vector<Bytes> values;
    bool control = false;
    const auto visited = visit_batch(log.first(header.size_bytes()), [&](const LogEntry& entry) -> Result<void> {
      control = entry.is_control;
      if (control) return {};
      const auto record = protocol::decode_metadata_record(entry.value);
      EXPECT_TRUE(record.has_value());
      EXPECT_EQ(record_version(record->record, 30), record->version) << protocol::metadata_record_name(record->record);
      values.push_back(*encode_record(record->record, 30));
      ++count;
      return {};
    });
    ASSERT_TRUE(visited.has_value()) << to_string(visited.error());
    if (!control) {
      const auto again = frame_records(
          values,
          {.base_offset = header.base_offset, .epoch = header.leader_epoch, .timestamp_ms = header.base_timestamp});
      const auto original = log.first(header.size_bytes());
      EXPECT_EQ(*again, Bytes(original.begin(), original.end())) << "batch at " << header.base_offset.value();
    }
    log = log.subspan(header.size_bytes());
  }
  EXPECT_EQ(count, 43);
}

TEST(LogReplay, AnEmptyLogIsAnEmptyImage) {
  LogReplay replay;
  const auto log = replay.finish();
  EXPECT_EQ(log.next_offset, Offset(0));
  EXPECT_EQ(log.last_epoch, LeaderEpoch(0));
  EXPECT_TRUE(*log.image == Image{});
}

TEST(LogReplay, ATransactionCountsOnceItHasEnded) {
  Replayer open;
  ASSERT_TRUE(open.add({feature("metadata.version", 30), topic_record("kept", uuid_of(1))}));
  ASSERT_TRUE(open.add({protocol::BeginTransactionRecord{}, topic_record("a", uuid_of(2))}));
  ASSERT_TRUE(open.add({topic_record("b", uuid_of(3))}));
  const auto cut = open.replay.finish();
  EXPECT_TRUE(cut.open_transaction);
  EXPECT_EQ(cut.next_offset, Offset(5));
  EXPECT_EQ(cut.image->offset, Offset(4));
  EXPECT_EQ(cut.image->topic_count(), 1u);
  ASSERT_TRUE(open.add({protocol::AbortTransactionRecord{}, topic_record("c", uuid_of(4))}));
  const auto aborted = open.replay.finish();
  EXPECT_FALSE(aborted.open_transaction);
  EXPECT_EQ(aborted.image->topic_count(), 2u);
  EXPECT_NE(aborted.image->topic("c"), nullptr);

  Replayer given_up;
  ASSERT_TRUE(given_up.add({protocol::BeginTransactionRecord{}, topic_record("a", uuid_of(2))}));
  ASSERT_TRUE(given_up.add({protocol::AbortTransactionRecord{}, topic_record("b", uuid_of(3))}));
  const auto without = given_up.replay.finish();
  EXPECT_EQ(without.image->topic_count(), 1u);
  EXPECT_EQ(without.image->offset, Offset(3));
  EXPECT_NE(without.image->topic("b"), nullptr);

  Replayer ended;
  ASSERT_TRUE(ended.add({protocol::BeginTransactionRecord{}, topic_record("a", uuid_of(2))}));
  ASSERT_TRUE(ended.add({topic_record("b", uuid_of(3)), protocol::EndTransactionRecord{}}));
  EXPECT_EQ(ended.replay.finish().image->topic_count(), 2u);
}

TEST(LogReplay, RefusesWhatDoesNotGoOn) {
  Replayer log;
  ASSERT_TRUE(log.add({topic_record("a", uuid_of(1))}, LeaderEpoch(5)));
  log.next = Offset(2);
  EXPECT_EQ(log.add({topic_record("b", uuid_of(2))}, LeaderEpoch(5)).error().code, Errc::kCorrupt);
  log.next = Offset(1);
  EXPECT_EQ(log.add({topic_record("b", uuid_of(2))}, LeaderEpoch(4)).error().code, Errc::kCorrupt);
  EXPECT_EQ(log.add({protocol::EndTransactionRecord{}}, LeaderEpoch(5)).error().code, Errc::kCorrupt);
}

TEST(LogReplay, RefusesUnknownTypesAndLevelsByName) {
  protocol::WireWriter writer;
  protocol::begin_metadata_frame(writer, 99, 0);
  Replayer unknown;
  const auto refused = unknown.add_values({writer.finish_bytes()});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kUnsupported);
  EXPECT_NE(refused.error().context.find("99"), std::string::npos) << refused.error().context;

  Replayer newer;
  const auto level = newer.add({feature("metadata.version", 34)});
  ASSERT_FALSE(level.has_value());
  EXPECT_EQ(level.error().code, Errc::kUnsupported);
  EXPECT_NE(level.error().context.find("34"), std::string::npos) << level.error().context;
}

}  // namespace
}  // namespace weir::metadata
