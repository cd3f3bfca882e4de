// What the tests of storage share: each body runs on the memory and on the POSIX file system, and drives a log the way
// its owner does, remembering every batch it appended.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/log.h"
#include "storage/posix_fs.h"
#include "support/batch_factory.h"
#include "support/manual_clock.h"
#include "support/memory_fs.h"

namespace weir::storage {

// The value, or a failed test that says why there is none.
template <class T>
T value_of(Result<T> result) {
  if (result.has_value()) return *std::move(result);
  ADD_FAILURE() << to_string(result.error());
  throw std::runtime_error("no value");
}

inline Errc code_of(const auto& result) {
  return result.has_value() ? Errc{-1} : result.error().code;
}

#define EXPECT_OK(expression)                                                         \
  do {                                                                                \
    const auto& expect_ok_result = (expression);                                      \
    EXPECT_TRUE(expect_ok_result.has_value()) << to_string(expect_ok_result.error()); \
  } while (false)

#define ASSERT_OK(expression)                                                         \
  do {                                                                                \
    const auto& assert_ok_result = (expression);                                      \
    ASSERT_TRUE(assert_ok_result.has_value()) << to_string(assert_ok_result.error()); \
  } while (false)

enum class FsKind { kMemory, kPosix };

inline std::string to_string(const testing::TestParamInfo<FsKind>& info) {
  return info.param == FsKind::kMemory ? "Memory" : "Posix";
}

class StorageTest : public testing::TestWithParam<FsKind> {
 protected:
  StorageTest() {
    if (GetParam() == FsKind::kMemory) {
      fs_ = std::make_unique<test::MemoryFs>();
      root_ = "/data";
      EXPECT_OK(fs_->create_directory(root_));
      EXPECT_OK(fs_->sync_directory("/"));
      return;
    }
    fs_ = std::make_unique<PosixFileSystem>();
    auto name = (std::filesystem::temp_directory_path() / "weir-storage-test-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~StorageTest() override {
    if (GetParam() == FsKind::kPosix) std::filesystem::remove_all(root_);
  }

  [[nodiscard]] FileSystem& fs() { return *fs_; }
  [[nodiscard]] test::MemoryFs& memory() { return static_cast<test::MemoryFs&>(*fs_); }
  [[nodiscard]] const Path& root() const { return root_; }
  [[nodiscard]] bool on_memory() const { return GetParam() == FsKind::kMemory; }

  Bytes content(const Path& path) { return value_of(read_whole_file(*fs_, path, 64 * kMiB)); }
  void put(const Path& path, ByteView bytes) {
    auto file = value_of(fs_->open(path, OpenMode::kOpenOrCreate));
    EXPECT_OK(file->truncate(0));
    EXPECT_OK(file->pwritev({&bytes, 1}, 0));
  }
  std::vector<std::string> names_in(const Path& directory) {
    std::vector<std::string> names;
    for (auto& entry : value_of(fs_->list(directory))) names.push_back(std::move(entry.name));
    std::ranges::sort(names);
    return names;
  }

 private:
  std::unique_ptr<FileSystem> fs_;
  Path root_;
};

// The bytes of a chain, pieces of files included.
inline Bytes flatten(const ByteChain& chain) {
  Bytes bytes;
  for (const auto& piece : chain.pieces()) {
    if (const auto* slice = std::get_if<SharedSlice>(&piece)) {
      bytes.insert(bytes.end(), slice->view.begin(), slice->view.end());
      continue;
    }
    const auto& range = std::get<FileRange>(piece);
    const auto at = bytes.size();
    bytes.resize(at + range.size);
    const auto* file = static_cast<const File*>(range.owner.get());
    EXPECT_EQ(value_of(file->pread(MutableByteView(bytes).subspan(at), range.offset)), range.size);
  }
  return bytes;
}

// A log with its owner's calls in one line each.
class LogDriver {
 public:
  LogDriver(FileSystem& fs, Path directory, LogSettings settings = {})
      : fs_(fs), directory_(std::move(directory)), settings_(settings) {}

  // An unclean open unless `options` says otherwise.
  Result<void> open(LogOpenOptions options = {}) {
    log_.reset();
    auto opened = Log::open(fs_, clock_, random_, directory_, settings_, std::move(options));
    if (!opened) return std::unexpected(std::move(opened).error());
    log_ = *std::move(opened);
    return {};
  }
  // As after a kill: nothing is flushed or closed.
  void drop() { log_.reset(); }

  Result<void> append(std::int32_t record_count = 1, std::size_t value_bytes = 100,
                      std::int64_t timestamp_ms = 1'700'000'000'000) {
    test::BatchSpec spec;
    spec.count = record_count;
    spec.value_bytes = value_bytes;
    spec.base_timestamp_ms = timestamp_ms;
    return append_batch(test::make_batch(spec));
  }
  Result<void> append_batch(Bytes batch) {
    record::stamp_batch(batch, log_->log_end(), LeaderEpoch{7});
    const auto header = record::BatchHeader::read(batch.data());
    WEIR_TRY(log_->append(batch, header));
    appended_[header.base_offset] = std::move(batch);
    return {};
  }
  Result<void> flush() {
    const auto job = log_->begin_flush();
    return log_->complete_flush(job, run_flush(job));
  }

  // Every batch in [from, limit), read in pieces of at most `max_bytes`.
  Result<Bytes> read(Offset from, Offset limit, std::uint64_t max_bytes = kMiB) const {
    Bytes bytes;
    const auto view = log_->view();
    while (from < limit) {
      WEIR_TRY_ASSIGN(piece, view->read(from, limit, max_bytes, true, ReadMode::kMayBlock));
      if (piece.bytes.empty()) break;
      const auto flat = flatten(piece.bytes);
      bytes.insert(bytes.end(), flat.begin(), flat.end());
      from = piece.next;
    }
    return bytes;
  }
  // What was appended with offsets in [from, limit).
  [[nodiscard]] Bytes expected(Offset from, Offset limit) const {
    Bytes bytes;
    for (const auto& [offset, batch] : appended_) {
      if (offset < from || offset >= limit) continue;
      bytes.insert(bytes.end(), batch.begin(), batch.end());
    }
    return bytes;
  }

  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] const Path& directory() const { return directory_; }
  [[nodiscard]] LogSettings& settings() { return settings_; }
  [[nodiscard]] const std::map<Offset, Bytes>& appended() const { return appended_; }
  [[nodiscard]] Path file(std::int64_t base, std::string_view suffix) const {
    return directory_ / fmt::format("{:020}{}", base, suffix);
  }

 private:
  FileSystem& fs_;
  const Path directory_;
  LogSettings settings_;
  ManualClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<Log> log_;
  std::map<Offset, Bytes> appended_;
};

}  // namespace weir::storage
