// A bit flips in a segment while the broker is down, below what was durable: each header bit ahead of the area that the
// checksum covers, and others by chance. The next broker serves every batch but the damaged one, byte for byte and
// where it was acked; of that one nothing that a client with check.crcs would take for another; and it goes on at the
// end.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "api/requests.h"
#include "crash/captured_log.h"
#include "record/batch_header.h"
#include "storage/segment_names.h"
#include "support/memory_fs.h"
#include "support/sanitized.h"
#include "support/seed.h"

namespace weir::test {
namespace {

constexpr std::size_t kBytesOutsideChecksum = 21;
constexpr int kBatchCount = 24;
constexpr int kFlipsByChance = 500;
constexpr int kReadsMax = 200;
const storage::Path kLogPath = "/weir/t-0";

struct Place {
  storage::Path file;
  std::uint64_t position = 0;
  std::uint64_t size_bytes = 0;
};

struct Flip {
  Offset batch;
  std::uint64_t byte = 0;
  unsigned bit = 0;
};

enum class End { kStopped, kKilled };

class BrokerDamage : public testing::TestWithParam<End> {
 protected:
  void make_log();
  void find_places();
  // Starts on a copy in which the bit is another one.
  void expect_others(const Flip& flip);
  [[nodiscard]] std::map<Offset, Bytes> consume(TestBroker& broker, const std::string& where) const;

