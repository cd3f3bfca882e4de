// What a log is after every kind of stop: where it ends, what it serves, what it leaves on disk.
#include "storage/log_recovery.h"

#include <limits>
#include <random>

#include "recovery_fixture.h"
#include "support/fault_fs.h"
#include "support/seed.h"

namespace weir::storage {
namespace {

class Recoveries : public RecoveryTest {};
INSTANTIATE_TEST_SUITE_P(, Recoveries, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(Recoveries, KeepWholeBatchesWithOrWithoutAFlush) {
  append_batches(40);
  ASSERT_GT(driver_.log().view()->segments().size(), 2U);
  for (const bool clean : {false, true}) {
    LogOpenOptions options;
    options.clean = clean;
    ASSERT_OK(driver_.open(options));
    const auto offered = visited();
    EXPECT_EQ(driver_.log().log_end(), Offset{80});
    EXPECT_EQ(driver_.log().flushed_end(), Offset{80});
    EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{80}));
    ASSERT_EQ(offered.size(), 40U);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(offered[i], Offset{static_cast<std::int64_t>(2 * i)});
    EXPECT_EQ(driver_.log().recovery().truncated_bytes, 0U);
    EXPECT_TRUE(driver_.log().recovery().damaged.empty());
  }
}

TEST_P(Recoveries, GoOnWhereTheLogEnded) {
  append_batches(10);
  ASSERT_OK(driver_.open());
  append_batches(10);
  ASSERT_OK(driver_.flush());
  ASSERT_OK(driver_.open());
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{40}));
}

// Every cut position of the last batch, the rest of it gone, zeros, old bytes, or noise.
TEST_P(Recoveries, CutATornTailAtTheLastWholeBatch) {
  append_batches(3);
  const auto path = driver_.file(0, ".log");
  const auto whole = content(path);
  const auto keep = driver_.expected(Offset{0}, Offset{4}).size();
  SeededRandom noise(7);
  enum class Rest { kGone, kZeros, kOldBytes, kNoise };
  for (const auto rest : {Rest::kGone, Rest::kZeros, Rest::kOldBytes, Rest::kNoise}) {
    const std::size_t step = on_memory() ? 1 : 17;
    for (auto cut = keep; cut < whole.size(); cut += step) {
      auto torn = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      if (rest != Rest::kGone) torn.resize(whole.size());
      const auto tail = MutableByteView(torn).subspan(std::min(cut, torn.size()));
      if (rest == Rest::kOldBytes) std::ranges::copy_n(whole.begin(), static_cast<long>(tail.size()), tail.begin());
      if (rest == Rest::kNoise) noise.fill(tail);
      if (torn == whole) continue;
      put(path, torn);
      ASSERT_OK(driver_.open());
      ASSERT_EQ(driver_.log().log_end(), Offset{4}) << "cut at " << cut;
      EXPECT_EQ(content(path).size(), keep);
      // Nothing but zeros is space that was prepared, not a tear.
      const bool only_zeros = std::ranges::all_of(ByteView(torn).subspan(keep), [](auto byte) { return byte == 0; });
      EXPECT_EQ(driver_.log().recovery().truncated_bytes, only_zeros ? 0 : torn.size() - keep);
      EXPECT_TRUE(driver_.log().recovery().damaged.empty());
      for (const auto suffix : {".index", ".timeindex"}) {
        const auto gone = fs().unlink(driver_.file(0, suffix));
        ASSERT_TRUE(gone || gone.error().code == Errc::kNotFound);
      }
    }
  }
}

// Zeros that were written ahead of small flushes: no tear, and no part of the log.
TEST_P(Recoveries, LeaveOutTheZerosWrittenAhead) {
  const auto path = driver_.file(0, ".log");
  for (int i = 0; i < 10; ++i) {
    append_batches(1);
    ASSERT_OK(driver_.flush());
  }
  const auto batches = driver_.expected(Offset{0}, Offset{20});
  ASSERT_GT(content(path).size(), batches.size());
  ASSERT_OK(driver_.open());
  EXPECT_EQ(driver_.log().log_end(), Offset{20});
  EXPECT_EQ(driver_.log().recovery().truncated_bytes, 0U);
  EXPECT_EQ(content(path), batches);
  append_batches(1);
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{22}));
}

