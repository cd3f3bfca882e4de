// One partition's log: segments, indexes, and three ends. Owned by one shard, which alone appends, rolls and completes
// flushes; any thread reads through the LogView that the owner publishes. Formats: FORMAT.md.
//
// Always: log_start <= flushed_end <= log_end; an index entry reaches its file only after an fdatasync covered its
// batch (so the last intact entry is part of the durable floor, design decision 7); a name that an acked batch depends
// on was made durable by the flush that acked it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/byte_chain.h"
#include "base/clock.h"
#include "base/published.h"
#include "base/random.h"
#include "base/result.h"
#include "model/ids.h"
#include "record/batch_header.h"
#include "storage/fs.h"
#include "storage/leader_epochs.h"
#include "storage/recent_pages.h"
#include "storage/second_sync.h"
#include "storage/segment.h"

namespace weir::storage {

struct LogSettings {
  std::int64_t segment_bytes = 1073741824;
  std::int64_t segment_ms = 604800000;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_index_bytes = 10485760;
  std::int64_t index_interval_bytes = 4096;
};

// Which segments may go (kafka-protocol 6.2).
struct RetentionRules {
  bool deletes = true;                // cleanup.policy holds "delete"; without it only what lies below log_start goes
  std::int64_t retention_ms = -1;     // by the largest timestamp of a segment; -1: however old
  std::int64_t retention_bytes = -1;  // of all segments together; -1: however many
};

struct ReadResult {
  ByteChain bytes;  // whole batches, the first one containing the asked offset; empty: nothing below the limit
  Offset next;      // where the next read goes on; the asked offset when empty
};

// The same in memory, whatever lies behind the file system.
struct CopiedBatches {
  Bytes bytes;
  Offset next;
};

struct TimestampMatch {
  Offset offset;
  std::int64_t timestamp_ms;
  LeaderEpoch leader_epoch;
};

// An immutable list of segments with what is needed to read them. Any thread; holds its segments open. Take the limit
// of a read first and the view after it: a view reaches at least as far as any end that was shown before.
class LogView {
 public:
  LogView(Offset log_start, std::vector<std::shared_ptr<Segment>> segments);

  [[nodiscard]] Offset log_start() const { return log_start_; }
  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] const std::vector<std::shared_ptr<Segment>>& segments() const { return segments_; }

  // Whole batches from the one that contains `from` while they end at or below `limit` and fit `max_bytes`;
  // `at_least_one` returns the first even if it does not fit. `from` lies in [log_start, limit]. At most one segment's
  // range per call, so fewer bytes than max_bytes do not mean the end. kCorrupt: `from` lies in a damaged range, or
  // what should be batches is not.
  [[nodiscard]] Result<ReadResult> read(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                        ReadMode mode) const;
  // Reads the same range into the page cache, on a helper; afterwards read(kIfResident) succeeds unless it was evicted.
  [[nodiscard]] Result<void> warm(Offset from, Offset limit, std::uint64_t max_bytes) const;
  using HeaderVisitor = std::function<Result<void>(const record::BatchHeader&)>;
  // The header of every readable batch from the one that contains `from` on that ends at or below `limit`, in offset
  // order; an error of `visit` ends it.
  // Blocks: start-up and helpers.
  [[nodiscard]] Result<void> visit_headers(Offset from, Offset limit, const HeaderVisitor& visit) const;
  // At least one batch, copied. Blocks: start-up and helpers.
  [[nodiscard]] Result<CopiedBatches> read_copy(Offset from, Offset limit, std::uint64_t max_bytes) const;
  // The leader epoch of the batch that contains `from`; kNoLeaderEpoch when there is none below `limit`. Blocks.
  [[nodiscard]] Result<LeaderEpoch> epoch_at(Offset from, Offset limit) const;

  // The first record in offset order, at or above log_start and below `limit`, whose timestamp is >= `timestamp_ms`.
  // Decompresses (bounded by max_inflated_bytes) and blocks: helpers only.
  [[nodiscard]] Result<std::optional<TimestampMatch>> find_timestamp(std::int64_t timestamp_ms, Offset limit,
                                                                     std::uint64_t max_inflated_bytes) const;
  // The first record with the largest timestamp below `limit`; nullopt when there is no record. Helpers only.
  [[nodiscard]] Result<std::optional<TimestampMatch>> find_max_timestamp(Offset limit,
                                                                         std::uint64_t max_inflated_bytes) const;

 private:
  struct Found {
    const Segment* segment;
    BatchRange range;
  };
  [[nodiscard]] Result<Found> find(Offset from, Offset limit, std::uint64_t max_bytes, bool at_least_one,
                                   ReadMode mode) const;

  Offset log_start_;
  std::vector<std::shared_ptr<Segment>> segments_;  // ascending, the last one is active
};

// A small file that is replaced as a whole.
struct ReplacedFile {
  Path path;
  Bytes content;
};

