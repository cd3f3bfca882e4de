#include "replica/producer_state.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace weir::replica {
namespace {

constexpr ProducerId kProducer{1000};
constexpr auto kSequenceMax = std::numeric_limits<std::int32_t>::max();

// Appends batches to a ProducerStates the way a partition does, at offsets that follow each other.
class Feed {
 public:
  SequenceVerdict offer(std::int32_t first_sequence, std::int32_t record_count, std::int16_t epoch = 0) {
    const auto batch = make(first_sequence, record_count, epoch);
    const auto verdict = states_.decide(batch).verdict;
    if (verdict == SequenceVerdict::kNew) {
      states_.remember(batch, batch.max_timestamp);
      end_ = batch.next_offset();
    }
    return verdict;
  }

  record::BatchHeader make(std::int32_t first_sequence, std::int32_t record_count, std::int16_t epoch = 0) const {
    record::BatchHeader batch;
    batch.base_offset = end_;
    batch.last_offset_delta = record_count - 1;
    batch.records_count = record_count;
    batch.producer_id = kProducer;
    batch.producer_epoch = ProducerEpoch(epoch);
    batch.base_sequence = first_sequence;
    batch.max_timestamp = 1000 + end_.value();
    return batch;
  }

  ProducerStates& states() { return states_; }

 private:
  ProducerStates states_;
  Offset end_{0};
};

TEST(ProducerStates, UnknownProducerMayStartAnywhere) {
  Feed feed;
  EXPECT_EQ(feed.offer(42, 3, 7), SequenceVerdict::kNew);
  EXPECT_EQ(feed.offer(45, 1, 7), SequenceVerdict::kNew);
}

TEST(ProducerStates, GapIsOutOfOrder) {
  Feed feed;
  EXPECT_EQ(feed.offer(0, 3), SequenceVerdict::kNew);
  EXPECT_EQ(feed.offer(4, 1), SequenceVerdict::kOutOfOrder);
  EXPECT_EQ(feed.offer(3, 1), SequenceVerdict::kNew);
}

TEST(ProducerStates, EachOfTheLastFiveIsADuplicateWithItsOwnOffsets) {
  Feed feed;
  for (std::int32_t i = 0; i < 6; ++i) ASSERT_EQ(feed.offer(i * 2, 2), SequenceVerdict::kNew);
  for (std::int32_t i = 1; i < 6; ++i) {
    const auto decision = feed.states().decide(feed.make(i * 2, 2));
    EXPECT_EQ(decision.verdict, SequenceVerdict::kDuplicate) << i;
    EXPECT_EQ(decision.duplicate.first_offset(), Offset(i * 2));
    EXPECT_EQ(decision.duplicate.last_offset, Offset(i * 2 + 1));
    EXPECT_EQ(decision.duplicate.timestamp_ms, 1000 + i * 2);
  }
  EXPECT_EQ(feed.offer(0, 2), SequenceVerdict::kOutOfOrder) << "the sixth newest is forgotten";
}

TEST(ProducerStates, PartialOverlapIsOutOfOrder) {
  Feed feed;
  ASSERT_EQ(feed.offer(0, 4), SequenceVerdict::kNew);
  EXPECT_EQ(feed.offer(0, 3), SequenceVerdict::kOutOfOrder);
  EXPECT_EQ(feed.offer(1, 3), SequenceVerdict::kOutOfOrder);
  EXPECT_EQ(feed.offer(3, 2), SequenceVerdict::kOutOfOrder);
}

TEST(ProducerStates, OlderEpochIsStaleEvenForADuplicatesSequence) {
  Feed feed;
  ASSERT_EQ(feed.offer(0, 1, 3), SequenceVerdict::kNew);
  EXPECT_EQ(feed.offer(0, 1, 2), SequenceVerdict::kStaleEpoch);
}

TEST(ProducerStates, NewerEpochStartsAtZeroAndClearsTheWindow) {
  Feed feed;
  ASSERT_EQ(feed.offer(0, 1, 0), SequenceVerdict::kNew);
  EXPECT_EQ(feed.offer(1, 1, 1), SequenceVerdict::kOutOfOrder);
  EXPECT_EQ(feed.offer(0, 1, 1), SequenceVerdict::kNew);
  EXPECT_EQ(feed.states().batches(kProducer).size(), 1U);
  EXPECT_EQ(feed.offer(0, 1, 0), SequenceVerdict::kStaleEpoch);
}

TEST(ProducerStates, SequencesWrapInsideAndBetweenBatches) {
  Feed feed;
  ASSERT_EQ(feed.offer(kSequenceMax - 1, 2), SequenceVerdict::kNew);  // ends exactly at the maximum
  EXPECT_EQ(feed.offer(0, 2), SequenceVerdict::kNew);
  Feed across;
  ASSERT_EQ(across.offer(kSequenceMax, 2), SequenceVerdict::kNew);  // maximum, then 0
  EXPECT_EQ(across.offer(1, 1), SequenceVerdict::kNew);
}

TEST(ProducerStates, ExpiryForgetsByTheNewestBatch) {
  Feed feed;
  ASSERT_EQ(feed.offer(0, 1), SequenceVerdict::kNew);  // timestamp 1000
  ASSERT_EQ(feed.offer(1, 1), SequenceVerdict::kNew);  // timestamp 1001
  feed.states().expire(1001);
  EXPECT_EQ(feed.states().producer_count(), 1U);
  feed.states().expire(1002);
  EXPECT_EQ(feed.states().producer_count(), 0U);
  EXPECT_EQ(feed.offer(77, 1, -1 + 1), SequenceVerdict::kNew) << "expired: anything is accepted again";
}

// What a producer of historical data would lose under way.
TEST(ProducerStates, ExpiryGoesByWhenAProducerWasSeenNotByItsTimestamps) {
  Feed feed;
  ProducerStates states;
  auto batch = feed.make(0, 1);
  batch.max_timestamp = 1000;
  states.remember(batch, 90'000);
  states.expire(90'000);
  EXPECT_EQ(states.producer_count(), 1U);
  states.expire(90'001);
  EXPECT_EQ(states.producer_count(), 0U);
}

TEST(ProducerStates, BatchesWithoutAProducerLeaveNoTrace) {
  ProducerStates states;
  record::BatchHeader batch;
  batch.records_count = 1;
  states.remember(batch, 1);
  EXPECT_EQ(states.producer_count(), 0U);
}

TEST(ProducerStates, ReplayGivesTheSameState) {
  Feed feed;
  for (std::int32_t i = 0; i < 9; ++i) ASSERT_EQ(feed.offer(i, 1), SequenceVerdict::kNew);
  ProducerStates replayed;
  for (std::int32_t i = 0; i < 9; ++i) {
    auto batch = feed.make(i, 1);
    batch.base_offset = Offset(i);
    batch.max_timestamp = 1000 + i;
    replayed.remember(batch, batch.max_timestamp);
  }
  const auto live = feed.states().batches(kProducer);
  const auto again = replayed.batches(kProducer);
  ASSERT_EQ(live.size(), again.size());
  for (std::size_t i = 0; i < live.size(); ++i) {
    EXPECT_EQ(live[i].first_sequence, again[i].first_sequence);
    EXPECT_EQ(live[i].last_offset, again[i].last_offset);
  }
}

}  // namespace
}  // namespace weir::replica
