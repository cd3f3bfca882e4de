// Starts that trust what a clean stop left: they read little and write nothing, and what they did not look at is proved
// before it is first read.
#include <array>
#include <random>

#include "storage/log.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"
#include "support/seed.h"

namespace weir::storage {
namespace {

const Path kDirectory = "/data/topic-0";
constexpr std::size_t kBytesOutsideChecksum = 21;

LogSettings small_segments() {
  LogSettings settings;
  settings.segment_bytes = 3000;
  settings.index_interval_bytes = 300;
  return settings;
}

LogOpenOptions stopped_at(Offset end, bool clean) {
  LogOpenOptions options;
  options.clean = clean;
  options.recovery_point = end;
  return options;
}

std::unique_ptr<test::MemoryFs> empty_disk() {
  auto memory = std::make_unique<test::MemoryFs>();
  EXPECT_OK(memory->create_directory("/data"));
  return memory;
}

std::unique_ptr<test::MemoryFs> copy_of(const test::MemoryFs& disk) {
  return disk.after_power_cut(test::PowerCut::kKeep, 0);
}

void flip_bit(FileSystem& fs, const Path& path, std::uint64_t byte, unsigned bit) {
  auto file = value_of(fs.open(path, OpenMode::kReadWrite));
  std::array<std::uint8_t, 1> value;
  ASSERT_EQ(value_of(file->pread(value, byte)), 1U);
  value[0] = static_cast<std::uint8_t>(value[0] ^ (1U << bit));
  const ByteView view = value;
  ASSERT_OK(file->pwritev({&view, 1}, byte));
}

// A fetch as the broker does it: from memory, or once more after a helper has warmed the range.
Result<ReadResult> fetch(const LogView& view, Offset from, Offset limit, std::uint64_t max_bytes) {
  auto read = view.read(from, limit, max_bytes, true, ReadMode::kIfResident);
  if (read || read.error().code != Errc::kNotReady) return read;
  WEIR_TRY(view.warm(from, limit, max_bytes));
  return view.read(from, limit, max_bytes, true, ReadMode::kIfResident);
}

// What a consumer with check.crcs takes in, stepping over what it is refused or refuses itself.
std::map<Offset, Bytes> consume(const Log& log, std::uint64_t max_bytes) {
  std::map<Offset, Bytes> taken;
  const auto view = log.view();
  auto next = log.log_start();
  while (next < log.log_end()) {
    const auto read = fetch(*view, next, log.log_end(), max_bytes);
    if (!read) {
      EXPECT_EQ(read.error().code, Errc::kCorrupt) << to_string(read.error());
      next = next + 1;
      continue;
    }
    const auto bytes = flatten(read->bytes);
    if (bytes.empty()) {
      ADD_FAILURE() << "nothing at " << next.value();
      break;
    }
    for (ByteView left = bytes; left.size() >= record::kBatchHeaderBytes;) {
      const auto header = record::BatchHeader::read(left.data());
      if (header.size_bytes() > left.size()) {
        ADD_FAILURE() << "a batch that reaches past the answer at " << next.value();
        break;
      }
      const auto batch = left.first(header.size_bytes());
      if (record::check_batch(batch)) taken[header.base_offset] = Bytes(batch.begin(), batch.end());
      left = left.subspan(batch.size());
    }
    next = read->next;
  }
  return taken;
}

class CleanStarts : public testing::Test {
 protected:
  CleanStarts() : disk_(empty_disk()) {}

  // `count` batches of one to three records in small segments, stopped cleanly.
  void make_log(int count) {
    LogDriver driver(*disk_, kDirectory, small_segments());
    ASSERT_OK(driver.open());
    for (int i = 0; i < count; ++i) {
      ASSERT_OK(driver.append(1 + i % 3, 40 + 13 * static_cast<std::size_t>(i % 7), 1'700'000'000'000 + 10 * i));
    }
    end_ = driver.log().log_end();
    ASSERT_OK(driver.log().close());
    batches_ = driver.appended();
  }
  // Where the batch that begins at `offset` stands.
  std::pair<Path, std::uint64_t> place_of(Offset offset) {
    LogDriver driver(*disk_, kDirectory, small_segments());
    EXPECT_OK(driver.open(stopped_at(end_, true)));
    const auto view = driver.log().view();
    for (const auto& segment : view->segments()) {
      if (offset >= segment->tail().next_offset) continue;
      EXPECT_OK(segment->prove(offset, 1, ReadMode::kMayBlock));
      return {segment->path(), value_of(segment->locate(offset, ReadMode::kMayBlock)).position};
    }
    return {};
  }
  // With one batch damaged: all others are there, and nothing else is.
  void expect_all_but(const std::map<Offset, Bytes>& taken, Offset damaged, const std::string& where) {
    for (const auto& [offset, batch] : taken) {
      const auto known = batches_.find(offset);
      ASSERT_TRUE(known != batches_.end()) << where << ": a batch at " << offset.value() << " that nobody wrote";
      ASSERT_TRUE(known->second == batch || offset == damaged) << where << ": another batch at " << offset.value();
    }
    for (const auto& [offset, batch] : batches_) {
      if (offset != damaged) ASSERT_TRUE(taken.contains(offset)) << where << ": lost the one at " << offset.value();
    }
  }

