// Segments of the metadata log on their way out: whatever fails, those on disk follow each other without a hole.
#include "broker/metadata_log_on_storage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "record/batch_header.h"
#include "support/batch_factory.h"
#include "support/fault_fs.h"
#include "support/manual_clock.h"
#include "support/memory_fs.h"

namespace weir::broker {
namespace {

const storage::Path kLog = "/log";

class RunAtOnce final : public Helpers {
 public:
  void run(Work work) override { work(); }
};

class MetadataSegments : public testing::Test {
 protected:
  // A log of one batch a segment, the last one active.
  void SetUp() override {
    storage::LogSettings settings;
    settings.segment_bytes = 100;
    auto log = storage::Log::open(faults_, clock_, random_, kLog, settings, {});
    ASSERT_TRUE(log.has_value()) << to_string(log.error());
    for (int i = 0; i < 5; ++i) {
      auto batch = test::make_batch({"a change of metadata"});
      record::stamp_batch(batch, (*log)->log_end(), LeaderEpoch(0));
      ASSERT_TRUE((*log)->append(batch, record::BatchHeader::read(batch.data())).has_value());
      const auto job = (*log)->begin_flush();
      ASSERT_TRUE((*log)->complete_flush(job, storage::run_flush(job)).has_value());
    }
    log_ = std::make_shared<MetadataLogOnStorage>(shard_, helpers_, faults_, *std::move(log));
    ASSERT_EQ(segments_on_disk(), (std::vector<int>{0, 1, 2, 3, 4}));
  }
  void release_before(int offset) {
    log_->release_before(Offset(offset));
    shard_.step();
  }
  std::vector<int> segments_on_disk() {
    std::vector<int> bases;
    const auto entries = memory_.list(kLog);
    for (const auto& entry : *entries) {
      if (entry.name.ends_with(".log")) bases.push_back(std::stoi(entry.name));
    }
    std::ranges::sort(bases);
    return bases;
  }

  ManualClock clock_;
  SeededRandom random_{1};
  test::MemoryFs memory_;
  test::FaultFs faults_{memory_, 1};
  Shard shard_{0, clock_};
  RunAtOnce helpers_;
  std::shared_ptr<MetadataLogOnStorage> log_;
};

TEST_F(MetadataSegments, GoWithTheNextReleaseWhenTheyCouldNotGo) {
  faults_.fail_next("rename", EIO);
  release_before(2);
  ASSERT_TRUE(faults_.fired());
  // A rename that fails may have been done; none past it was tried.
  EXPECT_TRUE(std::ranges::includes(segments_on_disk(), std::vector<int>{1, 2, 3, 4}));
  release_before(3);
  EXPECT_EQ(segments_on_disk(), (std::vector<int>{3, 4}));
}

// The second one fails after it lost its name: what is left of it is no hole.
TEST_F(MetadataSegments, AreNotGoneTwice) {
  release_before(1);
  faults_.fail_next("unlink", EIO);
  release_before(3);
  ASSERT_TRUE(faults_.fired());
  EXPECT_EQ(segments_on_disk(), (std::vector<int>{2, 3, 4}));
  release_before(4);
  EXPECT_EQ(segments_on_disk(), (std::vector<int>{4}));
}

TEST_F(MetadataSegments, AreDurablyWithoutTheirNamesOneAfterTheOther) {
  std::vector<std::string> calls;
  faults_.on_call = [&](std::uint64_t, const char* name, const storage::Path& path) {
    const std::string call = name;
    if (call == "sync_directory") calls.push_back(call);
    if ((call == "rename" || call == "unlink") && path.native().find(".log") != std::string::npos) {
      calls.push_back(call + " " + std::to_string(std::stoi(path.filename().string())));
    }
  };
  release_before(2);
  EXPECT_EQ(calls, (std::vector<std::string>{"rename 0", "sync_directory", "unlink 0", "rename 1", "sync_directory",
                                             "unlink 1"}));
}

}  // namespace
}  // namespace weir::broker
