// Descriptors follow the work: how many segments hold files open, and what stays open whatever else is opened.
#include "storage/open_segments.h"

#include "storage/removal.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

constexpr std::size_t kOpenMax = 4;

class SegmentsLimit : public testing::Test {
 protected:
  SegmentsLimit() {
    EXPECT_OK(memory_.create_directory("/data"));
    LogSettings settings;
    settings.segment_bytes = 600;
    settings.index_interval_bytes = 100;
    for (int i = 0; i < 8; ++i) {
      drivers_.push_back(std::make_unique<LogDriver>(faults_, "/data/topic-" + std::to_string(i), settings));
      LogOpenOptions options;
      options.open_segments = &open_;
      EXPECT_OK(drivers_.back()->open(options));
    }
  }

  test::MemoryFs memory_;
  test::FaultFs faults_{memory_, 3};
  OpenSegments open_{kOpenMax};
  std::vector<std::unique_ptr<LogDriver>> drivers_;
};

TEST_F(SegmentsLimit, FilesOfIdleSegmentsAreClosedAndOpenedAgain) {
  for (int round = 0; round < 20; ++round) {
    for (auto& driver : drivers_) {
      ASSERT_OK(driver->append());
      ASSERT_OK(driver->flush());
      // One may be over: what was opened last is only closed by the next.
      EXPECT_LE(open_.count(), kOpenMax + 1);
    }
  }
  for (auto& driver : drivers_) {
    const auto end = driver->log().log_end();
    ASSERT_GT(driver->log().view()->segments().size(), 2U);
    EXPECT_EQ(value_of(driver->read(Offset{0}, end)), driver->expected(Offset{0}, end));
    EXPECT_LE(open_.count(), kOpenMax + 1);
    ASSERT_OK(driver->log().close());
  }
  drivers_.clear();
  EXPECT_EQ(open_.count(), 0U);
}

// A write-back that fails is told to who has the file open.
TEST_F(SegmentsLimit, WhatIsNotDurableStaysOpen) {
  for (auto& driver : drivers_) ASSERT_OK(driver->append());
  EXPECT_EQ(open_.count(), drivers_.size());
  for (auto& driver : drivers_) ASSERT_OK(driver->flush());
  for (int round = 0; round < 3; ++round) {
    for (auto& driver : drivers_) ASSERT_OK(driver->read(Offset{0}, Offset{1}));
  }
  while (open_.close_one()) {
  }
  EXPECT_EQ(open_.count(), 0U);
}

// Neither a want of descriptors nor a new name meets the flush that finishes a segment.
TEST_F(SegmentsLimit, ASealedSegmentStaysOpenUntilItIsFinished) {
  auto& driver = *drivers_[0];
  while (driver.log().view()->segments().size() == 1) ASSERT_OK(driver.append());
  EXPECT_EQ(open_.count(), 2U);
  ASSERT_OK(driver.flush());
  EXPECT_TRUE(open_.close_one()) << "the active one: all of it is durable";
  EXPECT_FALSE(open_.close_one()) << "the sealed one waits for the next flush";
  ASSERT_OK(driver.append());
  ASSERT_OK(driver.flush());
  EXPECT_TRUE(open_.close_one());
  EXPECT_TRUE(open_.close_one()) << "and is as durable as the active one by then";
  EXPECT_EQ(open_.count(), 0U);
  EXPECT_EQ(value_of(driver.read(Offset{0}, driver.log().log_end())),
            driver.expected(Offset{0}, driver.log().log_end()));
}

// Its directory's name may be another topic's by now.
TEST_F(SegmentsLimit, AClosedSegmentOfADeletedTopicStaysClosed) {
  ASSERT_OK(drivers_[0]->append());
  ASSERT_OK(drivers_[0]->flush());
  const auto segment = drivers_[0]->log().view()->segments().front();
  ASSERT_TRUE(open_.close_one());
  segment->retire();
  EXPECT_EQ(code_of(segment->log_file()), Errc::kNotFound);
}

TEST_F(SegmentsLimit, WhatTheLogLetGoIsFoundUnderItsNewName) {
  ASSERT_OK(drivers_[0]->append());
  ASSERT_OK(drivers_[0]->flush());
  const auto segment = drivers_[0]->log().view()->segments().front();
  ASSERT_TRUE(open_.close_one());
  std::vector<Path> marked;
  ASSERT_OK(mark_deleted(faults_, *segment, marked));
  EXPECT_OK(segment->log_file());
}

TEST_F(SegmentsLimit, WhatIsBeingReadStaysOpen) {
  ASSERT_OK(drivers_[0]->append());
  ASSERT_OK(drivers_[0]->flush());
  const auto held = value_of(drivers_[0]->log().view()->segments()[0]->log_file());
  for (int tries = 0; tries < 10; ++tries) EXPECT_FALSE(open_.close_one());
  EXPECT_EQ(open_.count(), 1U);
}

TEST_F(SegmentsLimit, AnotherGivesItsDescriptorWhenTheyHaveRunOut) {
  ASSERT_OK(drivers_[0]->append());
  ASSERT_OK(drivers_[0]->flush());
  faults_.fail_call(faults_.calls_count() + 1, EMFILE);
  ASSERT_OK(drivers_[1]->append());
  EXPECT_EQ(open_.count(), 1U);
}

}  // namespace
}  // namespace weir::storage
