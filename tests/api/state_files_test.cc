// Every state file cut off at, and garbled in, every byte: the broker starts with the right data, or what it does not
// serve is named together with the file and its repair. No record is gone from the disk either way.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "api/requests.h"
#include "base/log.h"
#include "protocol/schema/22_init_producer_id.h"
#include "support/seed.h"

namespace weir::api {
namespace {

using storage::Path;
using test::make_batch;
using test::MemoryFs;
using test::TestBroker;

constexpr int kBatchCount = 12;

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

class StateFiles : public testing::TestWithParam<bool> {
 protected:
  StateFiles() : fs_(std::make_shared<MemoryFs>()) { set_log_level(LogLevel::kError); }
  ~StateFiles() override { set_log_level(LogLevel::kInfo); }

  // Two runs of a broker, so that there are two epochs, and one producer whose batches both runs took.
  void make_directory(bool clean) {
    ProducerId id;
    for (int run = 0; run < 2; ++run) {
      TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = fs_});
      if (run == 0) {
        create_topic(broker, "t");
        protocol::InitProducerIdRequest request;
        request.transaction_timeout_ms = 60'000;
        id = broker.call(request, 4).producer_id;
      }
      for (int i = run * kBatchCount / 2; i < (run + 1) * kBatchCount / 2; ++i) {
        test::BatchSpec spec;
        spec.count = 3;
        spec.options.producer_id = id;
        spec.options.producer_epoch = ProducerEpoch(0);
        spec.options.base_sequence = 3 * i;
        ASSERT_EQ(produce(broker, "t", make_batch(spec)).error_code, ErrorCode::kNone);
      }
      broker.advance(Millis{2000});  // a checkpoint
      if (run == 0 || clean) broker.stop();
    }
    data_ = fetch_all();
    size_ = segment_bytes_below(*fs_, "/weir");
  }
  Bytes fetch_all() {
    TestBroker broker({.fs = fs_->after_power_cut(test::PowerCut::kKeep, 0)});
    const auto response = broker.call(fetch_request("t", 0), kFetchByName);
    return bytes_of(response.responses.at(0).partitions.at(0).records);
  }
  // Starts on a copy of the directory in which `path` holds `content`.
  void expect_sound(const Path& path, const Bytes& content, const std::string& how) {
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
        EXPECT_NE(why.find(path.filename().string()), std::string::npos) << where << ": " << why;
      } else if (const auto reasons = (*started)->broker().unready_reasons(); !reasons.empty()) {
        ++refused_;
        EXPECT_NE(reasons[0].find(path.filename().string()), std::string::npos) << where << ": " << reasons[0];
        EXPECT_NE(reasons[0].find("repair"), std::string::npos) << where << ": " << reasons[0];
      } else {
        ++served_;
        const auto row = (*started)->call(fetch_request("t", 0), kFetchByName).responses.at(0).partitions.at(0);
        EXPECT_EQ(row.error_code, ErrorCode::kNone) << where;
        EXPECT_EQ(bytes_of(row.records), data_) << where;
      }
    }
    EXPECT_GE(segment_bytes_below(*copy, "/weir"), size_) << where;
  }
  void garble_everywhere(const Path& path) {
    std::mt19937_64 random(seed_);
    const auto whole = content_of(*fs_, path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      expect_sound(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)),
                   fmt::format("cut at {}", at));
      auto garbled = whole;
      garbled[at] = static_cast<std::uint8_t>(garbled[at] ^ (1 + random() % 255));
      expect_sound(path, garbled, fmt::format("garbled at {}", at));
    }
    fmt::print("{}: {} starts served everything, {} refused\n", path.string(), served_, refused_);
  }

  std::shared_ptr<MemoryFs> fs_;
  Bytes data_;
  std::uint64_t size_ = 0;
  std::uint64_t seed_ = test::draw_seed();
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
    if (!entry.name.ends_with(".log")) garble_everywhere(Path("/weir/t-0") / entry.name);
  }
  EXPECT_GT(served_, 100);
  EXPECT_GT(refused_, 10);
}

TEST_P(StateFiles, OfTheDirectory) {
  SCOPED_TRACE(test::repeat_with(seed_));
  make_directory(GetParam());
  for (const auto* name : {"recovery-point-offset-checkpoint", "replication-offset-checkpoint", "meta.properties"}) {
    garble_everywhere(Path("/weir") / name);
  }
  EXPECT_GT(served_, 10);
  EXPECT_GT(refused_, 10);
}

}  // namespace
}  // namespace weir::api