  std::unique_ptr<test::MemoryFs> disk_;
  Offset end_;
  std::map<Offset, Bytes> batches_;
};

TEST_F(CleanStarts, WriteNothingAndReadLittle) {
  make_log(60);
  std::uint64_t segment_count = 0;
  for (const auto* call :
       {"pwritev", "datasync", "truncate", "rename", "unlink", "create_directory", "sync_directory"}) {
    test::FaultFs faults(*disk_);
    LogDriver driver(faults, kDirectory, small_segments());
    // Making a directory that is there already is no change.
    if (std::string_view(call) != "create_directory") faults.fail_next(call, EIO);
    ASSERT_OK(driver.open(stopped_at(end_, true)));
    EXPECT_FALSE(faults.fired()) << faults.failed_call();
    EXPECT_EQ(driver.log().recovery().scanned_bytes, 0U);
    segment_count = driver.log().view()->segments().size();
    // Two indexes, the log, and what is between them: as many calls for a large segment as for a small one.
    EXPECT_LT(faults.calls_count(), 16 * segment_count);
  }
  EXPECT_GT(segment_count, 4U);
}

TEST_F(CleanStarts, DoNotReadWhatIsIndexed) {
  LogSettings settings;
  settings.index_interval_bytes = 300;
  LogDriver driver(*disk_, kDirectory, settings);
  ASSERT_OK(driver.open());
  std::array<std::uint64_t, 2> calls{};
  for (auto& count : calls) {
    for (int i = 0; i < 100; ++i) ASSERT_OK(driver.append(1, 5000));
    ASSERT_OK(driver.log().close());
    test::FaultFs faults(*disk_);
    LogDriver again(faults, kDirectory, settings);
    ASSERT_OK(again.open(stopped_at(driver.log().log_end(), true)));
    count = faults.calls_count();
    ASSERT_OK(driver.open(stopped_at(driver.log().log_end(), true)));
  }
  EXPECT_EQ(calls[0], calls[1]);
}

TEST_F(CleanStarts, ServeEveryBatchOnceItsHeaderIsProved) {
  make_log(200);
  for (const bool clean : {true, false}) {
    for (const std::uint64_t max_bytes : {1UL, 700UL, 5000UL, 1UL << 20}) {
      LogDriver driver(*disk_, kDirectory, small_segments());
      ASSERT_OK(driver.open(stopped_at(end_, clean)));
      EXPECT_EQ(driver.log().log_end(), end_);
      const auto view = driver.log().view();
      EXPECT_EQ(code_of(view->read(Offset{0}, end_, max_bytes, true, ReadMode::kIfResident)), Errc::kNotReady);
      EXPECT_EQ(consume(driver.log(), max_bytes), batches_);
      // By now all is proved.
      EXPECT_OK(view->read(Offset{0}, end_, max_bytes, true, ReadMode::kIfResident));
    }
  }
}

TEST_F(CleanStarts, ReadersMayBeginAnywhere) {
  make_log(200);
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  LogDriver driver(*disk_, kDirectory, small_segments());
  ASSERT_OK(driver.open(stopped_at(end_, true)));
  const auto view = driver.log().view();
  for (int i = 0; i < 300; ++i) {
    const Offset from{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end_.value()))};
    const auto read = value_of(fetch(*view, from, end_, 1 + random() % 2000));
    const auto bytes = flatten(read.bytes);
    ASSERT_FALSE(bytes.empty());
    const auto header = record::BatchHeader::read(bytes.data());
    EXPECT_LE(header.base_offset, from);
    EXPECT_GE(header.last_offset(), from);
    const auto& batch = batches_.at(header.base_offset);
    EXPECT_TRUE(std::equal(batch.begin(), batch.end(), bytes.begin()));
  }
}

