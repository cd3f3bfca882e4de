// The lab's clients. Each lives in a thread of its own, enters what it was told into the history, connects again when
// its connection ends, and goes on after the broker came back, as a client of a user would: an idempotent producer
// sends again what was not acknowledged, a consumer reads on from where it was.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "clients/connection.h"
#include "clients/requests.h"
#include "lab/history.h"

namespace weir::lab {

// Where answers become history, and when clients leave. Deaf, it takes nothing more: what a broker says while its file
// system has been shut down below it is no promise. Any thread.
void pause();  // a millisecond, before a client or the lab looks again

class Hearing {
 public:
  explicit Hearing(const Recorder& recorder) : recorder_(recorder) {}

  // False when deaf: as if the answer had never come.
  bool hear(std::span<const Event> events);
  // After it returned, nothing that comes in is entered.
  void deafen();
  void listen();
  // Calls `client.run` again and again until they are dismissed.
  template <class Client>
  void keep_running(Client& client, const std::string& address) {
    while (!dismissed_.load(std::memory_order_acquire)) {
      client.run(address, *this);
      pause();
    }
  }
  void dismiss(bool dismissed) { dismissed_.store(dismissed, std::memory_order_release); }
  // Of one's own doing, deaf or not.
  void note(std::span<const Event> events) const { recorder_.record(events); }
  void note(const Event& event) const { recorder_.record(event); }
  // Records acked so far.
  [[nodiscard]] std::uint64_t acked() const { return acked_.load(std::memory_order_relaxed); }

 private:
  const Recorder& recorder_;
  std::mutex mutex_;
  bool deaf_ = false;
  std::atomic<bool> dismissed_{false};
  std::atomic<std::uint64_t> acked_{0};
};

// A partition, and its number in the history.
struct LogName {
  std::string topic;
  std::int32_t partition = 0;
  std::uint16_t number = 0;
};

// Sends batches of all codecs and of records from nothing to nearly 1 MiB, several in flight, now and then one with a
// wrong checksum, which must be refused.
class Producer {
 public:
  Producer(std::uint16_t client, LogName log, bool idempotent, std::uint64_t seed)
      : client_(client), log_(std::move(log)), idempotent_(idempotent), random_(seed) {}

  // Until the connection ends or `batches_left` were acknowledged.
  void run(const std::string& address, Hearing& hearing, std::uint64_t batches_left = UINT64_MAX);
  // Enters what is still in flight as unknown.
  void give_up(const Hearing& hearing);

 private:
  struct Batch {
    Bytes bytes;
    std::uint64_t first_number = 0;
    std::uint64_t records_count = 0;
    std::int32_t base_sequence = 0;
    std::uint64_t sent_us = 0;
    bool hostile = false;
  };
  enum class Next { kGoOn, kEnd };

  Result<void> serve(clients::Connection& to, Hearing& hearing, std::uint64_t batches_left);
  Result<void> send(clients::Connection& to, const Batch& batch);
  Batch make_batch();
  Next take_answer(const clients::ProduceAnswer& answer, Hearing& hearing);
  [[nodiscard]] std::vector<Event> events_of(const Batch& batch, Outcome outcome, ErrorCode error,
                                             std::int64_t base_offset) const;

  std::uint16_t client_;
  LogName log_;
  bool idempotent_;
  SeededRandom random_;
  std::optional<clients::ProducerIdentity> identity_;
  std::uint64_t next_number_ = 1;
  std::int32_t next_sequence_ = 0;
  std::deque<Batch> in_flight_;
};

// Reads a partition as far as the high watermark lets it, all the time.
class TailReader {
 public:
  TailReader(std::uint16_t client, LogName log) : client_(client), log_(std::move(log)) {}

  // Until the connection ends.
  void run(const std::string& address, Hearing& hearing);

 private:
  std::uint16_t client_;
  LogName log_;
  std::int64_t position_ = 0;
};

// Creates topics of one partition, puts one batch into each, and deletes some.
class TopicChurn {
 public:
  // Topic n has number `first_log + n` in the history.
  TopicChurn(std::uint16_t client, std::uint16_t first_log, std::uint16_t topics_max, std::uint64_t seed)
      : client_(client), first_log_(first_log), topics_max_(topics_max), random_(seed) {}

  // Until the connection ends or all topics were made.
  void run(const std::string& address, Hearing& hearing);
  // Looks which of its topics are there, enters it, and returns their logs.
  Result<std::vector<LogName>> look(clients::Connection& to, const Hearing& hearing);

 private:
  [[nodiscard]] LogName log_of(std::uint16_t topic) const;
  Result<void> step(clients::Connection& to, const std::string& address, Hearing& hearing);
  void note_change(std::uint16_t topic, std::int64_t state, const Result<ErrorCode>& answer, std::uint64_t invoked_us,
                   Hearing& hearing);

  std::uint16_t client_;
  std::uint16_t first_log_;
  std::uint16_t topics_max_;
  SeededRandom random_;
  std::uint16_t tried_ = 0;              // topics from 0 on that may have been created
  std::vector<std::uint16_t> existing_;  // that nobody tried to delete
};

// A fresh consumer reads all of a log, as number `client`.
Result<void> read_all(clients::Connection& to, const LogName& log, std::uint16_t client, const Hearing& hearing);

// Creates a topic and waits until each of its partitions answers.
Result<void> create_and_await(clients::Connection& to, const std::string& topic, std::int32_t partitions);

}  // namespace weir::lab
