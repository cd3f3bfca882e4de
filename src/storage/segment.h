// One segment of a log: a `.log` file of whole batches and its two sparse indexes. The log's owner appends; any thread
// locates offsets and reads what lies below the tail it saw.
//
// 1. Bytes below tail().size_bytes never change, and there is a batch boundary at each tail that was ever shown.
// 2. An index entry is in its file only once its batch is durable. An entry read from a file is proved against the
//    batch it points at before it is used, so a damaged index costs time, never a wrong answer.
// 3. Headers that nobody stepped over since the log was opened are proved before a read starts from them: a part at a
//    time, on a helper. What is damaged among them is fenced from then on.
// 4. One mutex a segment guards the tail, the flush marks, the pending index entries, and what is proved. It is held
// for
//    copies and for the first open of a file, never for other I/O.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/byte_chain.h"
#include "base/result.h"
#include "model/ids.h"
#include "record/batch_header.h"
#include "storage/batch_walker.h"
#include "storage/fs.h"
#include "storage/header_walk.h"
#include "storage/open_segments.h"
#include "storage/sparse_index.h"

namespace weir::storage {

// Durable index entries wait in memory for company, but the last one in the file is part of the durable floor, so it
// does not stay far behind either.
inline constexpr std::size_t kIndexEntriesToWrite = 32;
inline constexpr std::int32_t kIndexLagBytesMax = static_cast<std::int32_t>(kMiB);

// Where a segment ends.
struct SegmentTail {
  std::uint64_t size_bytes = 0;
  Offset next_offset;
  std::int64_t max_timestamp_ms = kNoTimestamp;
  Offset max_timestamp_offset = kNoOffset;  // the last offset of the first batch that holds it
};

// Bytes below the durable floor that recovery could not read as batches: kept, never served.
struct DamagedRange {
  Offset first;
  Offset end;
  std::uint64_t position;
  std::uint64_t end_position;
};

// Whole batches; `next` is the offset after them.
struct BatchRange {
  std::uint64_t position = 0;
  std::uint64_t size_bytes = 0;
  Offset next;
};

// What a segment holds when it is opened: nothing, or what recovery found.
struct SegmentContent {
  std::shared_ptr<File> file;  // its `.log` where it is open already; null: it is opened when it is needed
  SegmentTail tail;
  std::optional<std::int64_t> first_timestamp_ms;  // max_timestamp of the first batch
  std::uint64_t offset_entries_count = 0;
  std::optional<OffsetIndexEntry> last_offset_entry;
  std::uint64_t time_entries_count = 0;
  std::optional<TimeIndexEntry> last_time_entry;
  // Of durable batches behind those: not in the files yet.
  std::vector<OffsetIndexEntry> pending_offset_entries;
  std::vector<TimeIndexEntry> pending_time_entries;
  std::vector<DamagedRange> damage;  // ascending
  // Where the stepping over began: the batches before this place are not proved. At position 0: all are.
  BatchPosition unproved_end;
  std::shared_ptr<const LeaderEpochs> epochs;  // of those batches; null: not known
};

// A sync that failed is final whatever its errno: a full disk among the reasons too, since the kernel has dropped what
// it could not write (design decision 8).
[[nodiscard]] Result<void> made_final(Result<void> synced);

class Segment {
 public:
  // Its `.log` is in `directory`, and opened when something reads or writes it. `created_ms` is the wall clock now,
  // `jitter_ms` is drawn once a segment. `open_segments` outlives it; null: nothing limits how many are open.
  Segment(FileSystem& fs, OpenSegments* open_segments, const Path& directory, Offset base_offset,
          SegmentContent content, std::int64_t created_ms, std::int64_t jitter_ms);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // Any thread.
  [[nodiscard]] Offset base_offset() const { return base_offset_; }
  [[nodiscard]] const Path& path() const { return path_; }
  // The `.log`. An open takes some microseconds and no disk. kTooManyFiles: nothing was done.
  [[nodiscard]] Result<std::shared_ptr<File>> log_file() const;
  // What is known by now.
  [[nodiscard]] std::vector<DamagedRange> damage() const;
  [[nodiscard]] SegmentTail tail() const;
  // Proves the headers from the batch that contains `from` on, for at least `size_bytes` or up to the segment's end.
  // Returns an offset up to which they are proved; kNotReady in kIfResident when `from` is not.
  [[nodiscard]] Result<Offset> prove(Offset from, std::uint64_t size_bytes, ReadMode mode) const;
  // Where the first batch starts whose last offset is >= `target`, which is proved; the tail if there is none.
  [[nodiscard]] Result<BatchPosition> locate(Offset target, ReadMode mode) const;
  // The batches that LogView::read would give from this segment. kCorrupt: `from` lies in a damaged range.
  [[nodiscard]] Result<BatchRange> range(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                         ReadMode mode) const;
  // Appends the bytes of `range` to `to`: large ones as a piece of the file, others copied.
  [[nodiscard]] Result<void> read(const BatchRange& range, ByteChain& to, ReadMode mode) const;
  // An offset such that every record before its batch has a timestamp below `timestamp_ms`.
  [[nodiscard]] Result<Offset> time_index_floor(std::int64_t timestamp_ms, ReadMode mode) const;
  // The newest time index entry for an offset below `limit`.
  [[nodiscard]] Result<std::optional<TimeIndexEntry>> last_time_entry_below(Offset limit, ReadMode mode) const;
  // Whether somebody besides this segment holds the `.log`, an answer on its way out for one.
  [[nodiscard]] bool is_being_read() const;
  // Helpers. Bytes [from, to) of the `.log`, durable, leave the page cache.
  void drop_pages(std::uint64_t from, std::uint64_t to) const;
  // Its directory is about to get another name: what is not open now can't be opened any more, and another topic's
  // files may come to stand where its own were.
  void retire() const;
  // OpenSegments' alone: closes its files unless they were used since it asked last, are being read, or hold bytes that
  // are not durable. True: they are closed.
  [[nodiscard]] bool close_if_idle() const;
  // Moves `walker` past a damaged range that starts where it stands.
  void pass_damage(BatchWalker& walker) const;

