#include "clients/ledger_verify.h"

#include <gtest/gtest.h>

namespace weir::clients {
namespace {

LedgerEntry entry(EntryKind kind, std::int64_t offset, std::uint64_t sequence) {
  return {.kind = kind, .offset = offset, .sequence = sequence, .checksum = payload_checksum(payload_of(sequence))};
}

// One partition whose log holds `sequences` from offset 0 on.
VerifyCounts compare(const std::vector<std::uint64_t>& sequences, const std::vector<LedgerEntry>& entries) {
  LogComparison comparison(1);
  std::int64_t offset = 0;
  for (const auto sequence : sequences) comparison.take(0, offset++, payload_of(sequence));
  comparison.take_latest(0, offset);
  return comparison.compare(entries);
}

TEST(LogComparison, AcceptsWhatHolds) {
  const auto counts = compare(
      {1, 2, 5},
      {entry(EntryKind::kAcked, 0, 1), entry(EntryKind::kRead, 1, 2), {.kind = EntryKind::kLatest, .offset = 3}});
  EXPECT_TRUE(counts.clean());
  EXPECT_EQ(counts.records, 3U);
  EXPECT_EQ(counts.acked, 1U);
  EXPECT_EQ(counts.unacked, 2U);
}

TEST(LogComparison, SeesAckedRecordThatIsLost) {
  EXPECT_EQ(compare({1}, {entry(EntryKind::kAcked, 1, 2)}).acked_lost, 1U);
  EXPECT_EQ(compare({1, 3}, {entry(EntryKind::kAcked, 1, 2)}).acked_lost, 1U);
}

TEST(LogComparison, SeesReadRecordThatVanished) {
  EXPECT_EQ(compare({1, 3}, {entry(EntryKind::kRead, 1, 2)}).read_vanished, 1U);
}

TEST(LogComparison, SeesDuplicate) {
  EXPECT_EQ(compare({1, 2, 2}, {}).duplicated, 1U);
}

TEST(LogComparison, SeesRecordsOutOfOrder) {
  EXPECT_EQ(compare({1, 3, 2}, {}).out_of_order, 1U);
}

TEST(LogComparison, SeesLatestBelowOneSeenBefore) {
  EXPECT_EQ(compare({1}, {{.kind = EntryKind::kLatest, .offset = 2}}).latest_lower, 1U);
}

TEST(LogComparison, SeesChangedPayload) {
  LogComparison comparison(1);
  auto payload = payload_of(1);
  payload.back() = static_cast<std::uint8_t>(payload.back() ^ 1);
  comparison.take(0, 0, payload);
  comparison.take_latest(0, 1);
  EXPECT_EQ(comparison.compare({}).changed, 1U);
}

}  // namespace
}  // namespace weir::clients
