#include "storage/second_sync.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "storage/log.h"
#include "storage_fixture.h"
#include "support/fault_fs.h"

namespace weir::storage {
namespace {

constexpr int kFlushesUntilReady = 32;  // zeros are there and durable, and the second description is open
constexpr int kFlushesUntilUsual = 70;  // how long they take is known

class SecondSyncs : public testing::Test {
 protected:
  SecondSyncs() : faults_(memory_, 1), driver_(faults_, "/topic-0") {}

  void make_ready() {
    ASSERT_OK(driver_.open());
    for (int i = 0; i < kFlushesUntilReady; ++i) flush_one();
  }
  void flush_one() {
    ASSERT_OK(driver_.append());
    const auto job = driver_.log().begin_flush();
    driver_.clock().advance(Millis{1});
    ASSERT_OK(driver_.log().complete_flush(job, run_flush(job)));
  }
  // A job that is out, and long enough for any to be late.
  FlushJob hanging_job() {
    EXPECT_OK(driver_.append());
    auto job = driver_.log().begin_flush();
    driver_.clock().advance(Millis{100});
    return job;
  }
  Log& log() { return driver_.log(); }

  test::MemoryFs memory_;
  test::FaultFs faults_;
  LogDriver driver_;
};

TEST_F(SecondSyncs, WhatComesBehindALateJobIsDurableBeforeItIs) {
  make_ready();
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  ASSERT_TRUE(log().needs_flush());
  const auto second = log().begin_flush();
  ASSERT_NE(second.second_file, nullptr);
  EXPECT_FALSE(log().needs_flush()) << "two at a time at most";
  ASSERT_OK(log().complete_flush(second, run_flush(second)));
  const auto end = log().log_end();
  EXPECT_EQ(log().flushed_end(), end);
  EXPECT_TRUE(log().is_flushing());

  const auto after_cut = memory_.after_power_cut(test::PowerCut::kDrop, 1);
  LogDriver recovered(*after_cut, "/topic-0");
  ASSERT_OK(recovered.open());
  EXPECT_EQ(recovered.log().log_end(), end);

  ASSERT_OK(log().complete_flush(late, run_flush(late)));
  EXPECT_EQ(log().flushed_end(), end) << "the late job does not take it back";
  EXPECT_FALSE(log().is_flushing());
  flush_one();
  EXPECT_EQ(log().flushed_end(), log().log_end());
  EXPECT_OK(log().close());
}

TEST_F(SecondSyncs, AJobInTimeIsNotPassed) {
  make_ready();
  for (int i = kFlushesUntilReady; i < kFlushesUntilUsual; ++i) flush_one();
  ASSERT_OK(driver_.append());
  const auto job = log().begin_flush();
  driver_.clock().advance(Millis{1});  // as long as the others took
  ASSERT_OK(driver_.append());
  EXPECT_FALSE(log().needs_flush());
  driver_.clock().advance(Millis{1});
  EXPECT_TRUE(log().needs_flush());
  EXPECT_OK(log().complete_flush(job, run_flush(job)));
}

TEST_F(SecondSyncs, NothingIsPassedWithoutDurableZeros) {
  ASSERT_OK(driver_.open());
  for (int i = 0; i < 5; ++i) flush_one();
  auto late = hanging_job();
  ASSERT_OK(driver_.append());
  EXPECT_FALSE(log().needs_flush()) << "there are no zeros yet";
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
  for (int i = 0; i < kFlushesUntilReady; ++i) flush_one();
  // Over the end of the zeros: new ones are written, which no sync has covered.
  late = hanging_job();
  const auto zeros_end = log().view()->segments().back()->zeroed_end();
  while (log().view()->segments().back()->zeroed_end() == zeros_end) ASSERT_OK(driver_.append());
  EXPECT_FALSE(log().needs_flush());
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
}

TEST_F(SecondSyncs, ARollIsNotPassed) {
  make_ready();
  const auto late = hanging_job();
  driver_.settings().segment_bytes = 1000;
  log().set_settings(driver_.settings());
  ASSERT_OK(driver_.append());
  ASSERT_EQ(log().view()->segments().size(), 2U);
  EXPECT_FALSE(log().needs_flush());
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
  EXPECT_TRUE(log().needs_flush());
}

// The zeros are cut off before a roll; it fails, and the log goes on in the same segment.
TEST_F(SecondSyncs, NothingIsPassedAfterARollThatFailed) {
  make_ready();
  driver_.settings().segment_bytes = 1000;
  log().set_settings(driver_.settings());
  faults_.fail_next("open", EMFILE);
  EXPECT_EQ(code_of(driver_.append()), Errc::kTooManyFiles);
  ASSERT_TRUE(faults_.fired());
  driver_.settings().segment_bytes = 1'000'000;
  log().set_settings(driver_.settings());
  for (int i = 0; i < kFlushesUntilReady; ++i) flush_one();
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  EXPECT_FALSE(log().needs_flush());
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
}

TEST_F(SecondSyncs, AJobThatDoesMoreIsNotPassed) {
  make_ready();
  log().replace_file("something", Bytes{1});
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  EXPECT_FALSE(log().needs_flush());
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
  flush_one();
  const auto next = hanging_job();
  ASSERT_OK(driver_.append());
  log().replace_file("something", Bytes{2});
  EXPECT_FALSE(log().needs_flush()) << "the next one would have to do more";
  ASSERT_OK(log().complete_flush(next, run_flush(next)));
}

TEST_F(SecondSyncs, ARollWhileBothAreOutIsNotTakenForDurable) {
  make_ready();
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  const auto second = log().begin_flush();
  driver_.settings().segment_bytes = 1000;
  log().set_settings(driver_.settings());
  ASSERT_OK(driver_.append());
  ASSERT_OK(driver_.append());
  ASSERT_OK(log().complete_flush(second, run_flush(second)));
  EXPECT_EQ(log().flushed_end(), second.end);
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
  EXPECT_EQ(log().flushed_end(), second.end);
  ASSERT_OK(driver_.flush());
  EXPECT_EQ(log().flushed_end(), log().log_end());
  EXPECT_EQ(value_of(driver_.read(Offset{0}, log().log_end())), driver_.expected(Offset{0}, log().log_end()));
}

class FailingSyncs : public SecondSyncs, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(, FailingSyncs, testing::Bool(),
                         [](const auto& info) { return info.param ? "TheSecond" : "TheLateOne"; });

TEST_P(FailingSyncs, FenceTheLog) {
  make_ready();
  const auto acked = log().flushed_end();
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  const auto second = log().begin_flush();
  const auto& failing = GetParam() ? second : late;
  const auto& other = GetParam() ? late : second;
  faults_.fail_next("datasync", EIO);
  EXPECT_EQ(code_of(log().complete_flush(failing, run_flush(failing))), Errc::kIo);
  EXPECT_NE(log().fence(), nullptr);
  EXPECT_EQ(code_of(log().complete_flush(other, run_flush(other))), Errc::kIo);
  EXPECT_EQ(log().flushed_end(), acked);
  EXPECT_FALSE(log().needs_flush());
  EXPECT_FALSE(log().is_flushing());
}

TEST_F(SecondSyncs, WithoutADescriptorToSpareNothingIsPassed) {
  faults_.fail_next("reopen", EMFILE);
  make_ready();
  ASSERT_TRUE(faults_.fired());
  const auto late = hanging_job();
  ASSERT_OK(driver_.append());
  EXPECT_TRUE(log().needs_flush()) << "it was tried again";
  ASSERT_OK(log().complete_flush(late, run_flush(late)));
}

class Reopened : public StorageTest {};
INSTANTIATE_TEST_SUITE_P(, Reopened, testing::Values(FsKind::kMemory, FsKind::kPosix), to_string);

TEST_P(Reopened, IsTheSameFileWhateverItsName) {
  const auto path = root() / "file";
  const auto file = value_of(fs().open(path, OpenMode::kOpenOrCreate));
  ASSERT_OK(fs().rename(path, root() / "other"));
  const auto again = value_of(file->reopen());
  const Bytes bytes{1, 2, 3};
  const ByteView piece = bytes;
  ASSERT_OK(file->pwritev({&piece, 1}, 0));
  ASSERT_OK(again->datasync());
  EXPECT_EQ(value_of(again->size_bytes()), 3U);
  if (file->descriptor() >= 0) EXPECT_NE(file->descriptor(), again->descriptor());
}

}  // namespace
}  // namespace weir::storage