// The same in a segment behind which the log has rolled; its checkpoint is as high as it gets.
TEST_P(Recoveries, LeaveOutTheZerosOfASegmentThatWasRolled) {
  const auto path = driver_.file(0, ".log");
  while (segment_files().size() == 1) {
    append_batches(1);
    ASSERT_OK(driver_.flush());
  }
  const auto second = base_of_segment(1);
  for (const bool flushed : {false, true}) {
    const auto first = driver_.expected(Offset{0}, second);
    auto zeros_behind = first;
    zeros_behind.resize(zeros_behind.size() + 500);
    driver_.drop();
    put(path, zeros_behind);
    LogOpenOptions options;
    options.recovery_point = second;
    if (flushed) options.recovery_point = Offset{0};
    ASSERT_OK(driver_.open(options));
    EXPECT_EQ(content(path), first);
    EXPECT_TRUE(driver_.log().recovery().damaged.empty());
    EXPECT_EQ(driver_.log().recovery().truncated_bytes, 0U);
    EXPECT_EQ(read_all(), driver_.expected(Offset{0}, driver_.log().log_end()));
  }
}

// Kafka deletes what follows a segment that it finds torn.
TEST_P(Recoveries, NoZerosAreLeftBehindInASegmentThatWasRolled) {
  const auto path = driver_.file(0, ".log");
  while (segment_files().size() == 1) {
    append_batches(1);
    if (segment_files().size() == 1) ASSERT_OK(driver_.flush());
  }
  EXPECT_EQ(content(path), driver_.expected(Offset{0}, base_of_segment(1)));
}

// Where batches are missing before the next segment, the log ends: nothing says that compaction took them.
TEST_P(Recoveries, ZerosBeforeASegmentThatDoesNotContinueEndTheLog) {
  append_batches(20);
  const auto second = base_of_segment(1);
  const auto path = driver_.file(0, ".log");
  auto zeroed = content(path);
  const auto kept_end = second - 2;
  const auto kept = driver_.expected(Offset{0}, kept_end).size();
  std::ranges::fill(MutableByteView(zeroed).subspan(kept), std::uint8_t{0});
  driver_.drop();
  put(path, zeroed);
  LogOpenOptions options;
  options.last_written_by_weir = false;
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_end(), kept_end);
  EXPECT_EQ(driver_.log().view()->segments().size(), 1U);
}

// Below the durable floor zeros are batches that were lost, as ever.
TEST_P(Recoveries, TakeZerosForDamageWhereBatchesWere) {
  append_batches(8);
  const auto end = driver_.log().log_end();
  ASSERT_OK(driver_.log().close());
  const auto path = driver_.file(0, ".log");
  auto zeroed = content(path);
  const auto kept = driver_.expected(Offset{0}, Offset{6}).size();
  std::ranges::fill(MutableByteView(zeroed).subspan(kept), std::uint8_t{0});
  driver_.drop();
  put(path, zeroed);
  LogOpenOptions options;
  options.recovery_point = end;
  ASSERT_OK(driver_.open(options));
  ASSERT_EQ(driver_.log().recovery().damaged.size(), 1U);
  EXPECT_EQ(driver_.log().recovery().damaged.front().first, Offset{6});
  EXPECT_EQ(driver_.log().log_end(), end);
  EXPECT_EQ(content(path), zeroed);
}

TEST_P(Recoveries, EndTheLogAtTheFirstBadBatchWhateverFollows) {
  append_batches(40);
  driver_.drop();
  const auto second = [&] {
    for (const auto& name : names_in(driver_.directory())) {
      if (name.ends_with(".log") && name != "00000000000000000000.log") return driver_.directory() / name;
    }
    return Path();
  }();
  write_at(second, 100, as_bytes("torn"));
  const auto base = Offset{std::stoll(second.filename().string())};
  ASSERT_OK(driver_.open());
  EXPECT_EQ(driver_.log().log_end(), base);
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, base));
  for (const auto& name : segment_files()) EXPECT_LE(std::stoll(name), base.value());
  EXPECT_GT(driver_.log().recovery().truncated_bytes, 5000U);
  append_batches(3);
  EXPECT_EQ(driver_.log().log_end(), base + 6);
}

