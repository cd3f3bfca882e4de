// What recovery makes of segments below the start of their log: they were on their way out, power may have taken some
// of them and left the rest.
#include "recovery_fixture.h"

namespace weir::storage {
namespace {

class RecoveriesBelowTheStart : public RecoveryTest {};
INSTANTIATE_TEST_SUITE_P(, RecoveriesBelowTheStart, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

// Retention had moved the start over two segments when power was lost: one of them was gone by then, the older one not.
TEST_P(RecoveriesBelowTheStart, WhatIsLeftBelowTheStartEndsNothing) {
  append_batches(40);
  ASSERT_OK(driver_.flush());
  const auto second = base_of_segment(1);
  const auto third = base_of_segment(2);
  driver_.drop();
  ASSERT_OK(fs().unlink(driver_.file(second.value(), ".log")));
  for (const bool knows_log_start : {true, false}) {
    ASSERT_OK(driver_.open({.log_start = third, .knows_log_start = knows_log_start}));
    EXPECT_EQ(driver_.log().log_start(), third);
    EXPECT_EQ(driver_.log().log_end(), Offset{80});
    EXPECT_EQ(value_of(driver_.read(third, Offset{80})), driver_.expected(third, Offset{80}));
    EXPECT_TRUE(driver_.log().has_segments_below_start());
  }
  EXPECT_EQ(driver_.log().advance_start(third).size(), 1U);
}

// The start lies in a segment that is gone; what lay before it was on its way out, what follows was never durable.
TEST_P(RecoveriesBelowTheStart, AGapThatReachesPastTheStartEndsTheLog) {
  append_batches(80);
  ASSERT_GT(driver_.log().view()->segments().size(), 3U);
  const auto second = base_of_segment(1);
  const auto third = base_of_segment(2);
  driver_.drop();
  ASSERT_OK(fs().unlink(driver_.file(second.value(), ".log")));
  ASSERT_OK(fs().unlink(driver_.file(third.value(), ".log")));
  ASSERT_OK(driver_.open({.recovery_point = third, .log_start = third, .knows_log_start = true}));
  EXPECT_EQ(driver_.log().log_start(), third);
  EXPECT_EQ(driver_.log().log_end(), third);
}

// Whatever became of a segment that the start has passed, those behind it hold what was acked.
TEST_P(RecoveriesBelowTheStart, WhatIsBadBelowTheStartEndsNothing) {
  append_batches(40);
  const auto second = base_of_segment(1);
  const auto third = base_of_segment(2);
  driver_.drop();
  const auto path = driver_.file(second.value(), ".log");
  const auto whole = content(path);
  auto torn = whole;
  std::ranges::fill(MutableByteView(torn).subspan(driver_.expected(second, second + 2).size()), std::uint8_t{0});
  // Above the floor it is a torn tail, around the floor damage that nothing readable follows.
  for (const auto floor : {Offset{0}, second + 2, second + 4, third - 1, third}) {
    forget_indexes();  // what the open before made durable
    put(path, torn);
    ASSERT_OK(driver_.open({.recovery_point = floor, .log_start = third, .knows_log_start = true}));
    EXPECT_EQ(driver_.log().log_end(), Offset{80}) << floor.value();
    EXPECT_EQ(value_of(driver_.read(third, Offset{80})), driver_.expected(third, Offset{80})) << floor.value();
    EXPECT_TRUE(driver_.log().recovery().damaged.empty()) << floor.value();
    driver_.drop();
  }
}

// Nothing of the first segment is left, and it is not what retention stops at.
TEST_P(RecoveriesBelowTheStart, ASegmentBelowTheStartMayBeEmpty) {
  append_batches(40);
  const auto second = base_of_segment(1);
  const auto third = base_of_segment(2);
  driver_.drop();
  forget_indexes();
  const auto path = driver_.file(0, ".log");
  put(path, Bytes(content(path).size()));
  ASSERT_OK(driver_.open({.log_start = second, .knows_log_start = true}));
  EXPECT_EQ(driver_.log().log_end(), Offset{80});
  EXPECT_TRUE(driver_.log().has_segments_below_start());
  EXPECT_EQ(driver_.log().retained_start({.retention_bytes = 0}, third, 0), third);
  EXPECT_EQ(driver_.log().advance_start(second).size(), 1U);
  EXPECT_FALSE(driver_.log().has_segments_below_start());
}

// The offset of a batch lies outside its checksum: rotted, it claims those of the segments behind.
TEST_P(RecoveriesBelowTheStart, OffsetsClaimedBelowTheStartEndNothing) {
  append_batches(40);
  const auto second = base_of_segment(1);
  const auto third = base_of_segment(2);
  driver_.drop();
  const auto path = driver_.file(second.value(), ".log");
  const auto whole = content(path);
  for (const auto floor : {Offset{0}, second + 2, third}) {
    forget_indexes();
    auto rotted = whole;
    rotted[driver_.expected(second, second + 2).size() + 5] ^= 1;  // 2^16 more
    put(path, rotted);
    ASSERT_OK(driver_.open({.recovery_point = floor, .log_start = third, .knows_log_start = true}));
    EXPECT_EQ(driver_.log().log_end(), Offset{80}) << floor.value();
    EXPECT_EQ(value_of(driver_.read(third, Offset{80})), driver_.expected(third, Offset{80})) << floor.value();
    EXPECT_EQ(driver_.log().advance_start(third).size(), 2U) << floor.value();
    driver_.drop();
  }
}

TEST_P(RecoveriesBelowTheStart, ALogBelowItsStartBeginsAnewThere) {
  append_batches(5);
  ASSERT_OK(driver_.flush());
  LogOpenOptions options;
  options.log_start = Offset{1000};
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_start(), Offset{1000});
  EXPECT_EQ(driver_.log().log_end(), Offset{1000});
  EXPECT_EQ(segment_files(), (std::vector<std::string>{"00000000000000000000.log.aside", "00000000000000001000.log"}));
  EXPECT_EQ(content(driver_.file(0, ".log.aside")), driver_.expected(Offset{0}, Offset{10}));
  EXPECT_EQ(driver_.log().recovery().set_aside_bytes, content(driver_.file(0, ".log.aside")).size());
  // Nothing takes it away, and a second one gets a name of its own.
  for (const bool clean : {true, false}) {
    options.clean = clean;
    ASSERT_OK(driver_.open(options));
    EXPECT_EQ(segment_files().front(), "00000000000000000000.log.aside");
  }
  put(driver_.file(0, ".log"), driver_.expected(Offset{0}, Offset{4}));
  ASSERT_OK(fs().unlink(driver_.file(1000, ".log")));
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(content(driver_.file(0, ".log.aside")), driver_.expected(Offset{0}, Offset{10}));
  EXPECT_EQ(content(driver_.file(0, ".log.aside.2")), driver_.expected(Offset{0}, Offset{4}));
}

// Compaction may have taken what lay between the log's start and its first segment.
TEST_P(RecoveriesBelowTheStart, ALogIsNotSetAsideThatBeginsAtWhatWasDurable) {
  append_batches(20);
  ASSERT_OK(driver_.flush());
  const auto second = base_of_segment(1);
  const auto end = driver_.log().log_end();
  ASSERT_OK(fs().unlink(driver_.file(0, ".log")));
  driver_.drop();
  LogOpenOptions options;
  options.recovery_point = second;
  options.log_start = second - 1;
  options.knows_log_start = true;
  ASSERT_OK(driver_.open(options));
  EXPECT_EQ(driver_.log().log_end(), end);
  EXPECT_EQ(driver_.log().recovery().set_aside_bytes, 0U);
}

}  // namespace
}  // namespace weir::storage