// What one round of fdatasync must cover. Made by the owner, run on a helper, handed back to the owner.
struct FlushJob {
  std::vector<std::shared_ptr<Segment>> segments;  // with bytes that are not durable, the active one last
  std::vector<std::shared_ptr<Segment>> finished;  // sealed, written and indexed: trimmed, their indexes synced
  std::vector<ReplacedFile> files;                 // what goes with those bytes; replaced for good, in this order
  mutable bool files_left = false;                 // there was no room for them; the bytes don't depend on them
  std::vector<Path> directories;                   // with names that are not durable; synced after the files
  std::vector<PageRange> leaving;                  // of any log: they need not stay in the page cache
  Offset end;                                      // log_end when the job was made
  std::uint64_t end_position = 0;                  // of `end` in the last of `segments`
  std::shared_ptr<File> second_file;               // not null: passes another job, and syncs this alone (second_sync.h)
  FileSystem* fs = nullptr;
};

// Runs a job's system calls: segments first, then small files, then directories. Helpers only; touches nothing but
// files.
[[nodiscard]] Result<void> run_flush(const FlushJob& job);

struct LogOpenOptions {
  bool clean = false;            // the directory was stopped cleanly: sizes and indexes are trusted
  Offset recovery_point{0};      // from the checkpoint: below it everything is durable
  Offset log_start{0};           // from the checkpoint
  bool knows_log_start = false;  // it is the log's, as Weir wrote it before any file went; false: a lower bound
  // Weir wrote here last. False: Apache Kafka may have, which syncs no index, so that the recovery point alone is the
  // durable floor, and whose compaction leaves gaps between segments above it.
  bool last_written_by_weir = true;
  std::atomic<std::uint64_t>* scanned_bytes = nullptr;  // grows as checksums are read; null: nobody looks
  OpenSegments* open_segments = nullptr;                // limits how many of all logs are open; null: nothing does
  RecentPages* recent_pages = nullptr;                  // of all logs in the page cache; null: the kernel decides
};

// [first, end)
struct OffsetRange {
  Offset first;
  Offset end;
};

struct RecoveryReport {
  // From the segment that begins here on nothing was taken on trust: what is derived from it is to be derived again.
  std::optional<Offset> rebuilt_from;
  std::uint64_t scanned_bytes = 0;
  std::uint64_t truncated_bytes = 0;
  std::uint64_t set_aside_bytes = 0;  // in segments that a checkpoint wants gone: kept under other names
  std::vector<OffsetRange> damaged;   // below the durable floor and unreadable: fenced, reads answer kCorrupt
};

class Log {
 public:
  // Opens or creates the log in `directory`, recovers it (torn tail cut, indexes rebuilt, everything scanned made
  // durable), and publishes its first view. Blocks: start-up or helpers. `fs`, `clock`, `random` outlive the log.
  static Result<std::unique_ptr<Log>> open(FileSystem& fs, const Clock& clock, Random& random, Path directory,
                                           LogSettings settings, LogOpenOptions options);
  ~Log();

  // Appends one whole batch, already stamped with base offset log_end() and its epoch. `header` is its header.
  // Rolls first when the segment is full, too old or its index is (kafka-protocol 6.1). kNoSpace, and kTooManyFiles at
  // a roll and the first append: nothing was appended, the log stays usable. Any other failure fences the log: every
  // later call fails. Not durable until a flush covers it. One pwritev, and at a roll one file created (some 15 us).
  Result<void> append(ByteView batch, const record::BatchHeader& header);

  // Where the log would start if everything went that `rules` do not keep at `now_ms` (wall time): at the first segment
  // that stays, or at log_end. A segment goes only if it ends at or below `high_watermark`. log_start() at least.
  [[nodiscard]] Offset retained_start(const RetentionRules& rules, Offset high_watermark, std::int64_t now_ms) const;
  // Moves log_start up to `start`, at most flushed_end; a lower one changes nothing. The checkpoint that says so is
  // durable by now, for a start that was shown never goes back. Returns the segments that lie wholly below it, which
  // new views no longer hold: the caller removes their files. When the active segment is among them the log rolls;
  // where it can't, that one stays until the next call.
  std::vector<std::shared_ptr<Segment>> advance_start(Offset start);
  // Whether advance_start(log_start()) would return anything: a stop came between moving the start and the files.
  [[nodiscard]] bool has_segments_below_start() const;

  // True when log_end > flushed_end, the log is not fenced, and no job is out, or one that is late and can be passed.
  [[nodiscard]] bool needs_flush() const {
    const auto at = needs_flush_at();
    return at && *at <= clock_.steady();
  }
  // From when on it is true if nothing changes; nullopt: never.
  [[nodiscard]] std::optional<SteadyTime> needs_flush_at() const;
  // Whether a job is out.
  [[nodiscard]] bool is_flushing() const { return flushing_ || second_sync_.is_out(); }
  // needs_flush() says yes, or no job is out. Two at a time at most. Of a fenced log the job is empty.
  [[nodiscard]] FlushJob begin_flush();
  // Owner's thread, with run_flush's result. A failure fences the log for good; the error comes back. So does
  // kTooManyFiles, which fences nothing: the next job may succeed.
  Result<void> complete_flush(const FlushJob& job, const Result<void>& outcome);