TEST_P(Recoveries, ALaterSegmentDoesNotContinueALostTail) {
  append_batches(40);
  const auto second = base_of_segment(1);
  driver_.drop();
  // The end of the first segment, whole batches, never reached the disk; the second one did.
  const auto cut = driver_.expected(Offset{0}, second - 4).size();
  truncate(driver_.file(0, ".log"), cut);
  ASSERT_OK(driver_.open());
  EXPECT_EQ(driver_.log().log_end(), second - 4);
  EXPECT_EQ(segment_files().size(), 3U);
}

TEST_P(Recoveries, InAKafkaDirectorySegmentsMayLeaveGaps) {
  append_batches(40);
  const auto second = base_of_segment(1);
  driver_.drop();
  truncate(driver_.file(0, ".log"), driver_.expected(Offset{0}, second - 4).size());
  LogOpenOptions options;
  options.last_written_by_weir = false;
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_end(), Offset{80});
  auto expected = driver_.expected(Offset{0}, second - 4);
  const auto rest = driver_.expected(second, Offset{80});
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(read_all(), expected);
  EXPECT_EQ(value_of(driver_.read(second - 3, Offset{80})), rest);
}

TEST_P(Recoveries, ScanOnlyAboveTheFloor) {
  append_batches(40);
  ASSERT_OK(driver_.flush());
  LogOpenOptions options;
  options.recovery_point = driver_.log().flushed_end();
  append_batches(1);
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().recovery().scanned_bytes, driver_.appended().rbegin()->second.size());
  options.recovery_point = driver_.log().recovery_point();
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().recovery().scanned_bytes, 0U);
}

// A running log would let so few entries wait, too.
TEST_P(Recoveries, IndexesThatHoldAreKeptAndContinued) {
  append_batches(9);
  ASSERT_OK(driver_.log().close());
  ASSERT_OK(driver_.open({.clean = true}));
  append_batches(4);  // their entries wait for company when the log is killed
  const auto written = content(driver_.file(0, ".index"));
  const auto times_written = content(driver_.file(0, ".timeindex"));
  ASSERT_FALSE(written.empty());
  ASSERT_EQ(driver_.log().view()->segments().size(), 1U);
  driver_.drop();
  const auto modified = value_of(value_of(fs().open(driver_.file(0, ".index"), OpenMode::kRead))->modified_ms());
  ASSERT_OK(driver_.open({.knows_log_start = true}));
  EXPECT_EQ(content(driver_.file(0, ".index")), written);
  EXPECT_EQ(content(driver_.file(0, ".timeindex")), times_written);
  EXPECT_EQ(value_of(value_of(fs().open(driver_.file(0, ".index"), OpenMode::kRead))->modified_ms()), modified);
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{26}));
  // What was left out comes with the next entries.
  ASSERT_OK(driver_.log().close());
  const auto continued = content(driver_.file(0, ".index"));
  ASSERT_GT(continued.size(), written.size());
  EXPECT_TRUE(std::equal(written.begin(), written.end(), continued.begin()));
  ASSERT_OK(driver_.open({.clean = true}));
  EXPECT_EQ(driver_.log().recovery().rebuilt_from, std::nullopt);
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{26}));
}

// The metadata log has no checkpoint: what its recovery made durable, the last entry says to the next start.
TEST_P(Recoveries, WithoutACheckpointTheIndexSaysWhatIsDurable) {
  append_batches(9);
  driver_.drop();
  ASSERT_OK(driver_.open());
  driver_.drop();
  const auto path = driver_.file(0, ".log");
  auto flipped = content(path);
  flipped[driver_.expected(Offset{0}, Offset{4}).size() + 70] ^= 1U;
  put(path, flipped);
  ASSERT_OK(driver_.open());
  EXPECT_EQ(driver_.log().log_end(), Offset{18}) << "damage, no torn tail: nothing behind it is cut off";
}

