#include "metadata/snapshot.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kafka_metadata_log.h"
#include "kafka_snapshot.h"
#include "metadata/image_records.h"
#include "metadata/log_replay.h"
#include "metadata/record_framing.h"
#include "protocol/metadata_frame.h"
#include "random_image.h"
#include "support/seed.h"

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

std::shared_ptr<const Image> image_of_log(std::string_view hex) {
  const auto bytes = from_hex(hex);
  LogReplay replay;
  for (ByteView log(bytes); !log.empty();) {
    const auto size = record::BatchHeader::read(log.data()).size_bytes();
    EXPECT_TRUE(replay.add_batch(log.first(size)).has_value());
    log = log.subspan(size);
  }
  return replay.finish().image;
}

// Kafka writes a broker's features in no order.
Bytes with_features_in_order(ByteView value) {
  auto decoded = protocol::decode_metadata_record(value);
  EXPECT_TRUE(decoded.has_value());
  if (auto* broker = std::get_if<protocol::RegisterBrokerRecord>(&decoded->record)) {
    std::ranges::sort(broker->features, {}, [](const auto& feature) { return feature.name; });
  }
  return *protocol::encode_metadata_record(decoded->record, decoded->version);
}

std::vector<Bytes> records_in(ByteView snapshot) {
  std::vector<Bytes> values;
  while (!snapshot.empty()) {
    const auto size = record::BatchHeader::read(snapshot.data()).size_bytes();
    EXPECT_TRUE(visit_batch(snapshot.first(size), [&values](const LogEntry& entry) -> Result<void> {
                  if (!entry.is_control) values.push_back(with_features_in_order(entry.value));
                  return {};
                }).has_value());
    snapshot = snapshot.subspan(size);
  }
  std::ranges::sort(values);
  return values;
}

Bytes encoded(const Image& image) {
  return *encode_snapshot(image, 5, 6);
}

TEST(SnapshotName, IsKafkas) {
  const SnapshotId id{Offset(107), LeaderEpoch(3)};
  EXPECT_EQ(snapshot_file_name(id), "00000000000000000107-0000000003.checkpoint");
  EXPECT_EQ(parse_snapshot_file_name(snapshot_file_name(id)), id);
  for (const auto* name :
       {"", "bootstrap.checkpoint", "00000000000000000107-0000000003.checkpoint.part",
        "00000000000000000107-0000000003.checkpoint.deleted", "0000000000000000010x-0000000003.checkpoint",
        "00000000000000000107_0000000003.checkpoint", "99999999999999999999-0000000003.checkpoint",
        "00000000000000000107-9999999999.checkpoint", "00000000000000000107.log"}) {
    EXPECT_EQ(parse_snapshot_file_name(name), std::nullopt) << name;
  }
}

// Goal: what Kafka made of its own log, and what is made of it here, are the same image.
TEST(KafkaSnapshot, EqualsTheLogThatItStandsFor) {
  const auto from_log = image_of_log(kSnapshottedLogHex);
  const auto id = snapshot_id_of(*from_log);
  EXPECT_EQ(snapshot_file_name(id), "00000000000000000031-0000000001.checkpoint");
  const auto from_snapshot = read_snapshot(from_hex(kKafkaSnapshotHex), id);
  ASSERT_TRUE(from_snapshot.has_value()) << to_string(from_snapshot.error());
  EXPECT_TRUE(**from_snapshot == *from_log);
  EXPECT_EQ((*from_snapshot)->kraft_version, 1);
  EXPECT_EQ((*from_snapshot)->topic_count(), 1u);
}

// Goal: ours holds the very records that Kafka's holds, and the same head.
TEST(KafkaSnapshot, IsWrittenAgainWithTheSameRecords) {
  const auto kafkas = from_hex(kKafkaSnapshotHex);
  const auto ours = encoded(*image_of_log(kSnapshottedLogHex));
  EXPECT_EQ(records_in(ours), records_in(kafkas));
  EXPECT_EQ(ours.size(), kafkas.size());
  EXPECT_EQ(record::BatchHeader::read(ours.data()).records_count,
            record::BatchHeader::read(kafkas.data()).records_count);
}

// Goal: no record type is lost, at any level that is understood. Method: images by chance, through records and through
// whole snapshots.
TEST(Snapshot, GivesTheImageBack) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  SeededRandom random(seed);
  for (int round = 0; round < 60; ++round) {
    for (const std::int16_t level : std::initializer_list<std::int16_t>{7, 8, 13, 17, 22, 23, 29, 30, 33}) {
      const auto image = RandomImage(random, level).draw();
      const auto bytes = encode_snapshot(*image, 5, 6);
      ASSERT_TRUE(bytes.has_value()) << to_string(bytes.error());
      const auto read = read_snapshot(*bytes, snapshot_id_of(*image));
      ASSERT_TRUE(read.has_value()) << to_string(read.error());
      Image expected = *image;
      if (expected.kraft_version == 0) expected.voters.clear();  // a static quorum has none in its log
      ASSERT_TRUE(**read == expected) << "level " << level;
      ASSERT_EQ(encoded(**read), encoded(*image));
    }
  }
}