  // A description of the `.log` for a second sync beside sync_log(); null: there is none.
  [[nodiscard]] std::shared_ptr<File> second_file() const;
  // The owner, while nothing syncs. True: there was none, and is now. Best effort: it takes a descriptor to spare.
  [[nodiscard]] bool open_second_file() const;
  // Helpers. fdatasync of the `.log`; final if it fails. kTooManyFiles, for it may have to be opened: nothing was done.
  [[nodiscard]] Result<void> sync_log() const;
  // Helpers, once seal() and write_index(kAll) are done: gives preallocated space back, makes the size and the indexes
  // durable.
  [[nodiscard]] Result<void> finish() const;

  // The owner, from here on.
  [[nodiscard]] bool is_empty() const { return tail_.size_bytes == 0; }
  [[nodiscard]] std::optional<std::int64_t> first_timestamp_ms() const { return first_timestamp_ms_; }
  [[nodiscard]] std::int64_t created_ms() const { return created_ms_; }
  [[nodiscard]] std::int64_t jitter_ms() const { return jitter_ms_; }
  // Where the zeros end that were written ahead; 0: there are none.
  [[nodiscard]] std::uint64_t zeroed_end() const { return zeroed_end_; }
  [[nodiscard]] bool index_is_full(std::int64_t index_bytes_max) const;
  // From here on `file` is log_file()'s.
  // After an error the tail is unchanged; the file may be longer than it.
  [[nodiscard]] Result<void> append(File& file, ByteView batch, const record::BatchHeader& header,
                                    std::int64_t index_interval_bytes);
  // Cuts off the zeros written ahead: a file behind which the log goes on ends where its batches do, for Kafka's
  // recovery takes anything else for a torn tail, and deletes what follows it.
  [[nodiscard]] Result<void> cut_zeros(File& file);
  // Cuts off what a failed append left behind.
  [[nodiscard]] Result<void> truncate_to_tail(File& file);
  // Reserves space in steps so that the next `size_bytes` fit; not past `end_max` unless they need it.
  [[nodiscard]] Result<void> reserve(File& file, std::uint64_t size_bytes, std::uint64_t step_bytes,
                                     std::uint64_t end_max);
  // Writes zeros behind the next `size_bytes`, `step_bytes` of them and not past `end_max`, unless some are left there.
  // What is appended over them is synced without the file system's journal: neither size nor extents change. After an
  // error the file may be longer than it was.
  [[nodiscard]] Result<void> zero_ahead(File& file, std::uint64_t size_bytes, std::uint64_t step_bytes,
                                        std::uint64_t end_max);
  // Everything below `at` is durable: readers may start there without a walk.
  void mark_flushed(const BatchPosition& at);
  // Adds the final time index entry. Nothing is appended afterwards, unless the log is opened again. What is open stays
  // open until release_indexes(): finish() must not want for descriptors, nor open by a name that has changed.
  void seal();
  // Once finish() is done: closes the index files, which a sealed segment needs for rare lookups only.
  void release_indexes();
  // kEnoughToBother: leaves a few entries for later. kAll: all, and both files exist afterwards.
  enum class IndexWrite { kEnoughToBother, kAll };
  // Writes pending entries for batches below `flushed_end`. Sets `created` when a file was, whatever went wrong then:
  // its name is not durable.
  [[nodiscard]] Result<void> write_index(Offset flushed_end, IndexWrite amount, bool& created);