// The checkpoint may say where the active segment ended, and the log have rolled right there since: a time index that
// lost its end is noticed all the same.
TEST_P(Recoveries, TheIndexesOfASegmentRolledAtTheRecoveryPointAreProved) {
  for (int i = 0; driver_.log().view()->segments().size() == 1; ++i) {
    const auto rises_first = i < 6 ? i * 10 : 0;  // so that no batch behind the peak tells of it
    ASSERT_OK(driver_.append(2, 60, 1'700'000'000'000 + rises_first));
  }
  ASSERT_OK(driver_.flush());
  ASSERT_OK(driver_.log().close());
  const auto second = base_of_segment(1);
  const auto path = driver_.file(0, ".timeindex");
  const auto whole = content(path);
  ASSERT_GT(whole.size(), TimeIndexEntry::kBytes);
  driver_.drop();
  put(path, ByteView(whole).first(whole.size() - TimeIndexEntry::kBytes));
  LogOpenOptions options;
  options.recovery_point = second;
  options.knows_log_start = true;
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(content(path), whole);
}

TEST_P(Recoveries, AnIndexWithOneWrongEntryIsNotContinued) {
  append_batches(12);
  ASSERT_OK(driver_.log().close());
  const auto sound = content(driver_.file(0, ".index"));
  ASSERT_GT(sound.size(), 2 * OffsetIndexEntry::kBytes);
  for (std::size_t at = 0; at < sound.size(); at += OffsetIndexEntry::kBytes) {
    driver_.drop();
    auto bytes = sound;
    store_be<std::int32_t>(bytes.data() + at + 4, load_be<std::int32_t>(bytes.data() + at + 4) + 1);
    put(driver_.file(0, ".index"), bytes);
    ASSERT_OK(driver_.open());
    const auto rebuilt = content(driver_.file(0, ".index"));
    ASSERT_GE(rebuilt.size(), sound.size());
    EXPECT_TRUE(std::equal(sound.begin(), sound.end(), rebuilt.begin()));
  }
}

// One walk reads the file; the batches between them are checked from what it read.
TEST_P(Recoveries, ABitFlippedAnywhereAboveTheFloorEndsTheLog) {
  append_batches(12);
  driver_.drop();
  const auto path = driver_.file(0, ".log");
  const auto whole = content(path);
  const auto keep = driver_.expected(Offset{0}, Offset{10}).size();
  const auto batch = driver_.expected(Offset{10}, Offset{12}).size();
  for (std::size_t at = sizeof(std::int64_t); at < batch; ++at) {
    const bool is_epoch = at >= 12 && at < 16;  // no checksum covers it, nor the offset
    if (is_epoch || (!on_memory() && at % 17 != 0)) continue;
    auto bytes = whole;
    bytes[keep + at] ^= 0x10;
    put(path, bytes);
    ASSERT_OK(driver_.open());
    ASSERT_EQ(driver_.log().log_end(), Offset{10}) << "flipped at " << at;
    driver_.drop();
    for (const auto suffix : {".index", ".timeindex"}) static_cast<void>(fs().unlink(driver_.file(0, suffix)));
  }
}

TEST_P(Recoveries, AnIndexEntryRaisesTheFloorWithoutACheckpoint) {
  append_batches(40);
  ASSERT_OK(driver_.flush());
  append_batches(30);  // the index of what was flushed is complete once these have rolled
  ASSERT_OK(driver_.flush());
  ASSERT_OK(driver_.open());
  EXPECT_LT(driver_.log().recovery().scanned_bytes, 4000U);
}

