// Every state file cut off at, and garbled in, every byte, and made to say something else that is well-formed: the
// broker starts with the right data, or what it does not serve is named together with the file and its repair. No
// record is gone from the disk either way.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "api/requests.h"
#include "base/log.h"
#include "protocol/schema/02_list_offsets.h"
#include "protocol/schema/22_init_producer_id.h"
#include "storage/checkpoint_copy.h"
#include "support/seed.h"

namespace weir::api {
namespace {

using storage::Path;
using test::make_batch;
using test::MemoryFs;
using test::TestBroker;

constexpr int kBatchCount = 12;
constexpr int kRecordsPerBatch = 3;
constexpr Millis kRetention{3'600'000};
constexpr Millis kFirstRetentionRound{31'000};
const Path kRoot = "/weir";
const Path kCopy = kRoot / storage::kCheckpointCopyFile;

Bytes content_of(MemoryFs& fs, const Path& path) {
  auto content = storage::read_whole_file(fs, path, kMiB);
  EXPECT_TRUE(content.has_value()) << to_string(content.error());
  return *std::move(content);
}

// The bytes of all segments below `directory`, whatever they are called by now.
std::uint64_t segment_bytes_below(MemoryFs& fs, const Path& directory) {
  std::uint64_t size = 0;
  const auto entries = fs.list(directory);
  for (const auto& entry : *entries) {
    if (entry.is_directory && entry.name != "__cluster_metadata-0") {
      size += segment_bytes_below(fs, directory / entry.name);
    } else if (entry.name.find(".log") != std::string::npos) {
      size += content_of(fs, directory / entry.name).size();
    }
  }
  return size;
}

void put(MemoryFs& fs, const Path& path, ByteView content) {
  EXPECT_TRUE(storage::write_file_atomically(fs, path, content).has_value());
}

std::int64_t earliest(TestBroker& broker) {
  protocol::ListOffsetsRequest request;
  request.replica_id = NodeId(-1);
  request.topics.push_back({.name = "t", .partitions = {{.partition_index = PartitionIndex(0), .timestamp = -2}}});
  return broker.call(request, 6).topics.at(0).partitions.at(0).offset.value();
}

class StateFiles : public testing::TestWithParam<bool> {
 protected:
  StateFiles() : fs_(std::make_shared<MemoryFs>()) { set_log_level(LogLevel::kError); }
  ~StateFiles() override { set_log_level(LogLevel::kInfo); }

  // Two runs of a broker, so that there are two epochs, and one producer whose batches both runs took. If asked to,
  // the log starts behind those of the first run.
  void make_directory(bool clean, bool moves_start = false) {
    ProducerId id;
    for (int run = 0; run < 2; ++run) {
      TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs_});
      if (run == 0) {
        create_topic(broker, "t", 1, {{"retention.ms", std::to_string(kRetention.count())}});
        protocol::InitProducerIdRequest request;
        request.transaction_timeout_ms = 60'000;
        id = broker.call(request, 4).producer_id;
      }
      for (int i = run * kBatchCount / 2; i < (run + 1) * kBatchCount / 2; ++i) {
        test::BatchSpec spec;
        spec.count = kRecordsPerBatch;
        spec.base_timestamp_ms = broker.clock().wall_ms();
        spec.options.producer_id = id;
        spec.options.producer_epoch = ProducerEpoch(0);
        spec.options.base_sequence = kRecordsPerBatch * i;
        ASSERT_EQ(produce(broker, "t", make_batch(spec)).error_code, ErrorCode::kNone);
      }
      if (run == 0 && moves_start) {
        broker.advance(2 * kRetention);
        start_ = kRecordsPerBatch * kBatchCount / 2;
        ASSERT_EQ(earliest(broker), start_);
      }
      broker.advance(Millis{2000});  // a checkpoint
      if (run == 0 || clean) broker.stop();
    }
    data_ = fetch_all();
    size_ = segment_bytes_below(*fs_, "/weir");
  }
  Bytes fetch_all() {
    TestBroker broker({.fs = fs_->after_power_cut(test::PowerCut::kKeep, 0)});
    const auto response = broker.call(fetch_request("t", start_), kFetchByName);
    return bytes_of(response.responses.at(0).partitions.at(0).records);
  }
  // Starts on a copy of the directory in which `path` holds `content`. A refusal has to name that file.
  void expect_sound(const Path& path, const Bytes& content, const std::string& how) {
    expect_sound(path, content, how, path.filename().string());
  }
  void expect_sound(const Path& path, const Bytes& content, const std::string& how, const std::string& named) {
    std::shared_ptr<MemoryFs> copy = fs_->after_power_cut(test::PowerCut::kKeep, 0);
    auto file = copy->open(path, storage::OpenMode::kReadWrite);
    ASSERT_TRUE(file.has_value());
    const ByteView view = content;
    ASSERT_TRUE((*file)->truncate(0).has_value());
    if (!content.empty()) ASSERT_TRUE((*file)->pwritev({&view, 1}, 0).has_value());
    file->reset();
    const auto where = path.string() + " " + how;
    {
      const auto started = TestBroker::try_start({.fs = copy});
      if (!started) {
        ++refused_;
        const auto why = to_string(started.error());
        EXPECT_NE(why.find(named), std::string::npos) << where << ": " << why;
      } else if (const auto reasons = (*started)->broker().unready_reasons(); !reasons.empty()) {
        ++refused_;
        EXPECT_NE(reasons[0].find(named), std::string::npos) << where << ": " << reasons[0];
        EXPECT_NE(reasons[0].find("repair"), std::string::npos) << where << ": " << reasons[0];
      } else {
        ++served_;
        if (runs_retention_) (*started)->advance(kFirstRetentionRound);
        const auto row = (*started)->call(fetch_request("t", start_), kFetchByName).responses.at(0).partitions.at(0);
        EXPECT_EQ(row.error_code, ErrorCode::kNone) << where;
        EXPECT_EQ(bytes_of(row.records), data_) << where;
        EXPECT_EQ(earliest(**started), start_) << where;
      }
    }
    EXPECT_GE(segment_bytes_below(*copy, "/weir"), size_) << where;
  }
  void cut_everywhere(const Path& path) {
    const auto whole = content_of(*fs_, path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      expect_sound(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)),
                   fmt::format("cut at {}", at));
    }
  }
  void garble_everywhere(const Path& path) { garble_everywhere(path, path.filename().string()); }
  void garble_everywhere(const Path& path, const std::string& named) {
    const auto whole = content_of(*fs_, path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      auto garbled = whole;
      garbled[at] = static_cast<std::uint8_t>(garbled[at] ^ (1 + random_() % 255));
      expect_sound(path, garbled, fmt::format("garbled at {}", at), named);
    }
  }
  void damage_everywhere(const Path& path) {
    cut_everywhere(path);
    garble_everywhere(path);
    fmt::print("{}: {} starts served everything, {} refused\n", path.string(), served_, refused_);
  }

  std::shared_ptr<MemoryFs> fs_;
  Bytes data_;
  std::uint64_t size_ = 0;
  std::int64_t start_ = 0;
  std::uint64_t seed_ = test::draw_seed();
  std::mt19937_64 random_{seed_};
  bool runs_retention_ = false;  // once, in whatever has started
  int served_ = 0;
  int refused_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, StateFiles, testing::Bool(),
                         [](const auto& run) { return run.param ? "CleanStop" : "Killed"; });

