// Every anomaly put into a history by hand must be reported, and a history without one must not be.
#include "lab/checker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lab/content.h"

namespace weir::lab {
namespace {

constexpr std::uint16_t kProducer = 1;
constexpr std::uint16_t kReader = 20;
constexpr std::uint64_t kTopic = 7;

// Clients that do one thing after another, a millisecond each.
class Story {
 public:
  Story& send(std::uint64_t number, std::int64_t offset, Op op = Op::kSend) {
    return add({.op = op, .client = kProducer, .value = value_of(kProducer, number), .offset = offset});
  }
  Story& send_without_ack(std::uint64_t number, Outcome outcome, ErrorCode error = ErrorCode::kNone) {
    return add({.op = Op::kSend,
                .outcome = outcome,
                .error = error,
                .client = kProducer,
                .value = value_of(kProducer, number)});
  }
  Story& read(std::uint64_t number, std::int64_t offset, std::uint16_t reader = kReader) {
    return add({.op = Op::kRead, .client = reader, .value = value_of(kProducer, number), .offset = offset});
  }
  Story& told(Op op, std::int64_t offset) { return add({.op = op, .client = kReader, .offset = offset}); }
  Story& change(std::int64_t state, Outcome outcome = Outcome::kOk) {
    return add({.op = Op::kChange, .outcome = outcome, .client = kReader, .value = kTopic, .offset = state});
  }
  Story& see(std::int64_t state) { return add({.op = Op::kSee, .client = kReader, .value = kTopic, .offset = state}); }
  // A fresh consumer finds these records from `start` on.
  Story& read_all(const std::vector<std::uint64_t>& numbers, std::int64_t start = 0) {
    const auto reader = next_reader_++;
    const auto begin_us = at_us_;
    add({.op = Op::kReadAllBegin, .client = reader, .offset = start});
    auto offset = start;
    for (const auto number : numbers) read(number, offset++, reader);
    add({.op = Op::kReadAllEnd, .client = reader, .offset = offset, .invoked_us = begin_us});
    return *this;
  }
  // As if the client had asked before all that was told so far.
  Story& invoked_at_start() {
    events_.back().invoked_us = 1;
    return *this;
  }
  Story& failed() {
    events_.back().outcome = Outcome::kFailed;
    return *this;
  }
  [[nodiscard]] Verdict judge() const {
    Checker checker;
    checker.take(events_);
    return checker.verdict();
  }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

 private:
  Story& add(Event event) {
    if (event.invoked_us == 0) event.invoked_us = at_us_;
    at_us_ += 1000;
    event.completed_us = at_us_ - 1;
    events_.push_back(event);
    return *this;
  }

