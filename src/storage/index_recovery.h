// The two index files of one segment while its log is recovered: what they claim, held against the batches that are
// there, and written anew where they can't be kept. Blocking; one thread.
//
// The old files stay whole until new ones replace them: they hold a part of the durable floor.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/fs.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

namespace weir::storage {

class IndexRecovery {
 public:
  // `fs` outlives it. `interval_bytes` is index.interval.bytes.
  IndexRecovery(FileSystem& fs, const Path& directory, Offset segment_base, std::int64_t interval_bytes);

  // The newest entry that points at a whole batch of `log`, the segment's file of `size_bytes`.
  [[nodiscard]] Result<std::optional<OffsetIndexEntry>> last_intact_entry(const File& log,
                                                                          std::uint64_t size_bytes) const;
  // What both files end with, into `content`. False: they fail Kafka's sanity checks (kafka-protocol 5.2, step 3).
  [[nodiscard]] Result<bool> read_ends(SegmentContent& content) const;

  // A batch that a walk found; all of the segment's in order.
  void add(std::uint64_t position, const record::BatchHeader& header) { builder_.add(position, header); }

  // After the walk, and once what it found is durable: the files hold and `content` says what they do.
  enum class Settle {
    kIfUnsound,  // written anew if they don't agree with what the walk has found
    kAnew,       // whatever they are
  };
  // True: names in the directory were changed. `content.tail` is where the segment ends.
  [[nodiscard]] Result<bool> settle(SegmentContent& content, Settle how);

 private:
  enum class State { kMissing, kSound, kUnsound };
  template <class Entry>
  [[nodiscard]] Result<State> read_end(std::string_view suffix, std::uint64_t& count, std::optional<Entry>& last) const;
  [[nodiscard]] Result<bool> hold(SegmentContent& content) const;
  [[nodiscard]] bool agrees(const SegmentTail& tail, const OffsetIndexEntry& last) const;
  [[nodiscard]] bool agrees(const SegmentTail& tail, const TimeIndexEntry& last) const;
  template <class Entry>
  [[nodiscard]] Result<State> inspect(const SegmentTail& tail, std::string_view suffix, std::uint64_t& count,
                                      std::optional<Entry>& last) const;
  template <class Entry>
  [[nodiscard]] Result<void> write(std::string_view suffix, const std::vector<Entry>& entries) const;
  [[nodiscard]] Path path_of(std::string_view suffix) const;

  FileSystem* fs_;
  Path directory_;
  Offset segment_base_;
  IndexBuilder builder_;
};

}  // namespace weir::storage