TEST(Snapshot, OfAnImageWithoutALevelIsRefused) {
  EXPECT_EQ(encode_snapshot(Image{}, 0, 0).error().code, Errc::kInvalidArgument);
}

TEST(Snapshot, LargerThanABatchIsSeveral) {
  ImageBuilder builder(one_broker());
  for (int i = 0; i < 300; ++i) {
    const auto record = topic_config(fmt::format("t{}", i), "k", std::string(32'000, 'v'));
    ASSERT_TRUE(builder.apply(record, *encode_record(record, kLevel)).has_value());
  }
  builder.advance(Offset(9), LeaderEpoch(1));
  const auto image = builder.finish();
  const auto bytes = encoded(*image);
  EXPECT_GT(bytes.size(), kBatchBytesMax);
  const auto read = read_snapshot(bytes, snapshot_id_of(*image));
  ASSERT_TRUE(read.has_value()) << to_string(read.error());
  EXPECT_TRUE(**read == *image);
}

// Goal: a snapshot that was cut is never taken for a whole one.
TEST(DamagedSnapshot, CutAnywhereIsRefused) {
  const auto whole = from_hex(kKafkaSnapshotHex);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_snapshot(ByteView(whole).first(size), {Offset(31), LeaderEpoch(1)});
    ASSERT_FALSE(read.has_value()) << size;
    ASSERT_EQ(read.error().code, Errc::kCorrupt) << size;
  }
}

// Goal: one changed byte is noticed, or changes nothing. Which are not noticed: the epochs of the batches, which lie
// outside their checksums and are not read.
TEST(DamagedSnapshot, AnyByteChangedIsRefusedOrTellsTheSame) {
  const auto whole = from_hex(kKafkaSnapshotHex);
  const SnapshotId id{Offset(31), LeaderEpoch(1)};
  const auto intact = *read_snapshot(whole, id);
  int unnoticed = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const std::uint8_t flip : std::initializer_list<std::uint8_t>{0x01, 0x80, 0xff}) {
      auto changed = whole;
      changed[at] ^= flip;
      const auto read = read_snapshot(changed, id);
      if (!read) {
        ASSERT_TRUE(read.error().code == Errc::kCorrupt || read.error().code == Errc::kUnsupported) << at;
        continue;
      }
      ++unnoticed;
      ASSERT_TRUE(**read == *intact) << at;
    }
  }
  EXPECT_EQ(unnoticed, 3 * 4 * 3);  // three batches
}

TEST(DamagedSnapshot, WithSomethingBehindItsFooterIsRefused) {
  auto twice = from_hex(kKafkaSnapshotHex);
  const auto whole = twice;
  twice.insert(twice.end(), whole.begin(), whole.end());
  EXPECT_EQ(read_snapshot(twice, {Offset(31), LeaderEpoch(1)}).error().code, Errc::kCorrupt);
}

TEST(Snapshot, OfTypesThatNobodyKnowsIsUnsupported) {
  protocol::WireWriter writer;
  protocol::begin_metadata_frame(writer, 99, 0);
  const std::vector<Bytes> values = {writer.finish_bytes()};
  auto bytes = *frame_snapshot_head(0, 0, {}, {.base_offset = Offset(0), .epoch = LeaderEpoch(1)});
  const auto body = *frame_records(values, {.base_offset = Offset(1), .epoch = LeaderEpoch(1)});
  const auto footer = *frame_snapshot_footer({.base_offset = Offset(2), .epoch = LeaderEpoch(1)});
  bytes.insert(bytes.end(), body.begin(), body.end());
  bytes.insert(bytes.end(), footer.begin(), footer.end());
  EXPECT_EQ(read_snapshot(bytes, {Offset(5), LeaderEpoch(1)}).error().code, Errc::kUnsupported);
  EXPECT_EQ(read_bootstrap(bytes).error().code, Errc::kUnsupported);
}

TEST(Bootstrap, GivesItsRecords) {
  const auto bootstrap = read_bootstrap(from_hex(kKafkaSnapshotHex));
  ASSERT_TRUE(bootstrap.has_value()) << to_string(bootstrap.error());
  EXPECT_EQ(bootstrap->records.size(), 17u);
  EXPECT_EQ(bootstrap->kraft_version, 1);
  EXPECT_FALSE(bootstrap->voters.empty());
  EXPECT_EQ(read_bootstrap({}).error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace weir::metadata
