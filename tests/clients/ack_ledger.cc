// A librdkafka producer, watcher and judge around history files (lab/history.h). `produce` writes idempotently with
// acks=all and enters each ack; `watch` reads along and enters what it was shown and every log start and end it was
// told; `verify` reads the whole log and judges all of it. All three live through a broker that is killed and started
// again on the same address.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "lab/checker.h"
#include "lab/content.h"
#include "lab/history.h"

namespace weir::clients {
namespace {

using lab::Event;
using lab::Op;
using lab::Recorder;

// Producers are numbered from 1 on.
constexpr std::uint16_t kWatcher = 60'000;
constexpr std::uint16_t kEndsWatcher = 60'001;
constexpr std::uint16_t kJudge = 60'002;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "ledger";
  std::vector<std::string> histories;  // the first is written, all are verified
  std::string codec = "none";
  std::int32_t partitions = 4;
  std::uint16_t process = 0;
  std::uint64_t records = 0;  // 0: until told to stop
  int seconds = 0;            // 0: until told to stop
};

std::atomic<bool> stopping{false};

void stop_on_signal(int) {
  stopping.store(true);
}

void install_stop_signals() {
  struct sigaction action{};
  action.sa_handler = stop_on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

struct CloseHandle {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Handle = std::unique_ptr<rd_kafka_t, CloseHandle>;
using Topic = std::unique_ptr<rd_kafka_topic_t, CloseHandle>;
using Queue = std::unique_ptr<rd_kafka_queue_t, CloseHandle>;
using Message = std::unique_ptr<rd_kafka_message_t, CloseHandle>;
using Setting = std::pair<const char*, std::string>;

void stay_quiet(const rd_kafka_t*, int level, const char*, const char* text) {
  constexpr int kCritical = 2;  // as in syslog; a broker that goes away is no news here
  if (level <= kCritical) fmt::print(stderr, "librdkafka: {}\n", text);
}

rd_kafka_conf_t* settings(const Plan& plan, std::span<const Setting> more) {
  auto* const conf = rd_kafka_conf_new();
  std::vector<Setting> all{{"bootstrap.servers", plan.bootstrap},
                           {"reconnect.backoff.ms", "10"},
                           {"reconnect.backoff.max.ms", "100"},
                           {"topic.metadata.refresh.interval.ms", "2000"},
                           {"broker.address.family", "v4"}};
  all.insert(all.end(), more.begin(), more.end());
  for (const auto& [name, value] : all) {
    char error[256];
    if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) {
      fmt::print(stderr, "ack_ledger: {}\n", error);
      std::exit(2);
    }
  }
  rd_kafka_conf_set_log_cb(conf, stay_quiet);
  return conf;
}

Handle open_handle(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char error[256];
  Handle handle(rd_kafka_new(type, conf, error, sizeof error));
  if (!handle) {
    fmt::print(stderr, "ack_ledger: {}\n", error);
    std::exit(2);
  }
  return handle;
}

bool has_fatal_error(rd_kafka_t* handle) {
  char text[256];
  const auto code = rd_kafka_fatal_error(handle, text, sizeof text);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  fmt::print(stderr, "ack_ledger: fatal {}: {}\n", rd_kafka_err2name(code), text);
  return true;
}

struct Delivery {
  const Recorder& recorder;
  std::uint64_t acked = 0;
  std::uint64_t failed = 0;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& delivery = *static_cast<Delivery*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++delivery.failed;
    fmt::print(stderr, "ack_ledger: not delivered: {}\n", rd_kafka_err2name(message->err));
    return;
  }
  ++delivery.acked;
  const auto value = load_be<std::uint64_t>(static_cast<const std::uint8_t*>(message->key));
  const auto completed_us = lab::now_us();
  delivery.recorder.record({.op = Op::kSend,
                            .client = lab::client_of(value),
                            .partition = static_cast<std::uint16_t>(message->partition),
                            .value = value,
                            .offset = message->offset,
                            .invoked_us = completed_us - static_cast<std::uint64_t>(rd_kafka_message_latency(message)),
                            .completed_us = completed_us});
}

// What the record proves to be; a failed read when it is not as it was sent.
Event read_event(const rd_kafka_message_t* message, std::uint16_t reader) {
  const auto value = lab::value_id_of({static_cast<const std::uint8_t*>(message->key), message->key_len},
                                      {static_cast<const std::uint8_t*>(message->payload), message->len});
  const auto at_us = lab::now_us();
  return {.op = Op::kRead,
          .outcome = value ? lab::Outcome::kOk : lab::Outcome::kFailed,
          .client = reader,
          .partition = static_cast<std::uint16_t>(message->partition),
          .value = value.value_or(0),
          .offset = message->offset,
          .invoked_us = at_us,
          .completed_us = at_us};
}

int produce(const Plan& plan) {
  auto recorder = Recorder::open(plan.histories.front());
  if (!recorder) return fmt::print(stderr, "ack_ledger: {}\n", to_string(recorder.error())), 2;
  Delivery delivery{.recorder = *recorder};
  const Setting more[] = {{"enable.idempotence", "true"},
                          {"acks", "all"},
                          {"linger.ms", "1"},
                          {"batch.size", "16384"},
                          {"message.timeout.ms", "300000"},
                          {"queue.buffering.max.messages", "4000"},
                          {"retry.backoff.ms", "20"},
                          {"compression.codec", plan.codec}};
  auto* const conf = settings(plan, more);
  rd_kafka_conf_set_opaque(conf, &delivery);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  const auto handle = open_handle(RD_KAFKA_PRODUCER, conf);
  const Topic topic(rd_kafka_topic_new(handle.get(), plan.topic.c_str(), nullptr));
  const SystemClock clock;
  const auto until = clock.steady() + std::chrono::seconds(plan.seconds);
  std::uint64_t sent = 0;
  bool fatal = false;
  while (!stopping && !fatal && (plan.records == 0 || sent < plan.records)) {
    if (plan.seconds > 0 && clock.steady() > until) break;
    const auto value = lab::value_of(plan.process, sent);
    constexpr std::uint64_t kPayloadBytesMax = 420;
    const auto payload = lab::filler(value, (value * 0x9e3779b97f4a7c15 >> 33) % kPayloadBytesMax);
    const auto key = lab::key_of(value, payload);
    const auto partition = static_cast<std::int32_t>(sent % static_cast<std::uint64_t>(plan.partitions));
    const int refused =
        rd_kafka_produce(topic.get(), partition, RD_KAFKA_MSG_F_COPY, const_cast<std::uint8_t*>(payload.data()),
                         payload.size(), key.data(), key.size(), nullptr);
    if (refused == 0) ++sent;
    rd_kafka_poll(handle.get(), refused == 0 ? 0 : 10);
    fatal = has_fatal_error(handle.get());
  }
  constexpr int kFlushMs = 60'000;
  if (!fatal) rd_kafka_flush(handle.get(), kFlushMs);
  fatal = has_fatal_error(handle.get());
  fmt::print("produced {} records as process {} ({}): acked {}, failed {}\n", sent, plan.process, plan.codec,
             delivery.acked, delivery.failed);
  return !fatal && delivery.failed == 0 && delivery.acked == sent ? 0 : 1;
}

// Reads a topic's partitions from given offsets, without a group.
class Reader {
 public:
  // `more` are librdkafka settings.
  Reader(const Plan& plan, std::span<const Setting> more)
      : handle_(open_handle(RD_KAFKA_CONSUMER, settings(plan, more))),
        queue_(rd_kafka_queue_new(handle_.get())),
        partitions_(plan.partitions) {
    // An offset that the broker no longer has must be reported, not skipped.
    auto* const conf = rd_kafka_topic_conf_new();
    rd_kafka_topic_conf_set(conf, "auto.offset.reset", "error", nullptr, 0);
    topic_.reset(rd_kafka_topic_new(handle_.get(), plan.topic.c_str(), conf));
    for (std::int32_t partition = 0; partition < partitions_; ++partition) {
      rd_kafka_consume_start_queue(topic_.get(), partition, 0, queue_.get());
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    for (std::int32_t partition = 0; partition < partitions_; ++partition)
      rd_kafka_consume_stop(topic_.get(), partition);
  }

  // The next record or event; null after `wait_ms` without one.
  [[nodiscard]] Message next(int wait_ms) { return Message(rd_kafka_consume_queue(queue_.get(), wait_ms)); }
  [[nodiscard]] rd_kafka_t* handle() const { return handle_.get(); }

 private:
  Handle handle_;
  Topic topic_;
  Queue queue_;
  std::int32_t partitions_;
};

// Asks for the logs' starts and ends; false when the broker does not answer in time. `high` is the end.
bool take_bounds(rd_kafka_t* handle, const Plan& plan, std::int32_t partition, std::uint16_t client, int answer_ms,
                 std::vector<Event>& events, std::int64_t& high) {
  std::int64_t low = 0;
  Event event{.client = client, .partition = static_cast<std::uint16_t>(partition), .invoked_us = lab::now_us()};
  const auto error = rd_kafka_query_watermark_offsets(handle, plan.topic.c_str(), partition, &low, &high, answer_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (!stopping && client == kJudge) {
      fmt::print(stderr, "ack_ledger: ListOffsets of partition {}: {}\n", partition, rd_kafka_err2str(error));
    }
    return false;
  }
  event.completed_us = lab::now_us();
  event.op = Op::kLogStart;
  event.offset = low;
  events.push_back(event);
  event.op = Op::kHighWatermark;
  event.offset = high;
  events.push_back(event);
  return true;
}

// Asks for the bounds again and again and enters each answer.
void watch_bounds(const Plan& plan, const Recorder& recorder) {
  const auto handle = open_handle(RD_KAFKA_CONSUMER, settings(plan, {}));
  std::uint64_t answers = 0;
  while (!stopping) {
    for (std::int32_t partition = 0; partition < plan.partitions && !stopping; ++partition) {
      std::int64_t high = 0;
      constexpr int kAnswerMs = 500;
      std::vector<Event> events;
      if (!take_bounds(handle.get(), plan, partition, kEndsWatcher, kAnswerMs, events, high)) continue;
      ++answers;
      recorder.record(events);
    }
    constexpr int kPauseMs = 5;
    rd_kafka_poll(handle.get(), kPauseMs);
  }
  fmt::print("watched: {} answers about start and end\n", answers);
}

int watch(const Plan& plan) {
  auto recorder = Recorder::open(plan.histories.front());
  if (!recorder) return fmt::print(stderr, "ack_ledger: {}\n", to_string(recorder.error())), 2;
  std::thread bounds([&] { watch_bounds(plan, *recorder); });
  std::uint64_t read = 0;
  std::uint64_t faults = 0;
  {
    const Setting more[] = {{"fetch.wait.max.ms", "20"}, {"fetch.error.backoff.ms", "10"}};
    Reader reader(plan, more);
    while (!stopping) {
      const auto message = reader.next(50);
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
          message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        ++faults;
        fmt::print(stderr, "ack_ledger: what was read vanished: {}\n", rd_kafka_message_errstr(message.get()));
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      ++read;
      recorder->record(read_event(message.get(), kWatcher));
    }
  }
  bounds.join();
  fmt::print("watched: {} records read, faults {}\n", read, faults);
  return faults == 0 ? 0 : 1;
}

// Reads every partition from its start to the end it is told now; false when records stay away for too long.
bool read_all(const Plan& plan, std::vector<Event>& events) {
  const Setting more[] = {{"fetch.wait.max.ms", "20"}, {"queued.min.messages", "100000"}, {"check.crcs", "true"}};
  Reader reader(plan, more);
  std::vector<Event> ends;
  std::vector<std::int64_t> next(static_cast<std::size_t>(plan.partitions), 0);
  std::size_t open = 0;
  for (std::int32_t partition = 0; partition < plan.partitions; ++partition) {
    Event begin{.op = Op::kReadAllBegin,
                .client = kJudge,
                .partition = static_cast<std::uint16_t>(partition),
                .offset = 0,
                .invoked_us = lab::now_us()};
    begin.completed_us = begin.invoked_us;
    constexpr int kAnswerMs = 30'000;
    std::int64_t high = 0;
    if (!take_bounds(reader.handle(), plan, partition, kJudge, kAnswerMs, events, high)) return false;
    events.push_back(begin);
    ends.push_back(begin);
    ends.back().op = Op::kReadAllEnd;
    ends.back().offset = high;
    open += high > 0 ? 1 : 0;
  }
  while (open > 0) {
    constexpr int kRecordMs = 30'000;
    const auto message = reader.next(kRecordMs);
    if (!message) return fmt::print(stderr, "ack_ledger: no record for {} ms\n", kRecordMs), false;
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      return fmt::print(stderr, "ack_ledger: {}\n", rd_kafka_message_errstr(message.get())), false;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const auto partition = static_cast<std::size_t>(message->partition);
    const auto end = ends[partition].offset;
    if (next[partition] >= end) continue;  // appended after we asked for the ends
    events.push_back(read_event(message.get(), kJudge));
    next[partition] = message->offset + 1;
    if (next[partition] >= end) --open;
  }
  for (auto& end : ends) {
    end.completed_us = lab::now_us();
    events.push_back(end);
  }
  return true;
}

int verify(const Plan& plan) {
  lab::Checker checker;
  std::vector<Event> events;
  for (const auto& path : plan.histories) {
    const auto of_file = lab::read_history(path);
    if (!of_file) return fmt::print(stderr, "ack_ledger: {}\n", to_string(of_file.error())), 2;
    events.insert(events.end(), of_file->begin(), of_file->end());
  }
  if (!read_all(plan, events)) return 1;
  checker.take(events);
  const auto verdict = checker.verdict();
  for (const auto& finding : checker.findings()) fmt::print(stderr, "{}\n", finding);
  fmt::print("verified: {} acked, {} read, {} partitions whole; {}\n", verdict.acked, verdict.reads, verdict.full_reads,
             verdict.anomalies_text());
  return verdict.clean() ? 0 : 1;
}

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  using namespace weir::clients;
  Plan plan;
  CLI::App app{"Acks, reads and log ends of a Kafka broker, written down and held against it"};
  app.require_subcommand(1);
  const auto* const produce_mode = app.add_subcommand("produce", "write until stopped, enter each ack")->fallthrough();
  const auto* const watch_mode =
      app.add_subcommand("watch", "read along until stopped, enter what was seen")->fallthrough();
  app.add_subcommand("verify", "read the whole log and judge it with the histories")->fallthrough();
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--topic", plan.topic, "topic, which exists");
  app.add_option("--partitions", plan.partitions, "its partitions")->check(CLI::Range(1, 1000));
  app.add_option("--history", plan.histories, "the history file; for verify all of them, one option each")->required();
  app.add_option("--codec", plan.codec, "produce: none, gzip, snappy, lz4, zstd");
  app.add_option("--process", plan.process, "produce: number of this producer process, higher than any before");
  app.add_option("--records", plan.records, "produce: stop after so many");
  app.add_option("--seconds", plan.seconds, "produce: stop after so long");
  CLI11_PARSE(app, argc, argv);
  install_stop_signals();
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (produce_mode->parsed()) return produce(plan);
  return watch_mode->parsed() ? watch(plan) : verify(plan);
}
