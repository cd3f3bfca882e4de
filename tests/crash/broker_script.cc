#include "crash/broker_script.h"

namespace weir::test {
namespace {

constexpr std::int16_t kAcksAll = -1;
constexpr std::int16_t kAcksLeader = 1;
constexpr std::int16_t kAcksNone = 0;
constexpr Millis kRoundInterval{1000};  // of checkpoints and of retention

// Every batch gets an index entry, and the index is full after a few of them: that is how small a segment can be made.
const std::vector<std::pair<std::string, std::string>> kRollsOften = {{"segment.index.bytes", "64"},
                                                                      {"index.interval.bytes", "0"}};
// Long enough for index entries to be written before the roll.
const std::vector<std::pair<std::string, std::string>> kRollsLate = {{"segment.index.bytes", "480"},
                                                                     {"index.interval.bytes", "0"}};
// Retention always finds something.
const std::vector<std::pair<std::string, std::string>> kKeepsLittle = {
    {"segment.index.bytes", "48"}, {"index.interval.bytes", "0"}, {"retention.bytes", "1500"}};

bool stop(TestBroker& broker, Clients& clients) {
  const auto stopped = broker.try_stop();
  clients.collect();
  return stopped.has_value();
}

}  // namespace

std::vector<std::string> crash_settings() {
  return {"log.flush.offset.checkpoint.interval.ms=1000", "log.retention.check.interval.ms=1000",
          "log.initial.task.delay.ms=1500"};
}

bool run_short(TestBroker& broker, Clients& clients, History&) {
  const auto topic = clients.create_topic("t", 1, kRollsOften);
  const auto limited = clients.create_topic("limited", 1);
  const auto producer = clients.init_producer();
  clients.step();
  for (int round = 0; round < 4; ++round) {
    clients.produce(topic, 0, kAcksAll, producer);
    clients.produce(topic, 0, kAcksLeader);
    clients.limit_batches(limited, round % 2 == 0);
    clients.step();
    clients.produce(limited, 0, kAcksAll);
    clients.fetch();
    clients.step();
  }
  return stop(broker, clients);
}

bool run_everything(TestBroker& broker, Clients& clients, History&) {
  const auto often = clients.create_topic("often", 2, kRollsOften);
  const auto late = clients.create_topic("late", 1, kRollsLate);
  const auto little = clients.create_topic("little", 1, kKeepsLittle);
  clients.step();
  auto doomed = clients.create_topic("doomed", 2);
  const auto limited = clients.create_topic("limited", 1);
  const auto first = clients.init_producer();
  const auto second = clients.init_producer();
  clients.step();
  for (int round = 0; round < 24; ++round) {
    // Several requests are on their way together: they share flushes, and what comes during one waits for the next.
    clients.produce(often, 0, kAcksAll, first);
    clients.produce(often, 0, kAcksLeader);
    clients.produce(often, static_cast<std::size_t>(round) % 2, kAcksAll, second);
    for (int i = 0; i < 3; ++i) clients.produce(late, 0, i == 1 ? kAcksNone : kAcksAll, i == 2 ? first : kNoProducer);
    if (round % 2 == 0 && round != 8) clients.produce(doomed, 0, kAcksAll, second);
    clients.produce(little, 0, round % 3 == 0 ? kAcksLeader : kAcksAll, kNoProducer, 150);
    if (round % 5 == 4) clients.produce(doomed, 1, kAcksAll, kNoProducer, 1500);
    // The change and the batches pass each other.
    if (round % 3 == 2) clients.limit_batches(limited, round % 2 == 0);
    clients.produce(limited, 0, kAcksAll, round % 4 == 0 ? first : kNoProducer);
    clients.step();
    clients.fetch();
    clients.list_offsets();
    clients.step();
    if (round == 8) {
      clients.delete_topic(doomed);
      clients.produce(late, 0, kAcksAll);
      clients.step();
      doomed = clients.create_topic("doomed", 2, kRollsOften);
      clients.step();
    }
    if (round % 6 == 5) {
      broker.advance(kRoundInterval);
      clients.collect();
      clients.list_offsets();
      clients.fetch();
      clients.step();
    }
  }
  return stop(broker, clients);
}

void run_little(TestBroker& broker, Clients& clients, History& history) {
  const auto is_there = [&](std::size_t topic) { return history.topics[topic].state == TopicHistory::State::kThere; };
  const auto often = clients.create_topic("often", 2, kRollsOften);
  const auto little = clients.create_topic("little", 1, kKeepsLittle);
  clients.step();
  auto doomed = clients.create_topic("doomed", 1);
  const auto limited = clients.create_topic("limited", 1);
  const auto producer = clients.init_producer();
  clients.step();
  for (int round = 0; round < 9; ++round) {
    if (is_there(often)) {
      clients.produce(often, 0, kAcksAll, producer);
      clients.produce(often, 0, kAcksLeader);
      clients.produce(often, 1, kAcksAll);
    }
    if (is_there(little)) clients.produce(little, 0, kAcksAll, kNoProducer, 150);
    if (is_there(doomed)) clients.produce(doomed, 0, kAcksAll, producer);
    if (round == 1 || round == 5) clients.limit_batches(limited, round == 1);
    if (is_there(limited)) clients.produce(limited, 0, kAcksAll);
    clients.step();
    clients.fetch();
    clients.list_offsets();
    clients.step();
    if (round == 3 && is_there(doomed)) {
      clients.delete_topic(doomed);
      clients.step();
      doomed = clients.create_topic("doomed", 1);
      clients.step();
    }
    if (round % 3 == 2) {
      broker.advance(kRoundInterval);
      clients.collect();
    }
  }
}

}  // namespace weir::test
