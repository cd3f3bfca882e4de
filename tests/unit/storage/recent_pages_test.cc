// Drop-behind: what leaves the page cache, and when.
#include "storage/recent_pages.h"

#include "storage_fixture.h"

namespace weir::storage {
namespace {

TEST(RecentPagesBudget, TheOldestLeaveFirst) {
  RecentPages recent(100);
  EXPECT_TRUE(recent.add({{}, 0, 60}).empty());
  EXPECT_TRUE(recent.add({{}, 60, 100}).empty());
  const auto leaving = recent.add({{}, 100, 170});
  ASSERT_EQ(leaving.size(), 2U);
  EXPECT_EQ(leaving[0].from, 0U);
  EXPECT_EQ(leaving[1].from, 60U);
  EXPECT_EQ(recent.add({{}, 170, 400}).size(), 2U) << "more than the budget stays by nothing";
}

// What is read afterwards comes from the disk, and is what was written.
TEST(RecentPagesOfLogs, LeaveOnceTheyAreDurable) {
  auto name = (std::filesystem::temp_directory_path() / "weir-recent-pages-XXXXXX").string();
  const Path root = ::mkdtemp(name.data());
  PosixFileSystem fs;
  RecentPages recent(8 * kMiB);
  LogSettings settings;
  settings.segment_bytes = 10 * kMiB;
  LogDriver driver(fs, root / "topic-0", settings);
  LogOpenOptions options;
  options.recent_pages = &recent;
  ASSERT_OK(driver.open(options));
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK(driver.append(1, kMiB));
    ASSERT_OK(driver.flush());
  }
  const auto end = driver.log().log_end();
  const auto view = driver.log().view();
  ASSERT_GE(view->segments().size(), 3U);
  const auto oldest = value_of(view->segments().front()->log_file());
  const auto newest = value_of(view->segments().back()->log_file());
  EXPECT_TRUE(newest->is_resident(0, value_of(newest->size_bytes())));
  if (oldest->is_resident(0, 4 * kMiB)) {
    std::filesystem::remove_all(root);
    GTEST_SKIP() << "tmpfs and the like have no other place for their pages";
  }
  EXPECT_EQ(value_of(driver.read(Offset{0}, end)), driver.expected(Offset{0}, end));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weir::storage
