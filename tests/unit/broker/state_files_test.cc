// A broker's directory with one of its small files cut or garbled: it starts with the right data, or refuses, naming
// the file. A whole broker over the memory file system.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "metadata/image.h"
#include "metadata/record_framing.h"
#include "metadata/snapshot.h"
#include "protocol/metadata_frame.h"
#include "protocol/schema/19_create_topics.h"
#include "protocol/schema/metadata/cluster_records.h"
#include "storage/weir_stamp.h"
#include "support/test_broker.h"

namespace weir::broker {
namespace {

using test::MemoryFs;
using test::PowerCut;
using test::TestBroker;

const storage::Path kRoot = "/weir";
const storage::Path kMetadata = kRoot / "__cluster_metadata-0";

Uuid create_topic(TestBroker& broker, std::string name) {
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = std::move(name);
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  const auto row = broker.call(request, 7).topics.at(0);
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  return row.topic_id;
}

Bytes content_of(MemoryFs& fs, const storage::Path& path) {
  const auto content = storage::read_whole_file(fs, path, kMiB);
  EXPECT_TRUE(content.has_value()) << path;
  return *content;
}

void put(MemoryFs& fs, const storage::Path& path, ByteView content) {
  EXPECT_TRUE(storage::write_file_atomically(fs, path, content).has_value());
}

// All that is below `directory`.
std::map<storage::Path, Bytes> tree(MemoryFs& fs, const storage::Path& directory) {
  std::map<storage::Path, Bytes> files;
  const auto entries = *fs.list(directory);
  for (const auto& entry : entries) {
    const auto path = directory / entry.name;
    if (entry.is_directory) {
      files.merge(tree(fs, path));
    } else {
      files[path] = content_of(fs, path);
    }
  }
  return files;
}

// Adds what `make` frames at the end of the metadata log, as another process would have.
template <class Make>
void append_to_metadata_log(MemoryFs& fs, Make make) {
  const auto path = kMetadata / "00000000000000000000.log";
  auto log = content_of(fs, path);
  Offset end{0};
  for (ByteView rest(log); !rest.empty();) {
    const auto header = record::BatchHeader::read(rest.data());
    end = header.next_offset();
    rest = rest.subspan(header.size_bytes());
  }
  const Result<Bytes> batch = make(end);
  ASSERT_TRUE(batch.has_value());
  log.insert(log.end(), batch->begin(), batch->end());
  put(fs, path, log);
}

// Every prefix of `whole`, and every byte of it replaced by each of a few others.
std::vector<Bytes> damaged_forms(const Bytes& whole) {
  std::vector<Bytes> forms;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    forms.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
    for (const std::uint8_t byte : std::initializer_list<std::uint8_t>{0, '0', '9', ' ', '"', '\n', 'z', 0xff,
                                                                       static_cast<std::uint8_t>(whole[at] ^ 1)}) {
      auto changed = whole;
      changed[at] = byte;
      if (changed != whole) forms.push_back(std::move(changed));
    }
  }
  return forms;
}

class StateFiles : public testing::Test {
 protected:
  // Life one makes a cluster with a topic, stops cleanly, and leaves its directory to the test.
  explicit StateFiles(std::vector<std::string> settings = {}) : settings_(std::move(settings)) {
    TestBroker broker({.settings = settings_, .shard_count = 1, .fs = fs_});
    topic_id_ = create_topic(broker, "kept");
    cluster_id_ = broker.broker().cluster_id();
    epoch_ = broker.broker().services().image.get()->epoch;
    broker.stop();
  }

  [[nodiscard]] std::shared_ptr<MemoryFs> copy() const { return fs_->after_power_cut(PowerCut::kKeep, 1); }

  // Whether it started; what started shows the same cluster.
  bool starts_right_or_refuses(const std::shared_ptr<MemoryFs>& fs, std::string_view file) {
    const auto started = TestBroker::try_start({.settings = settings_, .shard_count = 1, .fs = fs});
    if (!started) {
      EXPECT_NE(started.error().context.find(file), std::string::npos) << started.error().context;
      why_not_ = to_string(started.error());
      return false;
    }
    auto& broker = (*started)->broker();
    const auto image = broker.services().image.get();
    EXPECT_EQ(broker.cluster_id(), cluster_id_);
    EXPECT_GT(image->epoch, epoch_);
    const auto topic = image->topic("kept");
    EXPECT_TRUE(topic != nullptr && topic->id == topic_id_);
    EXPECT_TRUE(broker.unready_reasons().empty());
    return true;
  }