 private:
  // A place to start a walk from; with what an index file claims behind it: a batch and its last offset.
  struct Boundary {
    std::uint64_t position = 0;
    std::uint64_t claimed_position = 0;  // 0: nothing is claimed
    Offset claimed_last_offset;
  };
  // Batches that were proved after the log was opened.
  struct ProvedRange {
    BatchPosition begin;
    BatchPosition end;
  };
  // The newest place known without a walk for which `holds(offset, position)`, which is true up to some point.
  template <class Predicate>
  [[nodiscard]] Result<Boundary> nearest_boundary(Predicate holds, ReadMode mode) const;
  // Puts `walker` where `boundary` claims a batch if it is there, else at its sure place, or at `fallback` if later.
  [[nodiscard]] Result<void> start_walk(BatchWalker& walker, const Boundary& boundary, std::uint64_t fallback) const;
  // The range that holds `from`, or null. Under the mutex.
  [[nodiscard]] const ProvedRange* proved_range_with(Offset from) const;
  // The last place known without a proof for which `holds`, which is true up to some point. Under the mutex.
  template <class Predicate>
  [[nodiscard]] std::uint64_t last_sure_place(Predicate holds) const;
  // Where to begin proving so that `from` gets proved. Helpers.
  [[nodiscard]] Result<BatchPosition> proof_start(const File& file, Offset from) const;
  void take_proof(const ProvedRange& range, const std::vector<DamagedRange>& damage) const;
  // The last batch start in [start, end_max], where `start` is one.
  [[nodiscard]] Result<BatchPosition> last_start_up_to(const BatchPosition& start, std::uint64_t end_max,
                                                       ReadMode mode) const;
  [[nodiscard]] std::unexpected<Error> in_this_file(Error error) const;
  [[nodiscard]] Result<std::shared_ptr<File>> open_log() const;
  [[nodiscard]] Offset to_offset(std::int32_t relative) const { return base_offset_ + relative; }
  [[nodiscard]] std::int32_t to_relative(Offset offset) const {
    return static_cast<std::int32_t>(offset - base_offset_);
  }
  // The zeros, and what a sync made durable of them, are not there any more: no sync passes another here again.
  void forget_second_file();
  template <class Entry>
  [[nodiscard]] Result<void> write_entries(SparseIndex<Entry>& index, std::size_t count, bool create, bool& created);

  FileSystem& fs_;
  OpenSegments* const open_segments_;
  const Offset base_offset_;
  const Path path_;
  const std::shared_ptr<const LeaderEpochs> epochs_;  // what they were when the log was opened; null: not known
  const std::int64_t created_ms_;
  const std::int64_t jitter_ms_;

  // Changed by the owner under the mutex.
  mutable std::mutex mutex_;
  SegmentTail tail_;
  std::array<BatchPosition, 4> marks_{};  // flushed ends, the newest first: where tail readers continue
  std::size_t marks_count_ = 0;
  mutable SparseIndex<OffsetIndexEntry> offset_index_;  // mutable: a reader may be the first to open the file
  mutable SparseIndex<TimeIndexEntry> time_index_;
  bool has_reserved_space_ = false;
  bool has_zeros_ahead_ = false;  // the file is, or was, longer than the tail

  // Under the mutex too; changed by whoever is the first to need it.
  mutable std::shared_ptr<File> file_;
  mutable std::shared_ptr<File> second_file_;
  mutable bool may_have_second_file_ = true;
  mutable bool was_used_ = false;  // since close_if_idle() looked last
  mutable bool is_retired_ = false;
  bool is_to_be_finished_ = false;            // from seal() to release_indexes()
  mutable BatchPosition unproved_end_;        // everything from here on is proved
  mutable std::vector<ProvedRange> proved_;   // below it, ascending, apart from each other
  mutable std::vector<DamagedRange> damage_;  // ascending

  // The owner's alone.
  std::optional<std::int64_t> first_timestamp_ms_;
  std::int64_t bytes_since_index_entry_ = 0;
  std::uint64_t reserved_end_ = 0;
  std::uint64_t zeroed_end_ = 0;  // zeros up to here from the tail on, if that is below
};

}  // namespace weir::storage
