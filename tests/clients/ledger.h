// The ledger: what a client was told or shown by the broker, one entry each, in a file outside the broker's data
// directory. Entries reach the file by one write(2) each, appended, so several processes share it and a kill tears
// none; what stands in it must still hold after any crash of the broker.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::clients {

enum class EntryKind : std::uint32_t {
  kAcked = 1,   // the broker acknowledged the record at this offset
  kRead = 2,    // a consumer was given the record at this offset
  kLatest = 3,  // the broker said that the log's readable end is this offset
};

struct LedgerEntry {
  EntryKind kind = EntryKind::kAcked;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint64_t sequence = 0;  // of the payload; 0 for kLatest
  std::uint32_t checksum = 0;  // of the payload; 0 for kLatest
  std::uint32_t reserved = 0;
};
static_assert(sizeof(LedgerEntry) == 32);

class Ledger {
 public:
  // Opens for appending, creates it when it is not there.
  static Result<Ledger> open(const std::string& path);
  Ledger(Ledger&& from) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  // Any thread. Ends the process when the file takes no more: a test without its ledger proves nothing.
  void append(const LedgerEntry& entry) const;

 private:
  explicit Ledger(int fd) : fd_(fd) {}
  int fd_;
};

// All entries of a ledger as it stands now.
Result<std::vector<LedgerEntry>> read_ledger(const std::string& path);

// A record's payload: the sequence (8 bytes), then filling whose size and bytes follow from the sequence.
[[nodiscard]] Bytes payload_of(std::uint64_t sequence);
// The sequence of a payload that is whole; kCorrupt when any byte differs from payload_of.
Result<std::uint64_t> sequence_of(ByteView payload);
[[nodiscard]] std::uint32_t payload_checksum(ByteView payload);

// Sequences grow over all producer processes of a ledger: the process number, then the record's number.
inline constexpr int kProcessShift = 40;

}  // namespace weir::clients
