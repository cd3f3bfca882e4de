// A scripted life of a log directory: produce and roll, flush, checkpoint, delete, stop. It runs until a call fails
// that its owner could not go on after, and remembers what it was told: that is what a restart must still know.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/fs.h"
#include "storage/log.h"
#include "storage/log_directory.h"
#include "support/manual_clock.h"

namespace weir::test {

inline const storage::Path kDataPath = "/data";

// What one log was asked and what it answered.
struct LogHistory {
  std::map<Offset, std::vector<Bytes>> attempts;  // by offset; more than one where the disk was full
  std::map<Offset, Bytes> accepted;
  Offset acked{0};  // the largest flushed_end that was reported
  bool deletion_asked = false;
  bool deleted = false;  // the deletion was acknowledged
};

struct History {
  std::map<TopicPartition, LogHistory> logs;
  bool identity_written = false;
  bool stop_began = false;
  bool stopped_cleanly = false;
  std::uint64_t batches_read = 0;
  std::uint64_t jobs_passed = 0;
};

class LogWorkload {
 public:
  explicit LogWorkload(storage::FileSystem& fs) : fs_(fs) {}

  // Runs the script. A full disk (kNoSpace) is lived with, any other error ends it.
  Result<void> run();

  [[nodiscard]] const History& history() const { return history_; }
  // As after a kill: open files and the lock are gone, nothing is written.
  void drop();

 private:
  struct Partition {
    std::unique_ptr<storage::Log> log;
    LogHistory* history;
  };
  Result<void> run_rounds();
  Result<void> open_partition(const TopicPartition& of);
  Result<void> append(Partition& to);
  Result<void> flush(Partition& of, bool retried = false);
  Result<void> pass(Partition& of);
  Result<void> read_flushed(Partition& from);
  Result<void> checkpoint();
  Result<void> delete_partition(const TopicPartition& of);
  Result<void> stop();

  storage::FileSystem& fs_;
  ManualClock clock_;
  SeededRandom random_{11};
  std::uint64_t batch_number_ = 0;
  bool may_stop_cleanly_ = true;
  std::unique_ptr<storage::LogDirectory> directory_;
  std::map<TopicPartition, Partition> partitions_;
  History history_;
};

[[nodiscard]] storage::LogSettings workload_settings();

// Starts on what a stop of any kind left in `fs`, as a broker does, and checks it against `history`. With `went_on` it
// then appends to what was recovered and flushes; that is the history from there on. Returns the problem found, or an
// empty string; `failed` is set when the file system gave an error, which in a nested cut is no verdict.
[[nodiscard]] std::string verify_restart(storage::FileSystem& fs, const History& history, History* went_on = nullptr,
                                         bool* failed = nullptr);

}  // namespace weir::test