// Above the floor a bad batch ends the log; below it, it is damage.
TEST_P(Recoveries, DamageBelowTheFloorIsFencedAndTheRestServed) {
  append_batches(40);
  ASSERT_OK(driver_.flush());
  const auto second = base_of_segment(1);
  driver_.drop();
  const Offset hit{4};
  const auto position = driver_.expected(Offset{0}, hit).size();
  write_at(driver_.file(0, ".log"), position + 8, Bytes(40, 0));  // the header of the third batch
  const auto damaged_file = content(driver_.file(0, ".log"));
  LogOpenOptions options;
  options.recovery_point = Offset{80};
  for (const bool clean : {false, true}) {
    options.clean = clean;
    ASSERT_OK(driver_.open(options));
    EXPECT_EQ(driver_.log().log_end(), Offset{80});
    EXPECT_EQ(content(driver_.file(0, ".log")), damaged_file);
    EXPECT_EQ(visited().size(), 39U);
    const auto damage = driver_.log().view()->segments()[0]->damage();
    ASSERT_EQ(damage.size(), 1U);
    EXPECT_EQ(damage[0].first, hit);
    EXPECT_EQ(damage[0].end, hit + 2);
    EXPECT_EQ(value_of(driver_.read(Offset{0}, hit)), driver_.expected(Offset{0}, hit));
    // A read that starts before it stops there, one in it fails, one behind it goes on.
    const auto view = driver_.log().view();
    EXPECT_EQ(value_of(view->read(Offset{0}, Offset{80}, kMiB, true, ReadMode::kMayBlock)).next, hit);
    EXPECT_EQ(code_of(view->read(hit, Offset{80}, kMiB, true, ReadMode::kMayBlock)), Errc::kCorrupt);
    EXPECT_EQ(code_of(view->read(hit + 1, Offset{80}, kMiB, true, ReadMode::kMayBlock)), Errc::kCorrupt);
    EXPECT_EQ(value_of(driver_.read(hit + 2, Offset{80})), driver_.expected(hit + 2, Offset{80}));
    EXPECT_EQ(value_of(driver_.read(second, Offset{80})), driver_.expected(second, Offset{80}));
    // Lookups by time pass over it.
    EXPECT_EQ(value_of(view->find_timestamp(0, Offset{80}, kMiB))->offset, Offset{0});
    EXPECT_OK(view->find_max_timestamp(Offset{80}, kMiB));
    driver_.drop();
  }
  ASSERT_OK(driver_.open(options));
  append_batches(2);
  EXPECT_EQ(value_of(driver_.read(Offset{80}, Offset{84})), driver_.expected(Offset{80}, Offset{84}));
}

TEST_P(Recoveries, AFlippedOffsetBelowTheFloorFencesWhatItHides) {
  append_batches(8);
  ASSERT_OK(driver_.flush());
  driver_.drop();
  const auto position = driver_.expected(Offset{0}, Offset{4}).size();
  Bytes offset(8);
  store_be<std::int64_t>(offset.data(), 9);  // the batch at 4 says 9: those at 6 and 8 seem to go back
  write_at(driver_.file(0, ".log"), position, offset);
  LogOpenOptions options;
  options.recovery_point = Offset{16};
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_end(), Offset{16});
  EXPECT_EQ(value_of(driver_.read(Offset{12}, Offset{16})), driver_.expected(Offset{12}, Offset{16}));
  EXPECT_EQ(driver_.log().recovery().damaged.size(), 1U);
}

TEST_P(Recoveries, DamageAtTheEndBelowTheFloorKeepsTheOffsetsUsed) {
  append_batches(5);
  ASSERT_OK(driver_.flush());
  driver_.drop();
  const auto position = driver_.expected(Offset{0}, Offset{8}).size();
  write_at(driver_.file(0, ".log"), position + 8, Bytes(20, 0xff));
  const auto damaged_file = content(driver_.file(0, ".log"));
  LogOpenOptions options;
  options.recovery_point = Offset{10};
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(driver_.open(options));
    EXPECT_EQ(driver_.log().log_end(), Offset{10} + 2 * i);
    EXPECT_EQ(content(driver_.file(0, ".log")), damaged_file);
    EXPECT_EQ(code_of(driver_.log().view()->read(Offset{9}, Offset{10}, kMiB, true, ReadMode::kMayBlock)),
              Errc::kCorrupt);
    append_batches(1);
    ASSERT_OK(driver_.flush());
  }
  EXPECT_EQ(value_of(driver_.read(Offset{10}, Offset{14})), driver_.expected(Offset{10}, Offset{14}));
}

