#include "record/control_batch.h"

#include <gtest/gtest.h>

#include "record/record_reader.h"
#include "unit/record/golden_batches.h"

namespace weir::record {
namespace {

BatchOptions golden_producer() {
  BatchOptions options;
  options.leader_epoch = LeaderEpoch{7};
  options.producer_id = ProducerId{4711};
  options.producer_epoch = ProducerEpoch{3};
  return options;
}

TEST(ControlBatch, MarkersAreKafkasBytes) {
  const auto commit = build_transaction_marker(golden_producer(), ControlType::kCommit, 42, kGoldenFirstTimestampMs);
  const auto abort = build_transaction_marker(golden_producer(), ControlType::kAbort, 42, kGoldenFirstTimestampMs);
  ASSERT_TRUE(commit.has_value() && abort.has_value());
  EXPECT_EQ(*commit, golden_batch("control-commit"));
  EXPECT_EQ(*abort, golden_batch("control-abort"));
}

TEST(ControlBatch, ReadsKafkasMarkers) {
  auto reader = RecordReader::open(golden_batch("control-commit"), {.max_inflated_bytes = 0});
  ASSERT_TRUE(reader.has_value());
  EXPECT_TRUE(reader->header().is_control());
  EXPECT_TRUE(reader->header().is_transactional());
  RecordView record;
  ASSERT_TRUE(reader->next(record).value());
  EXPECT_EQ(read_control_type(*record.key).value(), ControlType::kCommit);
  EXPECT_EQ(read_marker_epoch(*record.value).value(), 42);
}

TEST(ControlBatch, ReadsKafkasLeaderChange) {
  auto reader = RecordReader::open(golden_batch("control-leader-change"), {.max_inflated_bytes = 0});
  ASSERT_TRUE(reader.has_value());
  RecordView record;
  ASSERT_TRUE(reader->next(record).value());
  EXPECT_EQ(read_control_type(*record.key).value(), ControlType::kLeaderChange);
}

TEST(ControlBatch, RefusesKeysThatAreNone) {
  EXPECT_EQ(read_control_type(Bytes{0, 0, 0}).error().code, Errc::kCorrupt);
  EXPECT_EQ(read_control_type(Bytes{0xff, 0xff, 0, 1}).error().code, Errc::kCorrupt);
  EXPECT_EQ(read_control_type(Bytes{0, 0, 0, 7}).error().code, Errc::kUnsupported);
  EXPECT_EQ(read_control_type(Bytes{0, 0, 0xff, 0xff}).error().code, Errc::kUnsupported);
  // A later version may append to the key.
  EXPECT_EQ(read_control_type(Bytes{0, 1, 0, 1, 9}).value(), ControlType::kCommit);
}

TEST(ControlBatch, RefusesMarkersThatAreNone) {
  EXPECT_EQ(read_marker_epoch(Bytes{0, 0, 0, 0, 1}).error().code, Errc::kCorrupt);
  EXPECT_EQ(read_marker_epoch(Bytes{0xff, 0xff, 0, 0, 0, 1}).error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace weir::record