TEST_F(CleanStarts, ProveAPartAtATime) {
  LogSettings settings;  // one segment of 8 MiB
  LogDriver driver(*disk_, kDirectory, settings);
  ASSERT_OK(driver.open());
  for (int i = 0; i < 1000; ++i) ASSERT_OK(driver.append(1, 8000));
  ASSERT_OK(driver.log().close());
  const auto damaged = driver.expected(Offset{0}, Offset{900}).size();
  flip_bit(*disk_, driver.file(0, ".log"), damaged + 7, 1);
  ASSERT_OK(driver.open(stopped_at(Offset{1000}, true)));
  const auto view = driver.log().view();
  const auto& segment = *view->segments().front();
  EXPECT_OK(fetch(*view, Offset{0}, Offset{1000}, 10'000));
  EXPECT_TRUE(segment.damage().empty()) << "one small fetch has walked everything";
  EXPECT_OK(fetch(*view, Offset{901}, Offset{1000}, 10'000));
  EXPECT_TRUE(segment.damage().empty());
  EXPECT_EQ(code_of(fetch(*view, Offset{900}, Offset{1000}, 10'000)), Errc::kCorrupt);
  EXPECT_EQ(segment.damage().size(), 1U);
}

// Every bit outside the checksum, of the first, an inner and the last batch of a segment, and of the log's last one.
TEST_F(CleanStarts, AFlippedBitHurtsItsBatchAlone) {
  make_log(60);
  LogDriver driver(*disk_, kDirectory, small_segments());
  ASSERT_OK(driver.open(stopped_at(end_, true)));
  const auto segments = driver.log().view()->segments();
  driver.drop();
  const auto second_base = segments[1]->base_offset();
  const auto before = [&](Offset offset) { return std::prev(batches_.lower_bound(offset))->first; };
  const auto inner = std::next(batches_.find(second_base), 3)->first;
  for (const auto target : {Offset{0}, before(second_base), second_base, inner, before(end_)}) {
    const auto [path, position] = place_of(target);
    for (std::uint64_t byte = 0; byte < kBytesOutsideChecksum; ++byte) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        for (const bool clean : {true, false}) {
          const auto where = fmt::format("batch {}, byte {}, bit {}, clean {}", target.value(), byte, bit, clean);
          const auto copy = copy_of(*disk_);
          flip_bit(*copy, path, position + byte, bit);
          LogDriver restarted(*copy, kDirectory, small_segments());
          ASSERT_OK(restarted.open(stopped_at(end_, clean)));
          EXPECT_EQ(restarted.log().log_end(), end_) << where;
          expect_all_but(consume(restarted.log(), 1000), target, where);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_F(CleanStarts, AThousandFlippedBitsHurtOneBatchEach) {
  make_log(60);
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1000; ++round) {
    const auto target = std::next(batches_.begin(), static_cast<std::ptrdiff_t>(random() % batches_.size()));
    const auto [path, position] = place_of(target->first);
    const auto byte = random() % target->second.size();
    const auto bit = static_cast<unsigned>(random() % 8);
    const auto copy = copy_of(*disk_);
    flip_bit(*copy, path, position + byte, bit);
    LogDriver restarted(*copy, kDirectory, small_segments());
    const bool clean = random() % 2 == 0;
    ASSERT_OK(restarted.open(stopped_at(end_, clean)));
    const auto where = fmt::format("batch {}, byte {}, bit {}, clean {}", target->first.value(), byte, bit, clean);
    EXPECT_EQ(restarted.log().log_end(), end_) << where;
    expect_all_but(consume(restarted.log(), 1 + random() % 3000), target->first, where);
    if (HasFatalFailure()) return;
  }
}

// Indexes cut off at, and garbled in, every byte.
TEST_F(CleanStarts, NoIndexIsBelieved) {
  make_log(40);
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  for (const auto* suffix : {".index", ".timeindex"}) {
    for (const auto& entry : value_of(disk_->list(kDirectory))) {
      if (!entry.name.ends_with(suffix)) continue;
      const auto whole = value_of(read_whole_file(*disk_, kDirectory / entry.name, kMiB));
      for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const bool cut : {true, false}) {
          for (const bool clean : {true, false}) {
            const auto copy = copy_of(*disk_);
            auto file = value_of(copy->open(kDirectory / entry.name, OpenMode::kReadWrite));
            const std::array<std::uint8_t, 1> garbled{static_cast<std::uint8_t>(whole[at] ^ (1 + random() % 255))};
            const ByteView view = garbled;
            if (cut) ASSERT_OK(file->truncate(at));
            if (!cut) ASSERT_OK(file->pwritev({&view, 1}, at));
            LogDriver restarted(*copy, kDirectory, small_segments());
            ASSERT_OK(restarted.open(stopped_at(end_, clean)));
            EXPECT_EQ(restarted.log().log_end(), end_);
            ASSERT_EQ(consume(restarted.log(), 900), batches_)
                << entry.name << (cut ? " cut at " : " garbled at ") << at << ", clean " << clean;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace weir::storage