TEST_P(Recoveries, WithoutItsLastSegmentALogEndsEarlier) {
  append_batches(3);
  driver_.drop();
  LogOpenOptions options;
  options.recovery_point = Offset{100};  // of another log of that name, or more was lost than can be
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_end(), Offset{6});
  EXPECT_TRUE(driver_.log().recovery().damaged.empty());
}

TEST_P(Recoveries, IndexesAreRebuiltWhenMissingOrGarbled) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  SeededRandom random(seed);
  append_batches(40);
  EXPECT_OK(driver_.log().close());
  const auto index = content(driver_.file(0, ".index"));
  const auto time_index = content(driver_.file(0, ".timeindex"));
  ASSERT_FALSE(index.empty());
  enum class Harm { kMissing, kOddSize, kZeros, kNoise, kStale };
  for (const auto harm : {Harm::kMissing, Harm::kOddSize, Harm::kZeros, Harm::kNoise, Harm::kStale}) {
    for (const auto* suffix : {".index", ".timeindex"}) {
      for (const bool clean : {true, false}) {
        driver_.drop();
        auto bytes = content(driver_.file(0, suffix));
        switch (harm) {
          case Harm::kMissing: ASSERT_OK(fs().unlink(driver_.file(0, suffix))); break;
          case Harm::kOddSize: bytes.push_back(1); break;
          case Harm::kZeros: bytes.resize(bytes.size() + 480); break;
          case Harm::kNoise: random.fill(bytes); break;
          case Harm::kStale: store_be<std::int32_t>(bytes.data() + bytes.size() - 4, 0x7ffffff0); break;
        }
        if (harm != Harm::kMissing) put(driver_.file(0, suffix), bytes);
        LogOpenOptions options;
        options.clean = clean;
        ASSERT_OK(driver_.open(options));
        EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{80}));
        EXPECT_EQ(content(driver_.file(0, ".timeindex")), time_index);
        const auto rebuilt = content(driver_.file(0, ".index"));
        ASSERT_GE(rebuilt.size(), index.size());
        EXPECT_TRUE(std::equal(index.begin(), index.end(), rebuilt.begin()));
      }
    }
  }
}

TEST_P(Recoveries, GarbageInTheMiddleOfAnIndexCostsNoAnswer) {
  append_batches(40);
  EXPECT_OK(driver_.log().close());
  auto bytes = content(driver_.file(0, ".index"));
  ASSERT_GE(bytes.size(), 24U);
  for (std::size_t at = 0; at + 8 < bytes.size(); ++at) bytes[at] = static_cast<std::uint8_t>(at * 37);
  put(driver_.file(0, ".index"), bytes);
  LogOpenOptions options;
  options.clean = true;
  ASSERT_OK(driver_.open(options));
  for (std::int64_t from = 0; from < 80; from += 3) {
    EXPECT_EQ(value_of(driver_.read(Offset{from}, Offset{80}, 600)),
              driver_.expected(Offset{from / 2 * 2}, Offset{80}));
  }
}

TEST_P(Recoveries, LeftoversOfCutOffWorkAreCleared) {
  append_batches(40);
  EXPECT_OK(driver_.log().close());
  driver_.drop();
  for (const auto* name :
       {"00000000000000000000.log.deleted", "00000000000000000000.index.deleted", "00000000000000000000.log.cleaned",
        "00000000000000000000.index.cleaned", "00000000000000009999.index", "00000000000000009999.timeindex",
        "00000000000000009999.txnindex", "00000000000000000000.index.tmp"}) {
    put(driver_.directory() / name, as_bytes("leftover"));
  }
  // Not ours to judge.
  for (const auto* name : {"partition.metadata", "00000000000000000080.snapshot", "notes"}) {
    put(driver_.directory() / name, as_bytes("kept"));
  }
  LogOpenOptions options;
  options.clean = true;
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{80}));
  for (const auto& name : names_in(driver_.directory())) {
    EXPECT_FALSE(name.ends_with(".deleted") || name.ends_with(".cleaned") || name.ends_with(".tmp")) << name;
    EXPECT_FALSE(name.starts_with("00000000000000009999")) << name;
  }
  EXPECT_EQ(as_text(content(driver_.directory() / "notes")), "kept");
  EXPECT_EQ(as_text(content(driver_.directory() / "00000000000000000080.snapshot")), "kept");
}

