#include "storage/sparse_index.h"

#include "storage_fixture.h"

namespace weir::storage {
namespace {

class SparseIndexes : public StorageTest {
 protected:
  // Entry i: relative offset 10 * i, position 100 * i.
  SparseIndex<OffsetIndexEntry> make(int written, int pending) {
    SparseIndex<OffsetIndexEntry> index(fs(), root() / "x.index", 0, std::nullopt);
    for (int i = 0; i < written; ++i) index.add({10 * i, 100 * i});
    bool created = false;
    auto file = value_of(index.file_for_writing(created));
    EXPECT_TRUE(created);
    EXPECT_OK(index.write_pending(*file, static_cast<std::size_t>(written)));
    index.mark_written(static_cast<std::size_t>(written));
    for (int i = written; i < written + pending; ++i) index.add({10 * i, 100 * i});
    return index;
  }
};
INSTANTIATE_TEST_SUITE_P(, SparseIndexes, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

auto at_or_below(std::int32_t target) {
  return [target](const OffsetIndexEntry& entry) { return entry.relative_offset <= target; };
}

TEST_P(SparseIndexes, FindsTheGreatestAtOrBelowInFilesOfAnySize) {
  for (const int count : {0, 1, 2, 511, 512, 513, 1024, 5000}) {
    EXPECT_EQ(value_of(fs().exists(root() / "x.index")), false);
    auto index = make(count, 0);
    const auto snapshot = value_of(index.snapshot());
    for (int target = -1; target < 10 * count + 15; target += 7) {
      if (count == 0) break;
      const auto found = value_of(snapshot.last_where(at_or_below(target), ReadMode::kIfResident));
      if (target < 0) {
        EXPECT_FALSE(found.has_value());
        continue;
      }
      const auto expected = std::min(target / 10, count - 1);
      EXPECT_EQ(found, (OffsetIndexEntry{10 * expected, 100 * expected})) << count << " entries, " << target;
    }
    EXPECT_OK(fs().unlink(root() / "x.index"));
  }
}

TEST_P(SparseIndexes, PendingEntriesAreNotInTheFile) {
  auto index = make(3, 4);
  EXPECT_EQ(content(root() / "x.index").size(), 24U);
  EXPECT_EQ(index.count(), 7U);
  EXPECT_EQ(index.last(), (OffsetIndexEntry{60, 600}));
  EXPECT_EQ(index.last_written(), (OffsetIndexEntry{20, 200}));
  EXPECT_EQ(index.last_pending_where(at_or_below(45)), (OffsetIndexEntry{40, 400}));
  EXPECT_EQ(index.last_pending_where(at_or_below(29)), std::nullopt);
}

TEST_P(SparseIndexes, EntriesAreBigEndian) {
  SparseIndex<TimeIndexEntry> index(fs(), root() / "x.timeindex", 0, std::nullopt);
  index.add({0x0102030405060708, 0x11121314});
  bool created = false;
  auto file = value_of(index.file_for_writing(created));
  EXPECT_OK(index.write_pending(*file, 1));
  EXPECT_EQ(content(root() / "x.timeindex"), (Bytes{1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14}));
}

TEST_P(SparseIndexes, GarbageEndsTheSearchWithAnEntryThatHolds) {
  Bytes garbage(8 * 5000);
  SeededRandom random(3);
  random.fill(garbage);
  put(root() / "x.index", garbage);
  SparseIndex<OffsetIndexEntry> index(fs(), root() / "x.index", 5000, OffsetIndexEntry{});
  const auto snapshot = value_of(index.snapshot());
  for (int target = 0; target < 1'000'000; target += 9973) {
    const auto found = value_of(snapshot.last_where(at_or_below(target), ReadMode::kMayBlock));
    EXPECT_LE(found.value_or(OffsetIndexEntry{}).relative_offset, target);
  }
}

}  // namespace
}  // namespace weir::storage
