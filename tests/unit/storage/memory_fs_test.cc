// The double that the crash tests trust has tests of its own: what it keeps, loses and tears.
#include "support/memory_fs.h"

#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

using test::MemoryFs;
using test::PowerCut;

class MemoryFiles : public testing::Test {
 protected:
  MemoryFiles() {
    EXPECT_OK(fs_.create_directory("/d"));
    EXPECT_OK(fs_.sync_directory("/"));
  }
  std::shared_ptr<File> create(const Path& path) { return value_of(fs_.open(path, OpenMode::kCreateNew)); }
  static void write(File& file, std::string_view text, std::uint64_t offset) {
    const auto bytes = as_bytes(text);
    EXPECT_OK(file.pwritev({&bytes, 1}, offset));
  }
  static std::string content(FileSystem& fs, const Path& path) {
    return std::string(as_text(value_of(read_whole_file(fs, path, kMiB))));
  }
  MemoryFs fs_;
};

TEST_F(MemoryFiles, UnsyncedWritesAreKeptOrDropped) {
  auto file = create("/d/a");
  EXPECT_OK(fs_.sync_directory("/d"));
  write(*file, "synced", 0);
  EXPECT_OK(file->datasync());
  write(*file, "+more", 6);
  EXPECT_EQ(content(*fs_.after_power_cut(PowerCut::kKeep, 1), "/d/a"), "synced+more");
  EXPECT_EQ(content(*fs_.after_power_cut(PowerCut::kDrop, 1), "/d/a"), "synced");
  EXPECT_EQ(as_text(fs_.durable_content("/d/a")), "synced");
}

TEST_F(MemoryFiles, ASyncedFileWithoutASyncedNameIsLost) {
  auto file = create("/d/a");
  write(*file, "synced", 0);
  EXPECT_OK(file->datasync());
  EXPECT_FALSE(value_of(fs_.after_power_cut(PowerCut::kDrop, 1)->exists("/d/a")));
  EXPECT_OK(fs_.sync_directory("/d"));
  EXPECT_EQ(content(*fs_.after_power_cut(PowerCut::kDrop, 1), "/d/a"), "synced");
}

TEST_F(MemoryFiles, AnUnsyncedUnlinkOrRenameComesBack) {
  create("/d/a");
  create("/d/b");
  EXPECT_OK(fs_.sync_directory("/d"));
  EXPECT_OK(fs_.unlink("/d/a"));
  EXPECT_OK(fs_.rename("/d/b", "/d/c"));
  auto image = fs_.after_power_cut(PowerCut::kDrop, 1);
  EXPECT_TRUE(value_of(image->exists("/d/a")));
  EXPECT_TRUE(value_of(image->exists("/d/b")));
  EXPECT_FALSE(value_of(image->exists("/d/c")));
  EXPECT_OK(fs_.sync_directory("/d"));
  image = fs_.after_power_cut(PowerCut::kDrop, 1);
  EXPECT_FALSE(value_of(image->exists("/d/a")));
  EXPECT_FALSE(value_of(image->exists("/d/b")));
  EXPECT_TRUE(value_of(image->exists("/d/c")));
}

TEST_F(MemoryFiles, TearingLosesAnyOfTheWritesAndMovesTheSize) {
  auto file = create("/d/a");
  EXPECT_OK(fs_.sync_directory("/d"));
  write(*file, std::string(4096, 'a'), 0);
  EXPECT_OK(file->datasync());
  for (std::uint64_t i = 1; i <= 8; ++i) write(*file, std::string(4096, 'b'), 4096 * i);
  test::PowerCutLosses losses;
  bool had_hole = false;
  bool was_short = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto text = content(*fs_.after_power_cut(PowerCut::kTear, seed, &losses), "/d/a");
    EXPECT_EQ(text.substr(0, 4096), std::string(4096, 'a'));
    const auto first_zero = text.find('\0');
    had_hole = had_hole || (first_zero != std::string::npos && text.find('b', first_zero) != std::string::npos);
    was_short = was_short || text.size() < 9 * 4096;
  }
  EXPECT_TRUE(had_hole);
  EXPECT_TRUE(was_short);
  EXPECT_GT(losses.files_changed, 50U);
  EXPECT_GT(losses.later_write_survived, 0U);
}

TEST_F(MemoryFiles, TheSameSeedTearsTheSame) {
  auto file = create("/d/a");
  EXPECT_OK(fs_.sync_directory("/d"));
  write(*file, std::string(65536, 'b'), 0);
  EXPECT_EQ(content(*fs_.after_power_cut(PowerCut::kTear, 5), "/d/a"),
            content(*fs_.after_power_cut(PowerCut::kTear, 5), "/d/a"));
}

TEST_F(MemoryFiles, ALostWritebackStaysLostThoughLaterSyncsSucceed) {
  auto file = create("/d/a");
  EXPECT_OK(fs_.sync_directory("/d"));
  write(*file, "lost", 0);
  fs_.lose_writeback("/d/a");
  EXPECT_OK(file->datasync());
  EXPECT_EQ(content(fs_, "/d/a"), "lost");
  EXPECT_EQ(content(*fs_.after_power_cut(PowerCut::kKeep, 1), "/d/a"), "");
  file->drop_cache(0, 0);
  EXPECT_EQ(content(fs_, "/d/a"), "");
}

TEST_F(MemoryFiles, AnEvictedFileIsReadyAfterABlockingRead) {
  auto file = create("/d/a");
  write(*file, "cold", 0);
  fs_.evict("/d/a");
  Bytes got(4);
  EXPECT_FALSE(file->is_resident(0, 4));
  EXPECT_EQ(code_of(file->pread_if_resident(got, 0)), Errc::kNotReady);
  EXPECT_OK(file->pread(got, 0));
  EXPECT_OK(file->pread_if_resident(got, 0));
}

TEST_F(MemoryFiles, AFaultHitsTheCallItWasMeantFor) {
  test::FaultFs faults(fs_);
  auto file = value_of(faults.open("/d/a", OpenMode::kCreateNew));
  faults.fail_call(3, ENOSPC);
  write(*file, "one", 0);
  EXPECT_FALSE(faults.fired());
  const auto bytes = as_bytes("two");
  EXPECT_EQ(code_of(file->pwritev({&bytes, 1}, 3)), Errc::kNoSpace);
  EXPECT_TRUE(faults.fired());
  EXPECT_EQ(faults.failed_call(), "pwritev /d/a");
  EXPECT_OK(file->datasync());
  EXPECT_EQ(faults.calls_count(), 4U);
}

TEST_F(MemoryFiles, NothingWorksWithoutPower) {
  test::FaultFs faults(fs_);
  faults.cut_power_at(2);
  EXPECT_OK(faults.open("/d/a", OpenMode::kCreateNew));
  EXPECT_EQ(code_of(faults.sync_directory("/d")), Errc::kIo);
  EXPECT_EQ(code_of(faults.list("/d")), Errc::kIo);
  EXPECT_EQ(code_of(faults.open("/d/b", OpenMode::kCreateNew)), Errc::kIo);
  EXPECT_FALSE(value_of(fs_.exists("/d/b")));
}

}  // namespace
}  // namespace weir::storage