  std::vector<Event> events_;
  std::uint64_t at_us_ = 1000;
  std::uint16_t next_reader_ = 100;
};

// What was put in, and nothing else.
void expect_only(const Story& story, Anomaly anomaly, std::uint64_t count = 1) {
  const auto verdict = story.judge();
  EXPECT_EQ(verdict.count(anomaly), count) << verdict.anomalies_text();
  Verdict rest = verdict;
  rest.anomalies[static_cast<std::size_t>(anomaly)] = 0;
  EXPECT_TRUE(rest.clean()) << rest.anomalies_text();
  EXPECT_FALSE(verdict.clean());
}

TEST(Checker, AcceptsWhatHolds) {
  Story story;
  story.send(1, 0).read(1, 0).told(Op::kHighWatermark, 1).send(2, 1).told(Op::kLogStart, 0);
  story.send_without_ack(3, Outcome::kUnknown).send_without_ack(4, Outcome::kFailed, ErrorCode::kCorruptMessage);
  story.change(1).see(1).change(0, Outcome::kUnknown);
  story.read_all({1, 2, 3}).see(1).send(5, 3).read_all({1, 2, 3, 5});
  const auto verdict = story.judge();
  EXPECT_TRUE(verdict.clean()) << verdict.anomalies_text();
  EXPECT_EQ(verdict.acked, 3U);
  EXPECT_EQ(verdict.unknown, 1U);
  EXPECT_EQ(verdict.refused, 1U);
  EXPECT_EQ(verdict.full_reads, 2U);
  EXPECT_DOUBLE_EQ(verdict.unknown_share(), 0.2);
}

TEST(Checker, SeesAckedRecordThatIsLost) {
  expect_only(Story().send(1, 0).send(2, 1).read_all({1}), Anomaly::kAckedLost);
}

TEST(Checker, CountsLostRecordOnce) {
  expect_only(Story().send(1, 0).send(2, 1).read_all({1}).read_all({1}), Anomaly::kAckedLost);
}

TEST(Checker, AllowsWhatIsBelowTheLogStart) {
  EXPECT_TRUE(Story().send(1, 0).send(2, 1).told(Op::kLogStart, 1).read_all({2}, 1).judge().clean());
}

TEST(Checker, AllowsAckThatCameAfterTheReaderHadAsked) {
  auto story = Story().read_all({1}).send(2, 1);
  EXPECT_TRUE(story.judge().clean());
}

TEST(Checker, SeesReadRecordThatVanished) {
  expect_only(Story().send_without_ack(1, Outcome::kUnknown).read(1, 0).read_all({}), Anomaly::kReadVanished);
}

TEST(Checker, SeesOffsetWithTwoValues) {
  const auto verdict = Story().send(1, 0).read(2, 0).judge();
  EXPECT_EQ(verdict.count(Anomaly::kTwoValues), 1U);
}

TEST(Checker, SeesLostRecordWhoseOffsetWasGivenAway) {
  const auto verdict = Story().send(1, 0).read_all({2}).judge();
  EXPECT_EQ(verdict.count(Anomaly::kTwoValues), 1U);
  EXPECT_EQ(verdict.count(Anomaly::kAckedLost), 1U);
}

TEST(Checker, SeesDuplicateOfIdempotentProducer) {
  expect_only(Story().send(1, 0).read_all({1, 1}), Anomaly::kDuplicate);
}

TEST(Checker, CountsDuplicateOfPlainProducerApart) {
  const auto verdict = Story().read_all({1, 1}).send(1, 0, Op::kSendPlain).judge();
  EXPECT_TRUE(verdict.clean()) << verdict.anomalies_text();
  EXPECT_EQ(verdict.plain_duplicates, 1U);
}

TEST(Checker, SeesReorderedRecords) {
  expect_only(Story().read_all({1, 3, 2}), Anomaly::kReordered);
}

TEST(Checker, SeesRecordThatWasRefused) {
  expect_only(Story().send_without_ack(1, Outcome::kFailed, ErrorCode::kCorruptMessage).read_all({1}),
              Anomaly::kRefusedRead);
}

TEST(Checker, SeesHoles) {
  expect_only(Story().read(1, 0).read(2, 2), Anomaly::kHole);
  // The reader was told of an end that it never reached.
  auto story = Story().read_all({1}).told(Op::kReadAllBegin, 0).read(1, 0).told(Op::kReadAllEnd, 2);
  expect_only(story, Anomaly::kHole);
}

TEST(Checker, SeesReaderThatIsTakenBack) {
  expect_only(Story().read(1, 0).read(2, 1).read(1, 0), Anomaly::kReadBack);
}

TEST(Checker, SeesHighWatermarkBelowEarlierAnswerAckOrRead) {
  expect_only(Story().told(Op::kHighWatermark, 2).told(Op::kHighWatermark, 1), Anomaly::kHighWatermarkBack);
  expect_only(Story().send(1, 4).told(Op::kHighWatermark, 4), Anomaly::kHighWatermarkBack);
  expect_only(Story().read(1, 4).told(Op::kHighWatermark, 4), Anomaly::kHighWatermarkBack);
}

TEST(Checker, AllowsLowerHighWatermarkOfAnEarlierQuestion) {
  EXPECT_TRUE(Story().told(Op::kHighWatermark, 2).told(Op::kHighWatermark, 1).invoked_at_start().judge().clean());
}

TEST(Checker, SeesLogStartGoingBack) {
  expect_only(Story().told(Op::kLogStart, 2).told(Op::kLogStart, 1), Anomaly::kLogStartBack);
}

TEST(Checker, SeesBadContent) {
  expect_only(Story().read(1, 0).failed(), Anomaly::kBadContent);
}

TEST(Checker, SeesSequenceRefused) {
  expect_only(Story().send_without_ack(1, Outcome::kFailed, ErrorCode::kOutOfOrderSequenceNumber),
              Anomaly::kSequenceRefused);
}

TEST(Checker, SeesAckedChangeThatIsLost) {
  expect_only(Story().change(1).see(0), Anomaly::kMetadataWrong);
}

TEST(Checker, SeesDeletedThingThatComesBack) {
  expect_only(Story().change(1).change(0).see(1), Anomaly::kMetadataWrong);
}

TEST(Checker, SeesConfigOfAnEarlierValue) {
  expect_only(Story().change(1000).change(2000).see(1000), Anomaly::kMetadataWrong);
}

TEST(Checker, HoldsAnUnknownChangeToWhatWasSeenOfIt) {
  EXPECT_TRUE(Story().change(1, Outcome::kUnknown).see(1).see(1).judge().clean());
  EXPECT_TRUE(Story().change(1, Outcome::kUnknown).see(0).see(0).judge().clean());
  expect_only(Story().change(1, Outcome::kUnknown).see(1).see(0), Anomaly::kMetadataWrong);
  expect_only(Story().change(1, Outcome::kFailed).see(1), Anomaly::kMetadataWrong);
}

TEST(Checker, CountsFaultsByKind) {
  Checker checker;
  checker.take(std::vector<Event>{
      {.op = Op::kFault, .value = 3}, {.op = Op::kFault, .value = 3}, {.op = Op::kFault, .value = 5}});
  EXPECT_EQ(checker.verdict().faults, (std::map<std::uint64_t, std::uint64_t>{{3, 2}, {5, 1}}));
}

TEST(Checker, GivesTheSameFindingsForTheSameHistory) {
  Story story;
  for (std::uint64_t i = 0; i < 30; ++i) story.send(i, static_cast<std::int64_t>(i));
  story.read_all({0, 1, 2});
  Checker first;
  Checker second;
  first.take(story.events());
  auto shuffled = story.events();
  std::ranges::reverse(shuffled);
  second.take(shuffled);
  EXPECT_EQ(first.verdict().count(Anomaly::kAckedLost), 27U);
  EXPECT_EQ(first.findings(), second.findings());
}

TEST(History, KeepsEventsAsTheyWere) {
  const Event event{.op = Op::kFault,
                    .outcome = Outcome::kUnknown,
                    .error = ErrorCode::kUnknownServerError,
                    .client = 65535,
                    .partition = 40000,
                    .value = value_of(65535, 0x123456789),
                    .offset = -1,
                    .invoked_us = 0x123456789abc,
                    .completed_us = 0x123456789abc + 77};
  EXPECT_EQ(unpack(pack(event)), event);
}

TEST(Content, ProvesEveryByte) {
  for (const std::size_t size_bytes : {0, 1, 7, 8, 100, 5000}) {
    const auto value = filler(value_of(3, 9), size_bytes);
    const auto key = key_of(value_of(3, 9), value);
    ASSERT_EQ(value_id_of(key, value), value_of(3, 9));
    for (std::size_t i = 0; i < key.size(); ++i) {
      auto changed = key;
      changed[i] ^= 1;
      EXPECT_FALSE(value_id_of(changed, value)) << i;
    }
    for (std::size_t i = 0; i < value.size(); i += 1 + value.size() / 50) {
      auto changed = value;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ 0x40);
      EXPECT_FALSE(value_id_of(key, changed)) << i;
    }
  }
}

TEST(Content, SizesReachFromNothingToNearlyOneMebibyte) {
  std::size_t largest = 0;
  std::size_t smallest = 1;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    const auto size_bytes = size_by_chance(i * 0x9e3779b97f4a7c15);
    largest = std::max(largest, size_bytes);
    smallest = std::min(smallest, size_bytes);
  }
  EXPECT_EQ(smallest, 0U);
  EXPECT_GT(largest, 1000 * kKiB);
  EXPECT_LT(largest, kMiB);
}

}  // namespace
}  // namespace weir::lab
