#include "metadata/metadata_loader.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "image_fixture.h"
#include "memory_metadata_log.h"
#include "memory_snapshot_store.h"
#include "metadata/record_framing.h"
#include "protocol/metadata_frame.h"

namespace weir::metadata {
namespace {

// A log of one record a batch: the level at 0, then topics "t1", "t2", ... at 1, 2, ...; with snapshots where asked.
class Directory {
 public:
  explicit Directory(std::int32_t batch_count) {
    for (std::int32_t i = 0; i < batch_count; ++i) {
      const auto record = i == 0 ? feature(std::string(kMetadataVersionFeature), kLevel)
                                 : topic_record(fmt::format("t{}", i), uuid_of(static_cast<std::uint8_t>(i)));
      const std::vector<Bytes> values = {*encode_record(record, kLevel)};
      log.batches.push_back(
          *frame_records(values, {.base_offset = Offset(i), .epoch = LeaderEpoch(1), .timestamp_ms = 100 + i}));
    }
  }

  SnapshotId snapshot_at(std::int64_t end) {
    LogReplay replay;
    for (const auto& batch : log.batches) {
      if (record::BatchHeader::read(batch.data()).base_offset < Offset(end)) {
        EXPECT_TRUE(replay.add_batch(batch).has_value());
      }
    }
    const auto image = replay.finish().image;
    const auto id = snapshot_id_of(*image);
    store.files[id] = *encode_snapshot(*image, 0, 0);
    return id;
  }
  void drop_log_before(std::int64_t offset) {
    std::erase_if(log.batches, [offset](const Bytes& batch) {
      return record::BatchHeader::read(batch.data()).base_offset < Offset(offset);
    });
  }
  void damage(const SnapshotId& id) { store.files.at(id).back() ^= 1; }
  Result<LoadedMetadata> load() { return load_metadata(log, store); }

  MemoryMetadataLog log;
  MemorySnapshotStore store;
};

std::size_t topic_count(Result<LoadedMetadata>& loaded) {
  return loaded->replay.finish().image->topic_count();
}

TEST(MetadataLoader, ReadsTheLogAfterTheNewestSnapshot) {
  Directory directory(10);
  const auto older = directory.snapshot_at(4);
  const auto newest = directory.snapshot_at(7);
  const auto whole = directory.load()->replay.finish();
  for (const int trimmed : {0, 3, 7}) {
    directory.drop_log_before(trimmed);
    auto loaded = directory.load();
    ASSERT_TRUE(loaded.has_value()) << to_string(loaded.error());
    const auto replayed = loaded->replay.finish();
    EXPECT_TRUE(*replayed.image == *whole.image) << trimmed;
    EXPECT_EQ(replayed.next_offset, Offset(10));
    EXPECT_EQ(replayed.last_epoch, LeaderEpoch(1));
    EXPECT_EQ(replayed.last_timestamp_ms, 109);
    EXPECT_EQ(loaded->snapshots, (std::vector<SnapshotId>{older, newest}));
    EXPECT_TRUE(loaded->damaged.empty());
    EXPECT_EQ(loaded->bytes_after_snapshot,
              directory.log.batches.back().size() + 2 * directory.log.batches[directory.log.batches.size() - 2].size());
  }
}

TEST(MetadataLoader, ASnapshotAloneIsEnough) {
  Directory directory(10);
  directory.snapshot_at(10);
  auto loaded = directory.load();
  ASSERT_TRUE(loaded.has_value()) << to_string(loaded.error());
  EXPECT_EQ(topic_count(loaded), 9u);
  EXPECT_EQ(loaded->bytes_after_snapshot, 0u);
  EXPECT_EQ(loaded->replay.finish().last_epoch, LeaderEpoch(1));
}

TEST(MetadataLoader, ADamagedSnapshotIsPassedOver) {
  Directory directory(10);
  const auto older = directory.snapshot_at(4);
  const auto newest = directory.snapshot_at(7);
  directory.damage(newest);
  auto loaded = directory.load();
  ASSERT_TRUE(loaded.has_value()) << to_string(loaded.error());
  EXPECT_EQ(topic_count(loaded), 9u);
  EXPECT_EQ(loaded->snapshots, std::vector<SnapshotId>{older});
  EXPECT_EQ(loaded->damaged, std::vector<SnapshotId>{newest});

  directory.damage(older);
  auto from_log = directory.load();
  ASSERT_TRUE(from_log.has_value()) << to_string(from_log.error());
  EXPECT_EQ(topic_count(from_log), 9u);
  EXPECT_TRUE(from_log->snapshots.empty());
}

TEST(MetadataLoader, RefusesALogWhoseBeginningNothingCovers) {
  Directory directory(10);
  directory.snapshot_at(4);
  const auto newest = directory.snapshot_at(7);
  directory.drop_log_before(5);
  directory.damage(newest);
  const auto refused = directory.load();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kCorrupt);
  EXPECT_NE(refused.error().context.find(directory.store.name_of(newest)), std::string::npos)
      << refused.error().context;
  EXPECT_EQ(directory.store.files.size(), 2u);