TEST_P(StateFiles, OfThePartition) {
  SCOPED_TRACE(test::repeat_with(seed_));
  make_directory(GetParam());
  ASSERT_FALSE(data_.empty());
  const auto entries = fs_->list("/weir/t-0");
  ASSERT_TRUE(entries.has_value());
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".log")) damage_everywhere(Path("/weir/t-0") / entry.name);
  }
  EXPECT_GT(served_, 100);
  EXPECT_GT(refused_, 10);
}

TEST_P(StateFiles, OfTheDirectory) {
  SCOPED_TRACE(test::repeat_with(seed_));
  make_directory(GetParam(), true);
  damage_everywhere(kRoot / "meta.properties");
  EXPECT_GT(refused_, 10);
  refused_ = 0;
  for (const auto name : {storage::kRecoveryPointFile, storage::kLogStartFile, storage::kHighWatermarkFile,
                          storage::kCheckpointCopyFile}) {
    damage_everywhere(kRoot / name);
  }
  EXPECT_EQ(refused_, 0) << "each is there twice";
  EXPECT_GT(served_, 100);
}

// Goal: what Kafka's checkpoints say instead, well-formed as it may be, neither hides a record nor deletes one, nor is
// taken for what is durable.
TEST_P(StateFiles, CheckpointsThatSayAnotherNumber) {
  make_directory(GetParam(), true);
  runs_retention_ = true;
  const auto end = start_ + kRecordsPerBatch * kBatchCount / 2;
  for (const auto name : {storage::kRecoveryPointFile, storage::kLogStartFile, storage::kHighWatermarkFile}) {
    for (const auto offset : {std::int64_t{0}, std::int64_t{1}, start_ - 1, start_, start_ + 1, start_ + 3, end - 1,
                              end, end + 1, std::int64_t{1} << 60}) {
      const auto text = fmt::format("0\n1\nt 0 {}\n", offset);
      expect_sound(kRoot / name, Bytes(as_bytes(text).begin(), as_bytes(text).end()), fmt::format("says {}", offset));
    }
    for (const std::string_view text : {"0\n0\n", "0\n1\nu 0 18\n", "0\n1\nt 1 18\n", "0\n2\nt 0 30\nt 1 30\n"}) {
      expect_sound(kRoot / name, Bytes(as_bytes(text).begin(), as_bytes(text).end()), fmt::format("is {}", text));
    }
  }
  EXPECT_EQ(refused_, 0);
}

// Kafka's files alone, as in a directory that Weir has not written before.
TEST_P(StateFiles, CheckpointsWithoutTheCopy) {
  SCOPED_TRACE(test::repeat_with(seed_));
  make_directory(GetParam(), true);
  ASSERT_TRUE(fs_->unlink(kCopy).has_value());
  damage_everywhere(kRoot / storage::kRecoveryPointFile);
  damage_everywhere(kRoot / storage::kHighWatermarkFile);
  cut_everywhere(kRoot / storage::kLogStartFile);  // which other number was meant nobody can tell
  EXPECT_GT(served_, 10);
  EXPECT_GT(refused_, 10);
}

TEST_P(StateFiles, ADamagedCopyBesideADamagedFile) {
  SCOPED_TRACE(test::repeat_with(seed_));
  make_directory(GetParam(), true);
  for (const auto name : {storage::kRecoveryPointFile, storage::kLogStartFile, storage::kHighWatermarkFile}) {
    const auto whole = content_of(*fs_, kRoot / name);
    put(*fs_, kRoot / name, as_bytes("0\n1\nt 0 x\n"));
    served_ = refused_ = 0;
    garble_everywhere(kCopy, std::string(name));
    // With one replica nobody needs the high watermark.
    EXPECT_EQ(name == storage::kHighWatermarkFile ? refused_ : served_, 0) << name;
    put(*fs_, kRoot / name, whole);
  }
}

}  // namespace
}  // namespace weir::api