  std::vector<std::string> settings_;
  std::shared_ptr<MemoryFs> fs_ = std::make_shared<MemoryFs>();
  Uuid topic_id_;
  std::string cluster_id_;
  LeaderEpoch epoch_{0};
  std::string why_not_;  // of the last one refused
};

TEST_F(StateFiles, QuorumState) {
  const auto path = kMetadata / "quorum-state";
  int started = 0;
  int refused = 0;
  for (const auto& form : damaged_forms(content_of(*fs_, path))) {
    const auto fs = copy();
    put(*fs, path, form);
    ++(starts_right_or_refuses(fs, "quorum-state") ? started : refused);
    ASSERT_FALSE(HasFailure()) << as_text(form);
  }
  EXPECT_GT(started, 50);
  EXPECT_GT(refused, 200);
}

TEST_F(StateFiles, MetaProperties) {
  const auto path = kRoot / "meta.properties";
  int refused = 0;
  for (const auto& form : damaged_forms(content_of(*fs_, path))) {
    const auto fs = copy();
    put(*fs, path, form);
    if (!starts_right_or_refuses(fs, "meta.properties")) ++refused;
    ASSERT_FALSE(HasFailure()) << as_text(form);
  }
  EXPECT_GT(refused, 500);
}

// Goal: the directory's identity as Kafka writes it, without a checksum: what places its partitions is held against the
// metadata log, and from the first start on the file has a checksum.
TEST_F(StateFiles, MetaPropertiesOfKafka) {
  const auto path = kRoot / "meta.properties";
  const auto whole = content_of(*fs_, path);
  const std::string text(as_text(whole));
  const auto plain = text.substr(text.find('\n') + 1);
  const auto fs = copy();
  put(*fs, path, as_bytes("#\n#Mon Nov 23 14:00:00 UTC 2026\n" + plain));
  EXPECT_TRUE(starts_right_or_refuses(fs, "meta.properties"));
  EXPECT_EQ(content_of(*fs, path), whole);

  auto other = plain;
  auto& character = other[other.find("directory.id=") + 15];
  character = character == 'A' ? 'B' : 'A';
  put(*fs, path, as_bytes(other));
  EXPECT_FALSE(starts_right_or_refuses(fs, "meta.properties"));
}

TEST_F(StateFiles, MetaPropertiesThatIsGoneIsNotMadeAnew) {
  const auto path = kRoot / "meta.properties";
  ASSERT_TRUE(fs_->unlink(path).has_value());
  EXPECT_FALSE(starts_right_or_refuses(fs_, "meta.properties"));
  EXPECT_FALSE(*fs_->exists(path));
}

TEST_F(StateFiles, TheMetadataLogHasItsTopicId) {
  EXPECT_EQ(as_text(content_of(*fs_, kMetadata / "partition.metadata")),
            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
}

// Goal: what is not understood refuses to start, and not one byte of the directory has changed, the mark of the clean
// stop among them. Method: a batch behind Kafka's last one, of a record type and a metadata.version that nobody knows.
TEST_F(StateFiles, WhatIsNotUnderstoodIsLeftAsItIs) {
  protocol::WireWriter writer;
  protocol::begin_metadata_frame(writer, 99, 0);
  protocol::FeatureLevelRecord newer;
  newer.name = metadata::kMetadataVersionFeature;
  newer.feature_level = metadata::kMetadataVersionMax + 1;
  for (const auto& value : {writer.finish_bytes(), *protocol::encode_metadata(newer, 0)}) {
    const auto fs = copy();
    append_to_metadata_log(*fs, [&](Offset end) {
      return metadata::frame_records({&value, 1}, {.base_offset = end, .epoch = epoch_, .timestamp_ms = 1});
    });
    const auto before = tree(*fs, kRoot);
    const auto refused = TestBroker::try_start({.settings = settings_, .shard_count = 1, .fs = fs});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::kUnsupported);
    EXPECT_TRUE(tree(*fs, kRoot) == before);
    EXPECT_TRUE(before.contains(kRoot / ".kafka_cleanshutdown"));
  }
}

// Goal: the stamp spans the epochs in which Weir led without a break, and a leader in between, Kafka, ends the span;
// only then may a checkpoint be empty.
TEST_F(StateFiles, TheStampTellsWhoseLogsTheyAre) {
  const auto stamp = [this] { return storage::parse_stamp(as_text(content_of(*fs_, kRoot / storage::kStampFile))); };
  EXPECT_EQ(stamp(), (storage::EpochSpan{LeaderEpoch(1), LeaderEpoch(1)}));
  ASSERT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
  EXPECT_EQ(stamp(), (storage::EpochSpan{LeaderEpoch(1), LeaderEpoch(2)}));

  append_to_metadata_log(*fs_, [](Offset end) {
    const NodeId self[] = {NodeId(1)};
    return metadata::frame_leader_change(NodeId(1), self, {.base_offset = end, .epoch = LeaderEpoch(3)});
  });
  put(*fs_, kRoot / storage::kRecoveryPointFile, {});
  put(*fs_, kRoot / storage::kLogStartFile, {});
  ASSERT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
  EXPECT_EQ(stamp(), (storage::EpochSpan{LeaderEpoch(4), LeaderEpoch(4)}));
  ASSERT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
  EXPECT_EQ(stamp(), (storage::EpochSpan{LeaderEpoch(4), LeaderEpoch(5)}));

  ASSERT_TRUE(fs_->unlink(kRoot / storage::kStampFile).has_value());
  ASSERT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
  EXPECT_EQ(stamp(), (storage::EpochSpan{LeaderEpoch(6), LeaderEpoch(6)}));
}

class Snapshots : public StateFiles {
 protected:
  Snapshots() : StateFiles({"metadata.log.max.record.bytes.between.snapshots=1"}) {}

