#include "protocol/schema/metadata_record.h"

#include <gtest/gtest.h>

#include "protocol/metadata_frame.h"

namespace weir::protocol {
namespace {

TEST(MetadataRecord, HasFrameTypeAndVersionInFrontOfItsBody) {
  const TopicRecord topic{.name = "ab", .topic_id = Uuid{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}};
  const Bytes expected{1, 2, 0, 3, 'a', 'b', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0};
  EXPECT_EQ(encode_metadata_record(topic, 0), expected);
  EXPECT_EQ(encode_metadata(topic, 0), expected);

  const Result<VersionedRecord> record = decode_metadata_record(expected);
  ASSERT_TRUE(record.has_value()) << to_string(record.error());
  EXPECT_EQ(record->version, 0);
  ASSERT_TRUE(std::holds_alternative<TopicRecord>(record->record));
  EXPECT_TRUE(std::get<TopicRecord>(record->record) == topic);
  EXPECT_EQ(metadata_record_name(record->record), "TopicRecord");
}

TEST(MetadataRecord, KeepsTheVersionItWasWrittenIn) {
  const PartitionRecord partition{.partition_id = PartitionIndex{4},
                                  .replicas = {NodeId{1}},
                                  .isr = {NodeId{1}},
                                  .leader = NodeId{1},
                                  .leader_epoch = LeaderEpoch{8},
                                  .directories = {Uuid{{7}}}};
  for (const Version version : {Version{1}, Version{2}}) {
    const Result<Bytes> value = encode_metadata_record(partition, version);
    ASSERT_TRUE(value.has_value()) << to_string(value.error());
    const Result<VersionedRecord> record = decode_metadata_record(*value);
    ASSERT_TRUE(record.has_value()) << to_string(record.error());
    EXPECT_EQ(record->version, version);
    EXPECT_TRUE(std::get<PartitionRecord>(record->record) == partition);
  }
  EXPECT_EQ(encode_metadata_record(partition, 0).error().code, Errc::kInvalidArgument);  // directories since 1
  EXPECT_EQ(encode_metadata_record(partition, 3).error().code, Errc::kUnsupported);
}

TEST(MetadataRecord, RefusesWhatKafkaHasNot) {
  EXPECT_EQ(decode_metadata_record(Bytes{2, 20, 0, 0}).error().code, Errc::kUnsupported);  // frame version 2
  EXPECT_EQ(decode_metadata_record(Bytes{0, 20, 0, 0}).error().code, Errc::kUnsupported);
  EXPECT_EQ(decode_metadata_record(Bytes{1, 6, 0, 0}).error().code, Errc::kUnsupported);   // no such record type
  EXPECT_EQ(decode_metadata_record(Bytes{1, 20, 1, 0}).error().code, Errc::kUnsupported);  // no such record version
  EXPECT_EQ(decode_metadata_record(Bytes{1, 20, 0xff, 0xff, 0x7f, 0}).error().code, Errc::kCorrupt);
  EXPECT_TRUE(decode_metadata_record(Bytes{1, 20, 0, 0}).has_value());
}

TEST(MetadataRecord, RefusesCutsAndBytesBehindItsBody) {
  const Bytes value = *encode_metadata_record(FeatureLevelRecord{.name = "metadata.version", .feature_level = 30}, 0);
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_EQ(decode_metadata_record(ByteView(value).first(size)).error().code, Errc::kCorrupt) << size;
  }
  Bytes longer = value;
  longer.push_back(0);
  EXPECT_EQ(decode_metadata_record(longer).error().code, Errc::kCorrupt);
}

TEST(MetadataRecord, PrintsWithItsKafkaNames) {
  const ConfigRecord config{.resource_type = 2, .resource_name = "t", .name = "retention.ms", .value = std::nullopt};
  EXPECT_EQ(metadata_record_to_json(config, 0),
            R"({"resourceType":2,"resourceName":"t","name":"retention.ms","value":null})");
}

}  // namespace
}  // namespace weir::protocol
