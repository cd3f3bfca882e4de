// Judges a history: one pass over its events in order of completion, O(n), deterministic. Holds for logs without
// transactions, compaction and retention, where every offset from log start to high watermark is given to a consumer.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lab/history.h"

namespace weir::lab {

enum class Anomaly : std::uint8_t {
  kAckedLost,          // acked at an offset where it is not any more
  kReadVanished,       // the same, given to a consumer
  kTwoValues,          // an offset had another value for somebody else
  kDuplicate,          // a record of an idempotent producer at two offsets
  kReordered,          // records of one producer and partition in another order than sent
  kRefusedRead,        // a record is there, though its producer was told that it is not
  kHole,               // offsets that nobody gets
  kReadBack,           // a consumer was given an offset for the second time
  kHighWatermarkBack,  // a readable end below what an earlier answer, ack or read has shown
  kLogStartBack,
  kBadContent,
  kSequenceRefused,  // an idempotent producer went on from its last acked batch, and was refused
  kMetadataWrong,    // an acked topic, config or deletion lost, or one come to life again
};
inline constexpr std::size_t kAnomalyCount = 13;
[[nodiscard]] std::string_view to_string(Anomaly anomaly);

struct Verdict {
  std::array<std::uint64_t, kAnomalyCount> anomalies{};
  std::uint64_t plain_duplicates = 0;  // allowed
  std::uint64_t sends = 0;
  std::uint64_t acked = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t reads = 0;
  std::uint64_t full_reads = 0;                   // of a partition
  std::uint64_t changes_acked = 0;                // of topics and configs
  std::map<std::uint64_t, std::uint64_t> faults;  // fired, by number

  [[nodiscard]] std::uint64_t count(Anomaly anomaly) const { return anomalies[static_cast<std::size_t>(anomaly)]; }
  [[nodiscard]] bool clean() const;
  [[nodiscard]] double unknown_share() const;
  // One line of all that is not as it must be, or "clean".
  [[nodiscard]] std::string anomalies_text() const;
  void add(const Verdict& other);
};

// More unknown outcomes than this, and a run proves too little.
inline constexpr double kUnknownShareMax = 0.3;

class Checker {
 public:
  // The next events; none of them completed before one that was taken in an earlier call.
  void take(std::span<const Event> events);
  [[nodiscard]] Verdict verdict() const;
  // The first anomalies, a line each.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  // The largest number shown by answers that were complete at a given time.
  class RisingBound {
   public:
    void raise(std::uint64_t completed_us, std::int64_t to);
    [[nodiscard]] std::int64_t before(std::uint64_t us) const;

   private:
    std::vector<std::pair<std::uint64_t, std::int64_t>> steps_;  // both rise
  };
  struct Slot {
    std::uint64_t value = 0;
    std::uint64_t known_us = 0;  // when the first client knew of it
    bool acked = false;
    bool read = false;
    bool reported = false;
  };
  struct Pass {  // one consumer reading everything
    std::int64_t start = 0;
    std::unordered_map<std::int64_t, std::uint64_t> values;
    std::unordered_map<std::uint16_t, std::uint64_t> last_by_producer;
  };
  struct Partition {
    std::unordered_map<std::int64_t, Slot> slots;
    std::unordered_map<std::uint16_t, std::int64_t> next_by_reader;
    std::unordered_map<std::uint16_t, Pass> passes;
    RisingBound high_watermark;
    RisingBound log_start;
  };

  void take_event(const Event& event);
  void take_send(const Event& event);
  void take_read(const Event& event);
  void begin_pass(const Event& event);
  void end_pass(const Event& event);
  void take_change(const Event& event);
  void take_sight(const Event& event);
  // `value` is at `offset` for one more client. True when that is where it was before.
  bool note(const Event& event, bool acked);
  void found(Anomaly anomaly, const Event& event, const std::string& what);

  std::map<std::uint16_t, Partition> partitions_;
  std::unordered_map<std::uint64_t, std::pair<std::uint16_t, std::int64_t>> place_of_;  // partition and offset
  std::unordered_set<std::uint64_t> refused_;
  std::unordered_set<std::uint64_t> duplicates_;
  std::unordered_set<std::uint16_t> plain_producers_;
  std::map<std::uint64_t, std::vector<std::int64_t>> states_;  // that a thing may have
  Verdict counts_;
  std::vector<std::string> findings_;
};

}  // namespace weir::lab
