// The last batch of a log, cut at every byte: what follows the cut is missing, zeros, what an earlier write had left
// there, or noise. The batches before it stay; of the torn one nothing is kept unless all of it is there.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string_view>
#include <variant>

#include "base/log.h"
#include "storage/log.h"
#include "storage/segment_names.h"
#include "support/batch_factory.h"
#include "support/manual_clock.h"
#include "support/memory_fs.h"
#include "support/seed.h"

namespace weir::test {
namespace {

using storage::Log;
using storage::LogOpenOptions;
using storage::OpenMode;

const storage::Path kDirectory = "/t-0";
const storage::Path kLogFile = kDirectory / storage::segment_file_name(Offset{0}, storage::kLogSuffix);
constexpr int kBatchesBefore = 3;
constexpr std::int32_t kRecordCount = 12;

enum class Fill { kNothing, kZeros, kOldBytes, kNoise };
constexpr std::array kFills = {Fill::kNothing, Fill::kZeros, Fill::kOldBytes, Fill::kNoise};
constexpr std::array<std::string_view, 4> kFillNames = {"nothing", "zeros", "old bytes", "noise"};

Bytes batch_at(Offset offset, Codec codec, std::int64_t timestamp_ms, std::size_t value_bytes) {
  BatchSpec spec;
  spec.count = kRecordCount;
  spec.base_timestamp_ms = timestamp_ms;
  spec.timestamp_step_ms = 7919;  // something that does not compress away
  spec.value_bytes = value_bytes;
  spec.options.codec = codec;
  spec.options.base_offset = offset;
  spec.options.leader_epoch = LeaderEpoch{0};
  return make_batch(spec);
}

Bytes content_of(const Log& log) {
  const auto read = log.view()->read_copy(log.log_start(), log.log_end(), kMiB);
  EXPECT_TRUE(read.has_value()) << to_string(read.error());
  return read ? read->bytes : Bytes();
}

class TornTail : public testing::TestWithParam<Codec> {
 protected:
  TornTail() { set_log_level(LogLevel::kError); }
  ~TornTail() override { set_log_level(LogLevel::kInfo); }

  Result<std::unique_ptr<Log>> open(MemoryFs& fs) {
    LogOpenOptions options;
    options.recovery_point = Offset{kRecordCount};  // the first batch is below the floor, the others are judged
    return Log::open(fs, clock_, random_, kDirectory, {}, options);
  }

  static void append_and_flush(Log& log, const Bytes& batch) {
    ASSERT_TRUE(log.append(batch, record::BatchHeader::read(batch.data())).has_value());
    const auto job = log.begin_flush();
    ASSERT_TRUE(log.complete_flush(job, storage::run_flush(job)).has_value());
  }

  // What the log must hold on `tail`: everything before it, and a batch only if every byte of it is there.
  static ByteView kept_of(ByteView tail, const Bytes& last, const Bytes& old) {
    for (const auto* whole : {&last, &old}) {
      if (tail.size() >= whole->size() && std::ranges::equal(tail.first(whole->size()), *whole)) return *whole;
    }
    return {};
  }

  void expect_recovered(const MemoryFs& disk, ByteView before, ByteView tail, const Bytes& last, const Bytes& old);

  ManualClock clock_;
  SeededRandom random_{1};
};

void TornTail::expect_recovered(const MemoryFs& disk, ByteView before, ByteView tail, const Bytes& last,
                                const Bytes& old) {
  const auto fs = disk.after_power_cut(PowerCut::kKeep, 0);
  {
    auto file = fs->open(kLogFile, OpenMode::kReadWrite);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->truncate(before.size() + tail.size()).has_value());
    ASSERT_TRUE((*file)->pwritev({&tail, 1}, before.size()).has_value());
    ASSERT_TRUE((*file)->datasync().has_value());
  }
  Bytes expected(before.begin(), before.end());
  const auto kept = kept_of(tail, last, old);
  expected.insert(expected.end(), kept.begin(), kept.end());
  {
    auto log = open(*fs);
    ASSERT_TRUE(log.has_value()) << to_string(log.error());
    ASSERT_TRUE((*log)->recovery().damaged.empty());
    ASSERT_EQ(content_of(**log), expected);
    const auto next = make_stored_batch((*log)->log_end(), {"goes on"});
    append_and_flush(**log, next);
    expected.insert(expected.end(), next.begin(), next.end());
    ASSERT_EQ(content_of(**log), expected);
  }
  const auto again = fs->after_power_cut(PowerCut::kDrop, 0);
  auto log = open(*again);
  ASSERT_TRUE(log.has_value()) << to_string(log.error());
  ASSERT_EQ(content_of(**log), expected) << "after power was lost once more";
}

TEST_P(TornTail, EveryByteOfTheLastBatchCut) {
  const auto seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  std::mt19937_64 random(seed);
  MemoryFs disk;
  Bytes before;
  Offset end{0};
  {
    auto log = open(disk);
    ASSERT_TRUE(log.has_value()) << to_string(log.error());
    for (int i = 0; i < kBatchesBefore; ++i) {
      const auto batch = batch_at((*log)->log_end(), GetParam(), 1'700'000'000'000 + i, 30);
      append_and_flush(**log, batch);
      before.insert(before.end(), batch.begin(), batch.end());
    }
    end = (*log)->log_end();
  }
  const auto last = batch_at(end, GetParam(), 1'700'000'100'000, 60);
  // What was here before a restart had cut it off: another batch at the same offset.
  auto old = batch_at(end, GetParam(), 1'700'000'200'000, 20);
  ASSERT_NE(old.size(), last.size());

  std::uint64_t recoveries = 0;
  std::uint64_t kept_count = 0;
  for (std::size_t cut = 0; cut <= last.size(); ++cut) {
    for (const auto fill : kFills) {
      auto tail = last;
      for (auto i = cut; i < tail.size(); ++i) {
        switch (fill) {
          case Fill::kNothing: break;
          case Fill::kZeros: tail[i] = 0; break;
          case Fill::kOldBytes: tail[i] = i < old.size() ? old[i] : old[i % old.size()]; break;
          case Fill::kNoise: tail[i] = static_cast<std::uint8_t>(random()); break;
        }
      }
      if (fill == Fill::kNothing) tail.resize(cut);
      ++recoveries;
      if (!kept_of(tail, last, old).empty()) ++kept_count;
      expect_recovered(disk, before, tail, last, old);
      ASSERT_FALSE(HasFatalFailure()) << "cut at byte " << cut << " of " << last.size() << ", then "
                                      << kFillNames[static_cast<std::size_t>(fill)];
    }
  }
  fmt::print("{}: {} bytes, {} recoveries and as many after another cut; {} tails were whole\n", to_string(GetParam()),
             last.size(), recoveries, kept_count);
  EXPECT_GE(kept_count, kFills.size());
  EXPECT_LT(kept_count, recoveries / 10);
}

INSTANTIATE_TEST_SUITE_P(, TornTail,
                         testing::Values(Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd),
                         [](const auto& codec) { return std::string(to_string(codec.param)); });

}  // namespace
}  // namespace weir::test