  [[nodiscard]] std::vector<storage::DirectoryEntry> metadata_entries() const { return *fs_->list(kMetadata); }
  [[nodiscard]] std::vector<storage::Path> files() const {
    std::vector<storage::Path> paths;
    for (const auto& entry : metadata_entries()) {
      if (metadata::parse_snapshot_file_name(entry.name)) paths.push_back(kMetadata / entry.name);
    }
    std::ranges::sort(paths);
    return paths;
  }
};

TEST_F(Snapshots, TheLastTwoAreThere) {
  for (int life = 0; life < 3; ++life) {
    // Another life draws other topic ids.
    TestBroker broker(
        {.settings = settings_, .shard_count = 1, .fs = fs_, .seed = 2 + static_cast<std::uint64_t>(life)});
    create_topic(broker, "t" + std::to_string(life));
    broker.stop();
  }
  EXPECT_EQ(files().size(), 2u);
  EXPECT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
}

TEST_F(Snapshots, LeftoversGo) {
  for (const auto* name :
       {"00000000000000000099-0000000001.checkpoint.part", "00000000000000000001-0000000001.checkpoint.deleted"}) {
    put(*fs_, kMetadata / name, as_bytes("x"));
  }
  ASSERT_TRUE(starts_right_or_refuses(fs_, "")) << why_not_;
  for (const auto& entry : metadata_entries()) {
    EXPECT_FALSE(entry.name.ends_with(".part") || entry.name.ends_with(".deleted")) << entry.name;
  }
}

TEST_F(Snapshots, ADamagedOneIsPassedOver) {
  ASSERT_EQ(files().size(), 2u);
  const auto path = files().back();
  const auto whole = content_of(*fs_, path);
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    const auto fs = copy();
    auto changed = whole;
    changed[at] ^= 0x40;
    put(*fs, path, changed);
    EXPECT_TRUE(starts_right_or_refuses(fs, "")) << why_not_;
    put(*fs, path, ByteView(whole).first(at));
    EXPECT_TRUE(starts_right_or_refuses(fs, "")) << why_not_;
  }
}

}  // namespace
}  // namespace weir::broker
