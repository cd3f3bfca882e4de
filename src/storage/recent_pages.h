// What was written last and may stay in the page cache: older bytes leave it, once they are durable, so that a broker
// takes as much of the machine's memory as it was given, and new data goes into pages that are warm (drop-behind,
// design decision 12). Readers who stay within the budget read from memory as ever.
//
// Any thread; a lock of its own, under which no other is taken.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::storage {

class Segment;

// Bytes [from, to) of a segment's log.
struct PageRange {
  std::weak_ptr<const Segment> segment;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

class RecentPages {
 public:
  // Ranges are told in pieces of about this size: what a drop costs is a system call for each.
  static constexpr std::uint64_t kPieceBytes = 4ULL * 1024 * 1024;

  explicit RecentPages(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // `range` was written and is durable now. Returns what is to leave the page cache for it, the oldest first.
  [[nodiscard]] std::vector<PageRange> add(PageRange range);

 private:
  const std::uint64_t bytes_max_;
  std::mutex mutex_;              // guards all below
  std::deque<PageRange> ranges_;  // in the order they became durable
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::storage