TEST_P(Recoveries, ASwapReplacesTheSegmentsItCovers) {
  append_batches(40);
  const auto third = base_of_segment(2);
  EXPECT_OK(driver_.log().close());
  driver_.drop();
  // The first two segments compacted into one: every other batch, the last one included.
  Bytes compacted;
  for (const auto& [offset, batch] : driver_.appended()) {
    if (offset >= third || (offset.value() % 4 == 0 && offset + 2 != third)) continue;
    compacted.insert(compacted.end(), batch.begin(), batch.end());
  }
  put(driver_.directory() / "00000000000000000000.log.swap", compacted);
  put(driver_.directory() / "00000000000000000000.index.swap", {});
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(driver_.open());
    EXPECT_EQ(driver_.log().log_end(), Offset{80});
    EXPECT_EQ(driver_.log().view()->segments()[1]->base_offset(), third);
    EXPECT_EQ(content(driver_.file(0, ".log")), compacted);
    auto expected = compacted;
    const auto rest = driver_.expected(third, Offset{80});
    expected.insert(expected.end(), rest.begin(), rest.end());
    EXPECT_EQ(read_all(), expected);
  }
}

TEST_P(Recoveries, ASwapOfAnUnfinishedCleaningIsDropped) {
  append_batches(40);
  EXPECT_OK(driver_.log().close());
  driver_.drop();
  put(driver_.directory() / "00000000000000000000.log.swap", as_bytes("never finished"));
  put(driver_.directory() / "00000000000000000000.log.cleaned", as_bytes("nor this"));
  ASSERT_OK(driver_.open());
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{80}));
}

TEST_P(Recoveries, ARollContinuesAfterRecovery) {
  append_batches(5);
  ASSERT_OK(driver_.open());
  append_batches(60);
  ASSERT_OK(driver_.flush());
  ASSERT_OK(driver_.open());
  EXPECT_EQ(read_all(), driver_.expected(Offset{0}, Offset{130}));
}

// A disk that fails while recovery reads it is an error, not a torn tail.
TEST(RecoveryFaults, AReadErrorRefusesToOpen) {
  test::MemoryFs memory;
  ASSERT_OK(memory.create_directory("/data"));
  LogDriver driver(memory, "/data/topic-0");
  ASSERT_OK(driver.open());
  for (int i = 0; i < 5; ++i) ASSERT_OK(driver.append());
  ASSERT_OK(driver.flush());
  const auto before = value_of(read_whole_file(memory, driver.file(0, ".log"), kMiB));
  driver.drop();
  for (std::uint64_t number = 1;; ++number) {
    test::FaultFs faults(memory, number);
    faults.fail_call(number, EIO);
    SystemClock clock;
    SeededRandom random(1);
    const auto opened = Log::open(faults, clock, random, "/data/topic-0", {}, {});
    if (!faults.fired()) {
      EXPECT_OK(opened);
      break;
    }
    EXPECT_FALSE(opened.has_value()) << faults.failed_call();
    EXPECT_EQ(value_of(read_whole_file(memory, driver.file(0, ".log"), kMiB)), before) << faults.failed_call();
  }
}