  [[nodiscard]] Offset log_start() const { return log_start_; }
  [[nodiscard]] Offset log_end() const { return log_end_; }
  [[nodiscard]] Offset flushed_end() const { return flushed_end_; }
  // Appended since the last flush began.
  [[nodiscard]] std::uint64_t unflushed_bytes() const { return appended_bytes_; }
  // What the recovery-point checkpoint shall say: everything below is durable, the indexes of its segments too.
  [[nodiscard]] Offset recovery_point() const;
  // Where the segment begins that appends go to.
  [[nodiscard]] Offset active_base() const { return active().base_offset(); }
  // The leader epochs of the batches in it.
  [[nodiscard]] const LeaderEpochs& epochs() const { return epochs_; }
  // The next flush replaces the file of that name in the log's directory with `content`, once everything appended by
  // now is durable. Caches only: a crash may come before it.
  void replace_file(std::string_view name, Bytes content);
  // Why every call fails, or null.
  [[nodiscard]] const Error* fence() const { return fence_ ? &*fence_ : nullptr; }
  // Fences the log from outside: what it lies on can't be trusted any more.
  void fence_off(const Error& why);
  // Any thread.
  [[nodiscard]] std::shared_ptr<const LogView> view() const { return view_.get(); }
  [[nodiscard]] const RecoveryReport& recovery() const { return recovery_; }
  [[nodiscard]] const Path& directory() const { return directory_; }
  void set_settings(LogSettings settings) { settings_ = settings; }

  // Clean stop: flushes, trims preallocation, writes final index entries and makes them durable. Blocks. Nothing may be
  // in flight. Afterwards appends answer kClosed.
  Result<void> close();

 private:
  Log(FileSystem& fs, const Clock& clock, Random& random, Path directory, LogSettings settings);

  [[nodiscard]] Segment& active() const { return *segments_.back(); }
  [[nodiscard]] bool must_roll(ByteView batch, const record::BatchHeader& header) const;
  Result<void> roll();
  // Before `size_bytes` are appended: space, and zeros where small flushes follow each other. An error when the device
  // failed; want of space is none.
  Result<void> prepare_space(File& file, std::uint64_t size_bytes);
  Result<void> cut_remains();
  Result<void> flush_now();
  Result<void> write_index(Segment& segment, bool all);
  // Sealed segments that are durable to their ends are indexed completely and passed on to be finished by the next
  // job; the active one gets what is worth a write.
  Result<void> index_durable_segments();
  std::unexpected<Error> fence_with(Error error);
  [[nodiscard]] Result<void> check_usable() const;
  void publish_view();
  void add_unsynced_directory(const Path& directory);
  // The bytes that a job has made durable, for recent_pages_.
  void tell_recent_pages(const FlushJob& job);
  void tell_recent_pages();
  // Files of a job that have to be replaced by the next one, unless a newer content waits already.
  void put_back(const std::vector<ReplacedFile>& files);
  // Whether all that is left to be made durable is bytes of the active segment.
  [[nodiscard]] bool is_plain() const;
  void mark_durable(const FlushJob& job);
  Result<void> settle_epochs(LeaderEpochs found, bool known, bool on_disk, bool clean);
  [[nodiscard]] Result<LeaderEpochs> gather_epochs() const;

  FileSystem& fs_;
  const Clock& clock_;
  Random& random_;
  const Path directory_;
  LogSettings settings_;
  OpenSegments* open_segments_ = nullptr;
  RecentPages* recent_pages_ = nullptr;
  RecoveryReport recovery_;
  Offset log_start_{0};
  Offset log_end_{0};
  Offset flushed_end_{0};
  std::vector<std::shared_ptr<Segment>> segments_;  // ascending, the last one is active
  std::vector<std::shared_ptr<Segment>> dirty_;     // of those: with bytes at or above flushed_end
  std::vector<std::shared_ptr<Segment>> sealed_;    // complete, their final index entries not yet written
  std::vector<std::shared_ptr<Segment>> finished_;  // after that: to be trimmed, their indexes synced by the next job
  std::vector<Path> unsynced_directories_;
  std::vector<ReplacedFile> files_;  // for the next flush
  LeaderEpochs epochs_;
  bool flushing_ = false;
  SecondSync second_sync_;
  bool reserving_allowed_ = true;  // until the volume is full or can't
  bool closed_ = false;
  bool remains_to_cut_ = false;  // of an append that met a full volume
  bool zeroing_allowed_ = true;  // the same for zeros
  std::uint32_t flush_count_ = 0;
  std::uint64_t appended_bytes_ = 0;     // since the last flush began
  std::uint64_t usual_flush_bytes_ = 0;  // what a flush had to cover lately
  PageRange told_;                       // durable bytes of one segment that recent_pages_ has not heard of
  std::vector<PageRange> leaving_;       // for the next job
  std::optional<Error> fence_;
  Published<LogView> view_;
};

}  // namespace weir::storage