  directory.store.files.clear();
  EXPECT_EQ(directory.load().error().code, Errc::kCorrupt);
}

TEST(MetadataLoader, RefusesASnapshotFromBeyondTheLog) {
  Directory directory(10);
  const auto id = directory.snapshot_at(9);
  directory.log.batches.resize(6);
  const auto refused = directory.load();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kCorrupt);
  EXPECT_NE(refused.error().context.find(directory.store.name_of(id)), std::string::npos) << refused.error().context;
}

// Goal: an older snapshot is no way around what a newer one says in words that are not known here.
TEST(MetadataLoader, AnUnknownRecordTypeInASnapshotRefuses) {
  Directory directory(10);
  directory.snapshot_at(4);
  protocol::WireWriter writer;
  protocol::begin_metadata_frame(writer, 99, 0);
  const std::vector<Bytes> values = {writer.finish_bytes()};
  auto bytes = *frame_snapshot_head(0, 0, {}, {.base_offset = Offset(0), .epoch = LeaderEpoch(1)});
  for (const auto& batch : {*frame_records(values, {.base_offset = Offset(1), .epoch = LeaderEpoch(1)}),
                            *frame_snapshot_footer({.base_offset = Offset(2), .epoch = LeaderEpoch(1)})}) {
    bytes.insert(bytes.end(), batch.begin(), batch.end());
  }
  const SnapshotId id{Offset(7), LeaderEpoch(1)};
  directory.store.files[id] = bytes;
  const auto refused = directory.load();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kUnsupported);
  EXPECT_NE(refused.error().context.find(directory.store.name_of(id)), std::string::npos) << refused.error().context;
}

TEST(MetadataLoader, ReadsTheBootstrapFileOfAClusterThatHasNotBegun) {
  Directory begun(3);
  const auto image =
      apply_all(nullptr, {feature(std::string(kMetadataVersionFeature), 33), feature("group.version", 1)});
  const auto file = *encode_snapshot(*image, 0, 0);
  begun.store.bootstrap = file;
  EXPECT_TRUE(begun.load()->bootstrap.empty());

  Directory formatted(0);
  EXPECT_TRUE(formatted.load()->bootstrap.empty());
  formatted.store.bootstrap = file;
  EXPECT_EQ(formatted.load()->bootstrap.size(), 2u);
  formatted.store.bootstrap->pop_back();
  const auto refused = formatted.load();
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().context.find("bootstrap.checkpoint"), std::string::npos);

  // Kafka 4.4 keeps them in a snapshot of offset 0, whose records it does not take for the log's either.
  Directory newer(0);
  newer.store.files[{Offset(0), LeaderEpoch(0)}] = file;
  auto loaded = newer.load();
  ASSERT_TRUE(loaded.has_value()) << to_string(loaded.error());
  EXPECT_EQ(loaded->bootstrap.size(), 2u);
  EXPECT_EQ(loaded->replay.finish().image->metadata_version(), 0);  // until they are in the log
  EXPECT_EQ(loaded->replay.finish().next_offset, Offset(0));

  newer.store.files.begin()->second.pop_back();
  const auto cut = newer.load();
  ASSERT_FALSE(cut.has_value());
  EXPECT_NE(cut.error().context.find("0000000000.checkpoint"), std::string::npos) << cut.error().context;

  // Once the log has begun, they are in it.
  Directory old(3);
  old.store.files[{Offset(0), LeaderEpoch(0)}] = file;
  auto later = old.load();
  ASSERT_TRUE(later.has_value()) << to_string(later.error());
  EXPECT_TRUE(later->bootstrap.empty());
  EXPECT_EQ(later->replay.finish().image->metadata_version(), kLevel);
}

}  // namespace
}  // namespace weir::metadata
