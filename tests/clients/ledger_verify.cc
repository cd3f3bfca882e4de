#include "clients/ledger_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <unordered_set>

namespace weir::clients {

void LogComparison::fault(std::uint64_t& count, const char* what, std::int32_t partition, std::int64_t offset,
                          std::uint64_t sequence) {
  ++count;
  constexpr std::uint64_t kPrintedMax = 20;
  if (printed_++ < kPrintedMax) {
    fmt::print(stderr, "{}: partition {} offset {} sequence {}.{}\n", what, partition, offset,
               sequence >> kProcessShift, sequence & ((std::uint64_t{1} << kProcessShift) - 1));
  }
}

void LogComparison::take(std::int32_t partition, std::int64_t offset, ByteView payload) {
  ++counts_.records;
  auto& records = partitions_[static_cast<std::size_t>(partition)].records;
  const auto sequence = sequence_of(payload);
  if (!sequence) return fault(counts_.changed, "changed payload", partition, offset, 0);
  if (!offset_by_sequence_.try_emplace(*sequence, offset).second) {
    fault(counts_.duplicated, "duplicated", partition, offset, *sequence);
  } else if (!records.empty() && records.back().sequence > *sequence) {
    fault(counts_.out_of_order, "out of order", partition, offset, *sequence);
  }
  records.push_back({.offset = offset, .sequence = *sequence, .checksum = payload_checksum(payload)});
}

void LogComparison::take_latest(std::int32_t partition, std::int64_t latest) {
  partitions_[static_cast<std::size_t>(partition)].latest = latest;
}

const LogComparison::Record* LogComparison::find(const LedgerEntry& entry) const {
  const auto& records = partitions_[static_cast<std::size_t>(entry.partition)].records;
  const auto at = std::ranges::lower_bound(records, entry.offset, {}, &Record::offset);
  if (at == records.end() || at->offset != entry.offset || at->sequence != entry.sequence) return nullptr;
  return &*at;
}

VerifyCounts LogComparison::compare(const std::vector<LedgerEntry>& entries) {
  std::unordered_set<std::uint64_t> acked;
  for (const auto& entry : entries) {
    const auto partition = static_cast<std::size_t>(entry.partition);
    const auto end = entry.kind == EntryKind::kLatest ? entry.offset : entry.offset + 1;
    if (partition >= partitions_.size() || partitions_[partition].latest < end) {
      fault(counts_.latest_lower, "latest is lower than before", entry.partition, entry.offset, entry.sequence);
    }
    if (entry.kind == EntryKind::kLatest || partition >= partitions_.size()) continue;
    const auto* const record = find(entry);
    const bool same = record != nullptr && record->checksum == entry.checksum;
    if (entry.kind == EntryKind::kAcked) {
      ++counts_.acked;
      acked.insert(entry.sequence);
      if (!same) fault(counts_.acked_lost, "acked, then lost", entry.partition, entry.offset, entry.sequence);
    } else {
      ++counts_.read_before;
      if (!same) fault(counts_.read_vanished, "read, then vanished", entry.partition, entry.offset, entry.sequence);
    }
  }
  for (const auto& [sequence, offset] : offset_by_sequence_) counts_.unacked += acked.contains(sequence) ? 0 : 1;
  return counts_;
}

}  // namespace weir::clients
