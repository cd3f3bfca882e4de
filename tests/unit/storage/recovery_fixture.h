// A log of small segments, and what a test of its recovery does to them.
#pragma once

#include <string>
#include <vector>

#include "storage/log_recovery.h"
#include "storage_fixture.h"

namespace weir::storage {

class RecoveryTest : public StorageTest {
 protected:
  RecoveryTest() : driver_(fs(), root() / "topic-0", settings()) { EXPECT_OK(driver_.open()); }
  static LogSettings settings() {
    LogSettings settings;
    settings.segment_bytes = 3000;
    settings.index_interval_bytes = 300;
    return settings;
  }
  // `count` batches of two records, some 250 bytes each.
  void append_batches(int count) {
    for (int i = 0; i < count; ++i) ASSERT_OK(driver_.append(2, 60));
  }
  void write_at(const Path& path, std::uint64_t offset, ByteView bytes) {
    auto file = value_of(fs().open(path, OpenMode::kReadWrite));
    ASSERT_OK(file->pwritev({&bytes, 1}, offset));
  }
  void truncate(const Path& path, std::uint64_t size) {
    ASSERT_OK(value_of(fs().open(path, OpenMode::kReadWrite))->truncate(size));
  }
  Offset base_of_segment(std::size_t index) { return driver_.log().view()->segments()[index]->base_offset(); }
  // No floor but the recovery point: an index says that what it covers is durable.
  void forget_indexes() {
    for (const auto& name : names_in(driver_.directory())) {
      if (name.ends_with("index")) EXPECT_OK(fs().unlink(driver_.directory() / name));
    }
  }
  // Of segments, whatever is there besides.
  std::vector<std::string> segment_files() {
    auto names = names_in(driver_.directory());
    std::erase_if(names, [](const std::string& name) { return name[0] < '0' || name[0] > '9'; });
    return names;
  }
  std::vector<Offset> visited() {
    std::vector<Offset> offsets;
    EXPECT_OK(driver_.log().view()->visit_headers(driver_.log().log_start(), driver_.log().log_end(),
                                                  [&](const record::BatchHeader& header) -> Result<void> {
                                                    offsets.push_back(header.base_offset);
                                                    return {};
                                                  }));
    return offsets;
  }
  Bytes read_all() { return value_of(driver_.read(driver_.log().log_start(), driver_.log().log_end())); }

  LogDriver driver_;
};

}  // namespace weir::storage
