// Retention in a whole broker: log starts move once their checkpoint is durable, files go later, clocks that jump take
// nothing away.
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/schema/02_list_offsets.h"
#include "requests.h"

namespace weir::api {
namespace {

using test::TestBroker;

constexpr std::int64_t kDayMs = 24 * 3'600'000;
const std::string kLogName = ".log";

// One fills a segment of the smallest size.
Bytes batch_at(TestBroker& broker) {
  test::BatchSpec spec;
  spec.value_bytes = 700'000;
  spec.base_timestamp_ms = broker.clock().wall_ms();
  return test::make_batch(spec);
}

void fill(TestBroker& broker, const std::string& topic, int batches) {
  for (int i = 0; i < batches; ++i) {
    ASSERT_EQ(produce(broker, topic, batch_at(broker)).error_code, ErrorCode::kNone);
  }
}

std::int64_t earliest(TestBroker& broker, const std::string& topic) {
  protocol::ListOffsetsRequest request;
  request.replica_id = NodeId(-1);
  protocol::ListOffsetsRequest::ListOffsetsTopic asked;
  asked.name = topic;
  asked.partitions.push_back({.partition_index = PartitionIndex(0), .timestamp = -2});
  request.topics.push_back(std::move(asked));
  return broker.call(request, 6).topics.at(0).partitions.at(0).offset.value();
}

std::vector<std::string> files_of(TestBroker& broker, const std::string& partition, const std::string& suffix) {
  std::vector<std::string> names;
  const auto entries = broker.fs()->list("/weir/" + partition);
  if (!entries) return names;
  for (const auto& entry : *entries) {
    if (entry.name.ends_with(suffix)) names.push_back(entry.name);
  }
  return names;
}

TEST(Retention, OldSegmentsGoInTheirTime) {
  TestBroker broker;
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.ms", "86400000"}});
  fill(broker, "t", 3);
  broker.advance(Millis(kDayMs / 2));
  fill(broker, "t", 2);
  EXPECT_EQ(files_of(broker, "t-0", kLogName).size(), 5U);
  EXPECT_EQ(earliest(broker, "t"), 0);

  broker.advance(Millis(kDayMs / 2 + 60'000));
  EXPECT_EQ(earliest(broker, "t"), 3);
  EXPECT_EQ(broker.call(fetch_request("t", 2), kFetchByName).responses.at(0).partitions.at(0).error_code,
            ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(files_of(broker, "t-0", kLogName).size(), 2U);
  EXPECT_EQ(files_of(broker, "t-0", ".log.deleted").size(), 3U);
  broker.advance(Millis(60'000));
  EXPECT_TRUE(files_of(broker, "t-0", ".deleted").empty());

  broker.advance(Millis(kDayMs));
  EXPECT_EQ(earliest(broker, "t"), 5) << "the active segment goes too";
  EXPECT_EQ(produce(broker, "t", batch_at(broker)).base_offset, Offset(5));
}

TEST(Retention, ALogStartThatWasShownSurvivesAPowerCut) {
  auto fs = std::make_shared<test::MemoryFs>();
  {
    TestBroker broker({.settings = {"log.retention.check.interval.ms=1000"}, .fs = fs});
    create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.bytes", "1400000"}});
    fill(broker, "t", 5);
    broker.advance(Millis(30'000));
    ASSERT_EQ(earliest(broker, "t"), 3);
  }
  TestBroker broker({.fs = fs->after_power_cut(test::PowerCut::kDrop, 1)});
  EXPECT_EQ(earliest(broker, "t"), 3);
  EXPECT_EQ(produce(broker, "t", batch_at(broker)).base_offset, Offset(5));
}

// Cut before any file had another name: only the checkpoint knows.
TEST(Retention, ALogStartIsInItsCheckpointBeforeAFileGoes) {
  auto fs = std::make_shared<test::MemoryFs>();
  std::unique_ptr<test::MemoryFs> cut;
  {
    TestBroker broker({.settings = {"log.retention.check.interval.ms=1000"}, .fs = fs});
    create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.bytes", "1400000"}});
    fill(broker, "t", 5);
    broker.faults().on_call = [&](std::uint64_t, const char* name, const storage::Path& path) {
      const bool is_segment = std::string_view(name) == "rename" && path.extension() == ".log";
      if (is_segment && cut == nullptr) cut = fs->after_power_cut(test::PowerCut::kDrop, 1);
    };
    broker.advance(Millis(30'000));
    ASSERT_NE(cut, nullptr);
    ASSERT_EQ(earliest(broker, "t"), 3);
    broker.faults().on_call = nullptr;
  }
  const auto left = cut->list("/weir/t-0");
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(std::ranges::count_if(*left, [](const auto& entry) { return entry.name.ends_with(".log"); }), 5)
      << "they are still there";
  // An unclean start ends with the checkpoints, and what lies below a checkpointed start goes with them.
  TestBroker broker({.fs = std::move(cut)});
  EXPECT_EQ(earliest(broker, "t"), 3);
  broker.advance(Millis(100'000));
  EXPECT_EQ(files_of(broker, "t-0", kLogName).size(), 2U);
}

TEST(Retention, ACheckpointThatCannotBeWrittenMovesNothing) {
  TestBroker broker({.settings = {"log.retention.check.interval.ms=1000"}});
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.bytes", "1400000"}});
  fill(broker, "t", 5);
  broker.advance(Millis(29'500));
  broker.faults().fail_next("rename", ENOSPC);
  broker.advance(Millis(500));
  EXPECT_TRUE(broker.faults().fired());
  EXPECT_EQ(earliest(broker, "t"), 0);
  EXPECT_EQ(files_of(broker, "t-0", kLogName).size(), 5U);
  broker.advance(Millis(1000));
  EXPECT_EQ(earliest(broker, "t"), 3);
}

// Three of the five segments of t-0 go at the first check; faults are switched on before it.
struct FailingRemoval : TestBroker {
  FailingRemoval()
      : TestBroker(
            {.settings = {"log.retention.check.interval.ms=1000", "log.flush.offset.checkpoint.interval.ms=1000"}}),
        topic_id(create_topic(*this, "t", 1, {{"segment.bytes", "1048576"}, {"retention.bytes", "1400000"}})) {
    fill(*this, "t", 5);
  }
  Uuid topic_id;
};

TEST(Retention, FilesThatCouldNotBeRenamedAreTriedAgain) {
  FailingRemoval broker;
  broker.faults().applies = [](const std::string& name, const storage::Path& path) {
    return name == "rename" && path.stem() == "00000000000000000001";
  };
  broker.faults().fail_from(1, ENOSPC);
  broker.advance(Millis(100'000));
  EXPECT_TRUE(broker.faults().fired());
  EXPECT_EQ(earliest(broker, "t"), 3);
  EXPECT_EQ(std::ranges::count(files_of(broker, "t-0", kLogName), "00000000000000000002.log"), 1);
  broker.faults().heal();
  broker.advance(Millis(1000));
  EXPECT_EQ(files_of(broker, "t-0", ".log.deleted").size(), 2U) << "the one before had its new name, and is gone";
  broker.advance(Millis(62'000));
  EXPECT_EQ(files_of(broker, "t-0", kLogName).size(), 2U);
  EXPECT_TRUE(files_of(broker, "t-0", ".deleted").empty());
}

// A power cut would bring the old names back, and the log could not go on from them.
TEST(Retention, NoFileGoesBeforeItsNewNameIsDurable) {
  FailingRemoval broker;
  broker.faults().applies = [](const std::string& name, const storage::Path& path) {
    return name == "sync_directory" && path == "/weir/t-0";
  };
  broker.faults().fail_from(1, ENOSPC);
  broker.advance(Millis(200'000));
  EXPECT_TRUE(broker.faults().fired());
  EXPECT_EQ(earliest(broker, "t"), 3);
  EXPECT_EQ(files_of(broker, "t-0", ".log.deleted").size(), 3U);
  broker.faults().heal();
  broker.advance(Millis(62'000));
  EXPECT_TRUE(files_of(broker, "t-0", ".deleted").empty());
}

TEST(Retention, WhatCouldNotBeRenamedGoesWithItsTopic) {
  FailingRemoval broker;
  broker.faults().applies = [](const std::string& name, const storage::Path& path) {
    return name == "rename" && path.extension() == ".log";
  };
  broker.faults().fail_from(1, ENOSPC);
  broker.advance(Millis(100'000));
  ASSERT_TRUE(broker.faults().fired());
  broker.faults().heal();
  ASSERT_EQ(delete_topic(broker, broker.topic_id), ErrorCode::kNone);
  broker.advance(Millis(200'000));
  const auto left = *broker.fs()->list("/weir");
  EXPECT_TRUE(std::ranges::none_of(left, [](const auto& entry) { return entry.name.starts_with("t-0"); }));
}

TEST(Retention, FilesWaitForAnAnswerThatReadsThem) {
  TestBroker broker({.settings = {"log.retention.check.interval.ms=1000"}});
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.bytes", "1400000"}});
  fill(broker, "t", 5);
  const auto map = broker.broker().services().partitions.map();
  auto reader = map->find("t")->partition(PartitionIndex(0))->view();
  broker.advance(Millis(30'000 + 120'000));
  ASSERT_EQ(earliest(broker, "t"), 3);
  EXPECT_EQ(files_of(broker, "t-0", ".log.deleted").size(), 3U);
  reader.reset();
  broker.advance(Millis(1000));
  EXPECT_TRUE(files_of(broker, "t-0", ".deleted").empty());
}

TEST(Retention, FilesOfADeletedTopicWaitToo) {
  TestBroker broker;
  const auto id = create_topic(broker, "t");
  fill(broker, "t", 1);
  auto map = broker.broker().services().partitions.map();
  auto reader = map->find("t")->partition(PartitionIndex(0))->view();
  ASSERT_EQ(delete_topic(broker, id), ErrorCode::kNone);
  const auto deleted_count = [&] {
    std::size_t count = 0;
    const auto entries = *broker.fs()->list("/weir");
    for (const auto& entry : entries) count += entry.name.ends_with("-delete") ? 1 : 0;
    return count;
  };
  broker.advance(Millis(120'000));
  EXPECT_EQ(deleted_count(), 1U);
  const auto bytes = reader->read(Offset(0), Offset(1), 1 << 20, true, storage::ReadMode::kMayBlock);
  EXPECT_TRUE(bytes.has_value());
  map.reset();  // it kept the partition, and so the log
  reader.reset();
  broker.advance(Millis(1000));
  EXPECT_EQ(deleted_count(), 0U);
}

TEST(Retention, AClockTenYearsAheadDeletesNothingForADay) {
  constexpr Millis kTenYears{3650 * kDayMs};
  TestBroker broker({.settings = {"log.retention.check.interval.ms=60000"}});
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.ms", "604800000"}});
  fill(broker, "t", 3);
  broker.advance(Millis(60'000));
  broker.clock().jump_wall(kTenYears);
  broker.advance(Millis(kDayMs / 2));
  EXPECT_EQ(earliest(broker, "t"), 0);
  broker.clock().jump_wall(-kTenYears);
  broker.advance(Millis(kDayMs));
  EXPECT_EQ(earliest(broker, "t"), 0);
}

TEST(Retention, AClockTenDaysBackDeletesNothing) {
  TestBroker broker({.settings = {"log.retention.check.interval.ms=60000"}});
  create_topic(broker, "t", 1, {{"segment.bytes", "1048576"}, {"retention.ms", "604800000"}});
  fill(broker, "t", 3);
  broker.advance(Millis(60'000));
  broker.clock().jump_wall(-Millis(10 * kDayMs));
  broker.advance(Millis(kDayMs / 2));
  fill(broker, "t", 3);
  EXPECT_EQ(earliest(broker, "t"), 0);
  broker.clock().jump_wall(Millis(10 * kDayMs));
  broker.advance(Millis(60'000));
  EXPECT_EQ(earliest(broker, "t"), 0) << "what stands behind a segment that stays, stays";
}

}  // namespace
}  // namespace weir::api
