// One broker process of the lab: started on a data directory, frozen, killed or stopped. It dies with the lab. Owned by
// one thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::lab {

struct BrokerCommand {
  std::string binary;
  std::string data;
  std::string log_path;               // its standard error, started afresh; outside the file system under test
  std::vector<std::string> settings;  // key=value
};

class BrokerProcess {
 public:
  static Result<BrokerProcess> start(const BrokerCommand& command);
  BrokerProcess(BrokerProcess&& from) noexcept;
  BrokerProcess& operator=(BrokerProcess&& from) noexcept;
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;
  ~BrokerProcess() { kill(); }

  // Waits for the ready line; false when it was not there in time. kClosed: the process ended, by itself.
  Result<bool> wait_ready(Millis limit);
  // HOST:PORT, known once it was ready.
  [[nodiscard]] const std::string& address() const { return address_; }
  // Returns when every thread stands still: a running fsync ends before that.
  void freeze();
  // SIGKILL; returns when the process is gone. Nothing when it is gone already.
  void kill();
  // SIGTERM. kTimedOut when it does not end; kIo with an exit code other than 0.
  Result<void> stop(Millis limit);
  // Waits until it ends by itself. False when it has not in time.
  bool wait_ended(Millis limit, int& status);
  // What it has logged, its last `bytes_max` bytes.
  [[nodiscard]] std::string log_tail(std::size_t bytes_max) const;

 private:
  BrokerProcess(pid_t pid, std::string log_path) : pid_(pid), log_path_(std::move(log_path)) {}

  pid_t pid_;
  std::string log_path_;
  std::string address_;
};

// How often `text` stands in the file.
[[nodiscard]] std::uint64_t count_lines_with(const std::string& path, std::string_view text);

// Runs a command line; kIo with what it printed when it fails.
Result<std::string> run_command(const std::string& command_line);

}  // namespace weir::lab