// Bytes of any kind in place of a log and its indexes: no crash, and the log works afterwards.
TEST(RecoveryFaults, NoiseIsNoLog) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    test::MemoryFs memory;
    ASSERT_OK(memory.create_directory("/data"));
    LogSettings settings;
    settings.segment_bytes = 2000;
    settings.index_interval_bytes = 200;
    LogDriver driver(memory, "/data/topic-0", settings);
    ASSERT_OK(driver.open());
    for (int i = 0; i < 30; ++i) ASSERT_OK(driver.append(2, 60));
    ASSERT_OK(driver.flush());
    driver.drop();
    for (const auto& entry : value_of(memory.list("/data/topic-0"))) {
      auto file = value_of(memory.open(Path("/data/topic-0") / entry.name, OpenMode::kReadWrite));
      const auto size = value_of(file->size_bytes());
      for (auto hits = random() % 4; hits > 0 && size > 0; --hits) {
        Bytes noise(1 + random() % 100);
        for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
        const ByteView view = noise;
        ASSERT_OK(file->pwritev({&view, 1}, random() % size));
      }
    }
    LogOpenOptions options;
    options.clean = random() % 3 == 0;
    options.last_written_by_weir = random() % 2 == 0;
    options.recovery_point = Offset{static_cast<std::int64_t>(random() % 80)};
    const auto opened = driver.open(options);
    if (!opened) {
      EXPECT_EQ(opened.error().code, Errc::kCorrupt);
      continue;
    }
    const auto end = driver.log().log_end();
    const auto view = driver.log().view();
    for (auto from = driver.log().log_start(); from < std::min(end, Offset{100}); ++from) {
      const auto read = view->read(from, end, random() % 1000, true, ReadMode::kMayBlock);
      EXPECT_TRUE(read.has_value() || read.error().code == Errc::kCorrupt);
    }
    static_cast<void>(view->find_timestamp(0, end, kMiB));
    static_cast<void>(view->find_max_timestamp(end, kMiB));
    ASSERT_OK(driver.append());
    ASSERT_OK(driver.flush());
    EXPECT_EQ(value_of(driver.read(end, end + 1)), driver.appended().at(end));
  }
}

// An index tells the next start that all before it was durable. While the name of an earlier segment may still be lost
// that is not so: the log would go on behind a hole.
TEST(LogRecoveries, NamesAreDurableBeforeAnIndexSaysSo) {
  constexpr std::uint64_t kTearsCount = 20;
  test::MemoryFs memory;
  ASSERT_OK(memory.create_directory("/data"));
  ASSERT_OK(memory.sync_directory("/"));
  LogSettings settings;
  settings.segment_bytes = 400;
  settings.index_interval_bytes = 0;
  LogDriver driver(memory, "/data/topic-0", settings);
  ASSERT_OK(driver.open());
  ASSERT_OK(memory.sync_directory("/data"));
  for (int i = 0; i < 12; ++i) ASSERT_OK(driver.append());
  ASSERT_GT(driver.log().view()->segments().size(), 3U);
  driver.drop();  // killed: nothing was flushed
  int recovered_some = 0;
  for (std::uint64_t seed = 1; seed <= kTearsCount; ++seed) {
    std::vector<std::unique_ptr<test::MemoryFs>> images;
    const auto copy = memory.after_kill();
    test::FaultFs faults(*copy);
    faults.on_call = [&](std::uint64_t number, const char*, const Path&) {
      images.push_back(copy->after_power_cut(test::PowerCut::kTear, seed * 1000 + number));
    };
    LogDriver cut(faults, "/data/topic-0", settings);
    ASSERT_OK(cut.open());
    for (std::size_t i = 0; i < images.size(); ++i) {
      LogDriver restarted(*images[i], "/data/topic-0", settings);
      ASSERT_OK(restarted.open());
      const auto& log = restarted.log();
      const auto where = fmt::format("seed {}, cut at call {}", seed, i + 1);
      EXPECT_TRUE(log.recovery().damaged.empty()) << where;
      ASSERT_EQ(value_of(restarted.read(log.log_start(), log.log_end())),
                driver.expected(log.log_start(), log.log_end()))
          << where;
      if (log.log_end() > Offset{0}) ++recovered_some;
    }
  }
  EXPECT_GT(recovered_some, 100);
}

}  // namespace
}  // namespace weir::storage
