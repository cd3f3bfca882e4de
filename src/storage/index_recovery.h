// The two index files of one segment while its log is recovered: what they claim, held against the batches that are
// there, and written anew where they can't be kept. Blocking; one thread.
//
// 1. The old files stay whole until new ones replace them: they hold a part of the durable floor.
// 2. Files that are kept were compared entry by entry, and need no sync of their own although a kill may have left them
//    in the page cache alone. Each entry points at a batch that is durable by now. A power cut can take entries back;
//    the floor is lower then, never wrong, and the recovery-point checkpoint does not pass a segment before a later
//    job has synced both files to their ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/fs.h"
#include "storage/segment.h"
#include "storage/segment_scan.h"

namespace weir::storage {

// The entries of an index file in order, each to be met by a walk.
template <class Entry>
class EntryCheck {
 public:
  // A missing file has no entries.
  [[nodiscard]] Result<void> open(FileSystem& fs, const Path& path);
  // Something that an entry may stand for.
  [[nodiscard]] Result<void> meet(const Entry& found);
  [[nodiscard]] bool all_met() const { return is_whole_ && met_count_ == count_; }
  [[nodiscard]] std::uint64_t met_count() const { return met_count_; }
  [[nodiscard]] const std::optional<Entry>& last_met() const { return last_met_; }

 private:
  static constexpr std::size_t kBlockEntries = 512;

  std::shared_ptr<File> file_;
  std::uint64_t count_ = 0;
  bool is_whole_ = true;
  std::uint64_t met_count_ = 0;
  std::optional<Entry> last_met_;
  Bytes block_;  // entries from block_begin_ on
  std::uint64_t block_begin_ = 0;
};

class IndexRecovery {
 public:
  // `fs` outlives it. `interval_bytes` is index.interval.bytes.
  IndexRecovery(FileSystem& fs, const Path& directory, Offset segment_base, std::int64_t interval_bytes);

  // The newest entry that points at a whole batch of `log`, the segment's file of `size_bytes`.
  [[nodiscard]] Result<std::optional<OffsetIndexEntry>> last_intact_entry(const File& log,
                                                                          std::uint64_t size_bytes) const;
  // What both files end with, into `content`. False: they fail Kafka's sanity checks (kafka-protocol 5.2, step 3).
  [[nodiscard]] Result<bool> read_ends(SegmentContent& content) const;

  // Before the walk of a segment that goes on being written: what the files say is compared with what it finds.
  [[nodiscard]] Result<void> begin_check();
  // A batch that a walk found; all of the segment's in order.
  [[nodiscard]] Result<void> add(std::uint64_t position, const record::BatchHeader& header);

  // After the walk, and once what it found is durable: the files hold and `content` says what they do.
  enum class Settle {
    kIfUnsound,  // written anew if they don't agree with what the walk has found
    kContinued,  // kept if each entry is what a walk finds and few are missing: those are left to the running log
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
  [[nodiscard]] bool can_be_continued(const SegmentTail& tail) const;
  void leave_the_rest(SegmentContent& content) const;
  template <class Entry>
  [[nodiscard]] Result<void> write(std::string_view suffix, const std::vector<Entry>& entries) const;
  [[nodiscard]] Path path_of(std::string_view suffix) const;

  FileSystem* fs_;
  Path directory_;
  Offset segment_base_;
  IndexBuilder builder_;
  bool is_checked_ = false;
  EntryCheck<OffsetIndexEntry> offset_check_;
  EntryCheck<TimeIndexEntry> time_check_;
  std::int64_t largest_ms_ = kNoTimestamp;  // of what the walk found so far
};

}  // namespace weir::storage
