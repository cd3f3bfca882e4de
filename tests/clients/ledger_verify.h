// Compares a log as a consumer reads it now with what the ledger holds: nothing acked lost or moved, nothing read
// vanished, no sequence twice, order kept in each partition, no latest offset lower than one seen before. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "clients/ledger.h"

namespace weir::clients {

struct VerifyCounts {
  std::uint64_t acked = 0;
  std::uint64_t read_before = 0;
  std::uint64_t records = 0;  // in the log now
  std::uint64_t unacked = 0;  // in the log, though no ack was seen
  std::uint64_t acked_lost = 0;
  std::uint64_t read_vanished = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t changed = 0;
  std::uint64_t latest_lower = 0;

  [[nodiscard]] bool clean() const {
    return acked_lost + read_vanished + duplicated + out_of_order + changed + latest_lower == 0;
  }
};

class LogComparison {
 public:
  explicit LogComparison(std::int32_t partitions) : partitions_(static_cast<std::size_t>(partitions)) {}

  // A record as the log holds it now; offsets of a partition come in ascending order.
  void take(std::int32_t partition, std::int64_t offset, ByteView payload);
  // The log's end as the broker says now, asked after `entries` were read.
  void take_latest(std::int32_t partition, std::int64_t latest);
  // Call after every record and end was taken. Prints the first faults to standard error.
  [[nodiscard]] VerifyCounts compare(const std::vector<LedgerEntry>& entries);

 private:
  struct Record {
    std::int64_t offset;
    std::uint64_t sequence;
    std::uint32_t checksum;
  };
  struct Partition {
    std::vector<Record> records;
    std::int64_t latest = 0;
  };

  [[nodiscard]] const Record* find(const LedgerEntry& entry) const;
  void fault(std::uint64_t& count, const char* what, std::int32_t partition, std::int64_t offset,
             std::uint64_t sequence);

  std::vector<Partition> partitions_;
  std::unordered_map<std::uint64_t, std::int64_t> offset_by_sequence_;
  VerifyCounts counts_;
  std::uint64_t printed_ = 0;
};

}  // namespace weir::clients
