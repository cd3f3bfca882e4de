#include "metadata/record_framing.h"

#include <gtest/gtest.h>

#include "image_fixture.h"
#include "protocol/codec.h"
#include "protocol/schema/control_records.h"
#include "record/batch_builder.h"

namespace weir::metadata {
namespace {

const BatchPlace kPlace{.base_offset = Offset(40), .epoch = LeaderEpoch(3), .timestamp_ms = 1'700'000'000'000};

std::vector<Bytes> values_of(std::size_t count, std::size_t size_bytes) {
  return std::vector<Bytes>(count, Bytes(size_bytes, 0x5a));
}

TEST(RecordFraming, ABatchGivesBackItsValues) {
  const std::vector<Bytes> values{Bytes{1, 2, 3}, Bytes{4}};
  const auto batch = frame_records(values, kPlace);
  ASSERT_TRUE(batch.has_value());
  std::vector<Bytes> seen;
  std::vector<Offset> offsets;
  const auto header = visit_batch(*batch, [&](const LogEntry& entry) -> Result<void> {
    EXPECT_FALSE(entry.is_control);
    seen.emplace_back(entry.value.begin(), entry.value.end());
    offsets.push_back(entry.offset);
    return {};
  });
  ASSERT_TRUE(header.has_value()) << to_string(header.error());
  EXPECT_EQ(seen, values);
  EXPECT_EQ(offsets, (std::vector<Offset>{Offset(40), Offset(41)}));
  EXPECT_EQ(header->leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(header->max_timestamp, kPlace.timestamp_ms);
  EXPECT_LE(batch->size(), framed_size_bytes(values));
}

TEST(RecordFraming, ControlBatchesTakeOneOffsetEach) {
  const NodeId voters[] = {NodeId(1)};
  const auto leader = frame_leader_change(NodeId(1), voters, kPlace);
  ASSERT_TRUE(leader.has_value());
  int count = 0;
  const auto header = visit_batch(*leader, [&](const LogEntry& entry) -> Result<void> {
    ++count;
    EXPECT_TRUE(entry.is_control);
    EXPECT_EQ(entry.control, record::ControlType::kLeaderChange);
    const auto message = protocol::decode_const<protocol::LeaderChangeMessage>(entry.value, 0);
    EXPECT_TRUE(message.has_value());
    EXPECT_EQ(message->leader_id, NodeId(1));
    EXPECT_EQ(message->voters.size(), 1u);
    EXPECT_EQ(message->granting_voters.size(), 1u);
    return {};
  });
  ASSERT_TRUE(header.has_value()) << to_string(header.error());
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(header->is_control());
  EXPECT_EQ(header->next_offset(), Offset(41));
}

TEST(RecordFraming, WhatDoesNotFitOneBatchGoesIntoSeveral) {
  const auto values = values_of(20, 1024 * 1024);
  EXPECT_EQ(frame_records(values, kPlace).error().code, Errc::kTooLarge);
  const auto batches = frame_in_batches(values, kPlace);
  ASSERT_TRUE(batches.has_value());
  ASSERT_EQ(batches->size(), 3u);
  Offset next = kPlace.base_offset;
  for (const auto& batch : *batches) {
    EXPECT_LE(batch.size(), kBatchBytesMax);
    const auto header = record::BatchHeader::read(batch.data());
    EXPECT_EQ(header.base_offset, next);
    next = header.next_offset();
  }
  EXPECT_EQ(next, Offset(60));
  EXPECT_TRUE(frame_in_batches({}, kPlace)->empty());
}

TEST(RecordFraming, RefusesDamagedBatchesAndForeignRecords) {
  const auto ignore = [](const LogEntry&) -> Result<void> { return {}; };
  auto batch = frame_records(values_of(2, 10), kPlace);
  ASSERT_TRUE(batch.has_value());
  for (std::size_t cut = 0; cut < batch->size(); ++cut) {
    EXPECT_FALSE(visit_batch(ByteView(*batch).first(cut), ignore).has_value()) << cut;
  }
  (*batch)[70] ^= 1;
  EXPECT_EQ(visit_batch(*batch, ignore).error().code, Errc::kCorrupt);

  const Bytes text{7};
  const auto framed = [&](bool control, bool key, bool value) {
    record::BatchOptions options;
    options.control = control;
    record::BatchBuilder builder(options);
    record::NewRecord record;
    if (key) record.key = ByteView(text);
    if (value) record.value = ByteView(text);
    builder.append(record);
    return *std::move(builder).build();
  };
  EXPECT_TRUE(visit_batch(framed(false, false, true), ignore).has_value());
  EXPECT_EQ(visit_batch(framed(false, true, true), ignore).error().code, Errc::kCorrupt);
  EXPECT_EQ(visit_batch(framed(false, false, false), ignore).error().code, Errc::kCorrupt);
  EXPECT_EQ(visit_batch(framed(true, false, true), ignore).error().code, Errc::kCorrupt);
  EXPECT_EQ(visit_batch(framed(true, true, true), ignore).error().code, Errc::kCorrupt);
}

TEST(RecordFraming, VersionsFollowTheFinalizedLevel) {
  const auto version_at = [](const Record& record, std::int16_t level) {
    const auto value = encode_record(record, level);
    EXPECT_TRUE(value.has_value());
    return protocol::decode_metadata_record(*value)->version;
  };
  EXPECT_EQ(version_at(partition_record(uuid_of(1), 0), 30), 2);
  EXPECT_EQ(version_at(partition_record(uuid_of(1), 0), 22), 1);
  EXPECT_EQ(version_at(protocol::PartitionChangeRecord{}, 33), 2);
  EXPECT_EQ(version_at(protocol::PartitionChangeRecord{}, 16), 0);
  EXPECT_EQ(version_at(broker_record(1), 30), 4);
  EXPECT_EQ(version_at(broker_record(1), 29), 3);
  EXPECT_EQ(version_at(broker_record(1, {}), 8), 2);
  EXPECT_EQ(version_at(broker_record(1, {}), 7), 1);
  EXPECT_EQ(version_at(protocol::BrokerRegistrationChangeRecord{}, 30), 0);
  protocol::BrokerRegistrationChangeRecord shutdown;
  shutdown.in_controlled_shutdown = 1;
  EXPECT_EQ(version_at(shutdown, 30), 1);
}

}  // namespace
}  // namespace weir::metadata
