// One generation of the lab: a fresh file system, a broker on it, its clients, their history, and the judge over it.
// Faults are done to it from outside (power.cc, eio.cc). Owned by one thread; the clients have their own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/random.h"
#include "lab/broker_process.h"
#include "lab/checker.h"
#include "lab/clients.h"
#include "lab/loop_image.h"

namespace weir::lab {

struct GenerationPlan {
  std::string binary;
  std::string work;  // for the history and the brokers' logs
  int number = 1;    // decides shards and index interval too
};

class Generation {
 public:
  static std::string history_path(const std::string& work) { return work + "/history"; }

  Generation(GenerationPlan plan, LoopImage image, Recorder recorder, Random& random);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // The first start, on an empty disk.
  Result<void> begin();

  void start_clients();
  // False when so many more acks did not come in time.
  bool await_acks(std::uint64_t count);
  // Returns when nothing was acked for a while.
  void await_silence() const;
  // Clients that lose their connection leave from now on.
  void dismiss_clients() { hearing_.dismiss(true); }
  // The broker is gone, or goes now: else a client would wait for its answer.
  void join_clients();

  // kIo when it ended by itself.
  Result<void> check_broker_lives();
  // After the file system's shutdown, which is what this is, the broker is killed too. Torn: some of its dirty pages
  // are written back before.
  Result<void> cut_power(bool torn);
  Result<void> remount();
  // Starts the broker and waits until it is ready.
  Result<void> start();
  // The same, but it may be `limit` at the longest; false when it was not ready then.
  Result<bool> start_for(Millis limit);
  // Reads everything back and judges it.
  Result<void> judge();
  // Reads the topic's logs from their beginnings, for what the broker does then: nothing is entered.
  Result<void> read_logs(clients::Connection& to) const;
  // How often `text` stands in the log of the running broker, or of the last one.
  [[nodiscard]] std::uint64_t broker_log_lines_with(std::string_view text) const {
    return count_lines_with(log_path_, text);
  }
  void note_fault(std::uint64_t fault) const;

  // What is in flight for good; the last word of the judge.
  Verdict end();

  [[nodiscard]] BrokerProcess& broker() { return *broker_; }
  [[nodiscard]] const LoopImage& image() const { return image_; }
  [[nodiscard]] Hearing& hearing() { return hearing_; }
  [[nodiscard]] const Checker& checker() const { return checker_; }
  [[nodiscard]] bool is_clean() const { return checker_.verdict().clean(); }
  // How long the last start took.
  [[nodiscard]] std::uint64_t start_ms() const { return start_ms_; }
  [[nodiscard]] std::uint64_t torn_tails() const { return torn_tails_; }  // that recoveries cut off
  [[nodiscard]] std::uint64_t pages_written_back() const { return pages_written_back_; }

 private:
  Result<void> spawn();
  void take_new_events();
  [[nodiscard]] std::string data() const { return image_.root() + "/data"; }

  GenerationPlan plan_;
  LoopImage image_;
  Recorder recorder_;
  Hearing hearing_;
  Random& random_;
  std::vector<std::string> settings_;
  std::vector<LogName> logs_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<TailReader>> readers_;
  TopicChurn churn_;
  std::vector<std::thread> threads_;
  std::unique_ptr<BrokerProcess> broker_;
  std::string log_path_;
  int starts_ = 0;
  std::uint64_t start_ms_ = 100;
  std::uint16_t next_judge_;
  Checker checker_;
  std::size_t events_taken_ = 0;
  std::uint64_t torn_tails_ = 0;
  std::uint64_t pages_written_back_ = 0;
};

// Copies a generation's history and broker logs into a folder of `keep` and prints its name; nothing when `keep` is
// empty.
void keep_evidence(const GenerationPlan& plan, const std::string& keep, const std::string& name);

// What a run adds up to, with the anomalies one a line.
void print_records(const Verdict& verdict);
// One line a kind of fault; false when one never fired.
bool print_faults(const Verdict& verdict, std::span<const std::string_view> names);

}  // namespace weir::lab
