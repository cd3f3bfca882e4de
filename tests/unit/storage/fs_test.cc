#include "storage/fs.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage_fixture.h"

namespace weir::storage {
namespace {

class Files : public StorageTest {};
INSTANTIATE_TEST_SUITE_P(, Files, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(Files, WritesPiecesOneAfterAnother) {
  auto file = value_of(fs().open(root() / "a", OpenMode::kCreateNew));
  // More pieces than one call takes, empty ones among them.
  Bytes expected;
  std::vector<Bytes> owned;
  for (int i = 0; i < 200; ++i) owned.emplace_back(static_cast<std::size_t>(i % 7), static_cast<std::uint8_t>(i));
  std::vector<ByteView> pieces;
  for (const auto& piece : owned) {
    pieces.emplace_back(piece);
    expected.insert(expected.end(), piece.begin(), piece.end());
  }
  EXPECT_OK(file->pwritev(pieces, 3));
  EXPECT_EQ(value_of(file->size_bytes()), expected.size() + 3);
  Bytes got(expected.size());
  EXPECT_EQ(value_of(file->pread(got, 3)), expected.size());
  EXPECT_EQ(got, expected);
}

TEST_P(Files, ReadsLessAtTheEndOnly) {
  auto file = value_of(fs().open(root() / "a", OpenMode::kCreateNew));
  const auto text = as_bytes("0123456789");
  EXPECT_OK(file->pwritev({&text, 1}, 0));
  Bytes got(8);
  EXPECT_EQ(value_of(file->pread(got, 6)), 4U);
  EXPECT_EQ(value_of(file->pread_if_resident(got, 6)), 4U);
  EXPECT_EQ(value_of(file->pread(got, 10)), 0U);
  EXPECT_EQ(value_of(file->pread(got, 4000)), 0U);
  EXPECT_TRUE(file->is_resident(0, 10));
  EXPECT_TRUE(file->is_resident(0, 0));
}

TEST_P(Files, OpenModes) {
  EXPECT_EQ(code_of(fs().open(root() / "a", OpenMode::kRead)), Errc::kNotFound);
  EXPECT_EQ(code_of(fs().open(root() / "a", OpenMode::kReadWrite)), Errc::kNotFound);
  EXPECT_EQ(code_of(fs().open(root() / "none" / "a", OpenMode::kOpenOrCreate)), Errc::kNotFound);
  EXPECT_OK(fs().open(root() / "a", OpenMode::kCreateNew));
  EXPECT_EQ(code_of(fs().open(root() / "a", OpenMode::kCreateNew)), Errc::kAlreadyExists);
  EXPECT_OK(fs().open(root() / "a", OpenMode::kOpenOrCreate));
  EXPECT_OK(fs().open(root() / "a", OpenMode::kReadWrite));
}

TEST_P(Files, ErrorsNameTheCallAndThePath) {
  const auto opened = fs().open(root() / "missing", OpenMode::kRead);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().context, "open " + (root() / "missing").string());
  EXPECT_EQ(opened.error().os_errno, ENOENT);
}

TEST_P(Files, TruncateCutsAndGrows) {
  auto file = value_of(fs().open(root() / "a", OpenMode::kCreateNew));
  const auto text = as_bytes("0123456789");
  EXPECT_OK(file->pwritev({&text, 1}, 0));
  EXPECT_OK(file->truncate(4));
  EXPECT_OK(file->truncate(6));
  EXPECT_EQ(as_text(content(root() / "a")), std::string_view("0123\0\0", 6));
}

TEST_P(Files, PreallocatingKeepsTheSize) {
  auto file = value_of(fs().open(root() / "a", OpenMode::kCreateNew));
  const auto reserved = file->preallocate(0, kMiB);
  if (!reserved && reserved.error().code == Errc::kUnsupported) GTEST_SKIP() << "no fallocate here";
  EXPECT_OK(reserved);
  EXPECT_EQ(value_of(file->size_bytes()), 0U);
}

TEST_P(Files, NamesComeAndGo) {
  EXPECT_OK(fs().create_directory(root() / "d"));
  EXPECT_EQ(code_of(fs().create_directory(root() / "d")), Errc::kAlreadyExists);
  EXPECT_OK(fs().open(root() / "d" / "a", OpenMode::kCreateNew));
  EXPECT_OK(fs().open(root() / "d" / "b", OpenMode::kCreateNew));
  EXPECT_FALSE(fs().remove_directory(root() / "d").has_value());
  EXPECT_OK(fs().rename(root() / "d" / "a", root() / "d" / "b"));
  EXPECT_EQ(names_in(root() / "d"), (std::vector<std::string>{"b"}));
  EXPECT_TRUE(value_of(fs().exists(root() / "d" / "b")));
  EXPECT_FALSE(value_of(fs().exists(root() / "d" / "a")));
  EXPECT_FALSE(value_of(fs().exists(root() / "none" / "a")));
  EXPECT_OK(fs().sync_directory(root() / "d"));
  EXPECT_OK(fs().unlink(root() / "d" / "b"));
  EXPECT_EQ(code_of(fs().unlink(root() / "d" / "b")), Errc::kNotFound);
  EXPECT_OK(fs().remove_directory(root() / "d"));
  EXPECT_EQ(code_of(fs().list(root() / "d")), Errc::kNotFound);
  EXPECT_FALSE(fs().sync_directory(root() / "d").has_value());
  const auto entries = value_of(fs().list(root()));
  EXPECT_TRUE(entries.empty());
}

TEST_P(Files, ListTellsDirectories) {
  EXPECT_OK(fs().create_directory(root() / "d"));
  EXPECT_OK(fs().open(root() / "f", OpenMode::kCreateNew));
  for (const auto& entry : value_of(fs().list(root()))) EXPECT_EQ(entry.is_directory, entry.name == "d");
}

TEST_P(Files, AnOpenFileOutlivesItsName) {
  auto file = value_of(fs().open(root() / "a", OpenMode::kCreateNew));
  const auto text = as_bytes("still here");
  EXPECT_OK(file->pwritev({&text, 1}, 0));
  EXPECT_OK(fs().unlink(root() / "a"));
  Bytes got(10);
  EXPECT_EQ(value_of(file->pread(got, 0)), 10U);
}

TEST_P(Files, ALockIsHeldOnceAtATime) {
  auto first = value_of(fs().lock(root() / ".lock"));
  EXPECT_EQ(code_of(fs().lock(root() / ".lock")), Errc::kBusy);
  first.reset();
  EXPECT_OK(fs().lock(root() / ".lock"));
}

TEST_P(Files, AtomicWritesReplaceTheWhole) {
  const auto path = root() / "state";
  EXPECT_OK(write_file_atomically(fs(), path, as_bytes("a longer first version")));
  EXPECT_OK(write_file_atomically(fs(), path, as_bytes("second")));
  EXPECT_EQ(as_text(content(path)), "second");
  EXPECT_EQ(names_in(root()), (std::vector<std::string>{"state"}));
  EXPECT_EQ(code_of(read_whole_file(fs(), path, 5)), Errc::kTooLarge);
  EXPECT_OK(read_whole_file(fs(), path, 6));
  EXPECT_OK(write_file_atomically(fs(), path, {}));
  EXPECT_TRUE(content(path).empty());
}

TEST_P(Files, AtomicWritesWriteOverALeftover) {
  put(root() / "state.tmp", as_bytes("half of something much longer"));
  EXPECT_OK(write_file_atomically(fs(), root() / "state", as_bytes("new")));
  EXPECT_EQ(as_text(content(root() / "state")), "new");
}

TEST(PosixFileSystem, ALockExcludesPosixRecordLocks) {
  auto name = (std::filesystem::temp_directory_path() / "weir-storage-test-XXXXXX").string();
  const Path directory = ::mkdtemp(name.data());
  PosixFileSystem fs;
  const auto lock = value_of(fs.lock(directory / ".lock"));
  // What the JVM's FileChannel.tryLock does.
  const int fd = ::open((directory / ".lock").c_str(), O_RDWR | O_CLOEXEC);
  struct flock wanted{};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  EXPECT_EQ(::fcntl(fd, F_SETLK, &wanted), -1);
  EXPECT_TRUE(errno == EAGAIN || errno == EACCES);
  ::close(fd);
  std::filesystem::remove_all(directory);
}

TEST(PosixFileSystem, DroppedPagesAreNotResident) {
  auto name = (std::filesystem::temp_directory_path() / "weir-storage-test-XXXXXX").string();
  const Path directory = ::mkdtemp(name.data());
  PosixFileSystem fs;
  {
    auto file = value_of(fs.open(directory / "a", OpenMode::kCreateNew));
    const Bytes bytes(kMiB, 7);
    const ByteView view = bytes;
    EXPECT_OK(file->pwritev({&view, 1}, 0));
    EXPECT_TRUE(file->is_resident(0, kMiB));
    EXPECT_OK(file->datasync());
    file->drop_cache(0, 0);
    Bytes got(kMiB);
    if (file->is_resident(0, kMiB)) {
      // tmpfs and the like have no other place for their pages.
      EXPECT_EQ(value_of(file->pread_if_resident(got, 0)), kMiB);
    } else {
      EXPECT_EQ(code_of(file->pread_if_resident(got, 0)), Errc::kNotReady);
      EXPECT_EQ(value_of(file->pread(got, 0)), kMiB);
      EXPECT_TRUE(file->is_resident(0, kMiB));
      EXPECT_EQ(value_of(file->pread_if_resident(got, 0)), kMiB);
      EXPECT_EQ(got, bytes);
    }
  }
  std::filesystem::remove_all(directory);
}

// An ack may hang on a new name while every descriptor is in use.
TEST(PosixFiles, ADirectoryIsSyncedWithoutADescriptorLeft) {
  const auto directory = std::filesystem::temp_directory_path();
  PosixFileSystem fs;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<std::shared_ptr<File>> taken;
  for (;;) {
    auto file = fs.open("/dev/null", OpenMode::kRead);
    if (!file) break;
    taken.push_back(*std::move(file));
  }
  const auto refused = code_of(fs.open("/dev/null", OpenMode::kRead));
  const auto first = fs.sync_directory(directory);
  const auto second = fs.sync_directory(directory);
  taken.clear();
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(refused, Errc::kTooManyFiles);
  EXPECT_OK(first);
  EXPECT_OK(second);
}

}  // namespace
}  // namespace weir::storage