  CapturedLog log_;
  std::shared_ptr<MemoryFs> disk_ = std::make_shared<MemoryFs>();
  std::map<Offset, Bytes> batches_;
  std::map<Offset, Place> places_;
  Offset end_{0};
  std::uint64_t starts_ = 0;
  std::uint64_t refused_ = 0;
};

void BrokerDamage::make_log() {
  {
    TestBroker broker({.settings = {"log.flush.offset.checkpoint.interval.ms=1000"}, .fs = disk_});
    api::create_topic(broker, "t", 1, {{"segment.index.bytes", "64"}, {"index.interval.bytes", "0"}});
    for (int i = 0; i < kBatchCount; ++i) {
      BatchSpec spec;
      spec.count = 1 + i % 3;
      spec.value_bytes = 20 + 31 * static_cast<std::size_t>(i % 7);
      spec.base_timestamp_ms += 10 * i;
      ASSERT_EQ(api::produce(broker, "t", make_batch(spec)).error_code, ErrorCode::kNone);
      end_ = end_ + spec.count;
    }
    batches_ = consume(broker, "before");
    ASSERT_EQ(batches_.size(), static_cast<std::size_t>(kBatchCount));
    broker.advance(Millis{2000});  // the checkpoint says that all of it is durable
    if (GetParam() == End::kStopped) broker.stop();
  }
  disk_ = disk_->after_kill();
  find_places();
}

void BrokerDamage::find_places() {
  const auto entries = disk_->list(kLogPath);
  ASSERT_TRUE(entries.has_value());
  for (const auto& entry : *entries) {
    if (!storage::parse_segment_file_name(entry.name, storage::kLogSuffix)) continue;
    const auto content = storage::read_whole_file(*disk_, kLogPath / entry.name, kMiB);
    ASSERT_TRUE(content.has_value());
    // A killed broker leaves what it had reserved behind the last batch.
    for (std::uint64_t at = 0; at + record::kBatchHeaderBytes <= content->size();) {
      const auto header = record::BatchHeader::read(content->data() + at);
      if (!batches_.contains(header.base_offset)) break;
      const bool is_new =
          places_.try_emplace(header.base_offset, kLogPath / entry.name, at, header.size_bytes()).second;
      if (!is_new) break;
      at += header.size_bytes();
    }
  }
  ASSERT_EQ(places_.size(), batches_.size());
}

// What a client takes in that checks each batch, and steps over what it is refused or refuses itself.
std::map<Offset, Bytes> BrokerDamage::consume(TestBroker& broker, const std::string& where) const {
  std::map<Offset, Bytes> taken;
  int reads = 0;
  for (auto next = Offset{0}; next < end_; ++reads) {
    if (reads == kReadsMax) {
      ADD_FAILURE() << where << ": reading does not end";
      break;
    }
    const auto response = broker.call(api::fetch_request("t", next.value()), api::kFetchByName);
    const auto& row = response.responses.at(0).partitions.at(0);
    if (row.error_code != ErrorCode::kNone) {
      EXPECT_EQ(row.error_code, ErrorCode::kCorruptMessage) << where << ", at " << next.value();
      next = next + 1;
      continue;
    }
    EXPECT_EQ(row.high_watermark, end_) << where;
    const auto began = next;
    for (auto left = row.records.view; left.size() >= record::kBatchHeaderBytes;) {
      const auto header = record::check_batch(left);
      if (!header) break;
      const auto batch = left.first(header->size_bytes());
      taken[header->base_offset] = Bytes(batch.begin(), batch.end());
      next = std::max(next, header->next_offset());
      left = left.subspan(batch.size());
    }
    if (next == began) next = next + 1;
  }
  return taken;
}

void BrokerDamage::expect_others(const Flip& flip) {
  const auto where =
      fmt::format("flip {}: batch {}, byte {}, bit {}", ++starts_, flip.batch.value(), flip.byte, flip.bit);
  log_.begin(where);
  std::shared_ptr<MemoryFs> disk = disk_->after_kill();
  const auto& place = places_.at(flip.batch);
  {
    auto file = disk->open(place.file, storage::OpenMode::kReadWrite);
    ASSERT_TRUE(file.has_value());
    std::array<std::uint8_t, 1> value;
    ASSERT_EQ((*file)->pread(value, place.position + flip.byte).value_or(0), 1U);
    value[0] = static_cast<std::uint8_t>(value[0] ^ (1U << flip.bit));
    const ByteView view = value;
    ASSERT_TRUE((*file)->pwritev({&view, 1}, place.position + flip.byte).has_value());
    ASSERT_TRUE((*file)->datasync().has_value());
  }
  auto started = TestBroker::try_start({.fs = std::move(disk), .seed = starts_});
  ASSERT_TRUE(started.has_value()) << where << ": " << to_string(started.error());
  const auto taken = consume(**started, where);
  for (const auto& [offset, batch] : taken) {
    const auto known = batches_.find(offset);
    ASSERT_TRUE(known != batches_.end()) << where << ": a batch at " << offset.value() << " that nobody wrote";
    // What the checksum does not cover may differ in the damaged one, but neither its offset nor its records.
    ASSERT_TRUE(known->second == batch || offset == flip.batch) << where << ": another batch at " << offset.value();
  }
  for (const auto& [offset, batch] : batches_) {
    if (offset != flip.batch) ASSERT_TRUE(taken.contains(offset)) << where << ": lost the one at " << offset.value();
  }
  if (!taken.contains(flip.batch)) ++refused_;
  const auto more = api::produce(**started, "t", make_batch({"goes on"}));
  ASSERT_EQ(more.error_code, ErrorCode::kNone) << where;
  ASSERT_EQ(more.base_offset, end_) << where;
}

TEST_P(BrokerDamage, AFlippedBitHurtsItsBatchAlone) {
  make_log();
  ASSERT_FALSE(HasFatalFailure());
  const auto seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  std::mt19937_64 random(seed);
  // The first batch, an inner one, the first of a segment, and the log's last one.
  const auto inner = std::next(places_.begin(), kBatchCount / 2)->first;
  const auto of_segment = std::ranges::find_if(std::next(places_.begin()), places_.end(), [](const auto& place) {
                            return place.second.position == 0;
                          })->first;
  std::uint64_t flips = 0;
  for (const auto target : {Offset{0}, inner, of_segment, places_.rbegin()->first}) {
    for (std::uint64_t byte = 0; byte < kBytesOutsideChecksum; ++byte) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (kSanitized && ++flips % 7 != 0) continue;
        expect_others({target, byte, bit});
        if (HasFatalFailure()) return;
      }
    }
  }
  for (int i = 0; i < (kSanitized ? kFlipsByChance / 7 : kFlipsByChance); ++i) {
    const auto target = std::next(places_.begin(), static_cast<std::ptrdiff_t>(random() % places_.size()));
    expect_others({target->first, random() % target->second.size_bytes, static_cast<unsigned>(random() % 8)});
    if (HasFatalFailure()) return;
  }
  fmt::print("{} bits flipped, {} batches refused\n", starts_, refused_);
  EXPECT_GT(refused_, starts_ / 2);
}

INSTANTIATE_TEST_SUITE_P(, BrokerDamage, testing::Values(End::kStopped, End::kKilled), [](const auto& end) {
  return std::string(end.param == End::kStopped ? "Stopped" : "Killed");
});

}  // namespace
}  // namespace weir::test
