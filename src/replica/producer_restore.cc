#include "replica/producer_restore.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "record/control_batch.h"
#include "record/record_reader.h"
#include "storage/segment_names.h"
#include "storage/transaction_index.h"

namespace weir::replica {
namespace {

// A marker is some eighty bytes; whatever claims to be one and is larger is none.
constexpr std::uint64_t kMarkerBytesMax = 64 * kKiB;
constexpr std::uint64_t kTransactionIndexBytesMax = 256 * kMiB;

struct SnapshotFiles {
  std::set<Offset> snapshots;
  std::set<Offset> windows;              // Weir's own files beside them
  std::set<Offset> transaction_indexes;  // by the base of their segment
};

// What is gathered of segments whose .txnindex is made anew, by their base.
using AbortedBySegment = std::map<Offset, std::vector<storage::AbortedTransaction>>;

Result<SnapshotFiles> list_snapshots(storage::FileSystem& fs, const storage::Path& directory) {
  WEIR_TRY_ASSIGN(entries, fs.list(directory));
  SnapshotFiles found;
  for (const auto& entry : entries) {
    const auto snapshot = storage::parse_segment_file_name(entry.name, storage::kProducerSnapshotSuffix);
    if (snapshot) found.snapshots.insert(*snapshot);
    const auto index = storage::parse_segment_file_name(entry.name, storage::kTransactionIndexSuffix);
    if (index) found.transaction_indexes.insert(*index);
    if (const auto windows = storage::parse_producer_windows_name(entry.name)) found.windows.insert(*windows);
  }
  return found;
}

// Kafka's rule: the snapshots at the base of a segment stay, and of the others the newest one, if it is above them all.
std::set<Offset> superseded(const SnapshotFiles& files, const storage::Log& log) {
  std::set<Offset> bases;
  const auto view = log.view();
  for (const auto& segment : view->segments()) bases.insert(segment->base_offset());
  std::set<Offset> strays;
  for (const auto offset : files.snapshots) {
    if (offset <= log.log_end() && !bases.contains(offset)) strays.insert(offset);
  }
  if (!strays.empty() && *strays.rbegin() > *bases.rbegin()) strays.erase(std::prev(strays.end()));
  for (const auto offset : files.snapshots) {
    if (offset > log.log_end()) strays.insert(offset);
  }
  for (const auto offset : files.windows) {
    if (!files.snapshots.contains(offset)) strays.insert(offset);
  }
  return strays;
}

// The marker that a control batch holds; nullopt for other control records, which belong to nobody's transaction.
Result<std::optional<TransactionMarker>> read_marker(const storage::LogView& view, const record::BatchHeader& header) {
  if (header.size_bytes() > kMarkerBytesMax) return std::nullopt;
  WEIR_TRY_ASSIGN(batch, view.read_copy(header.base_offset, header.next_offset(), header.size_bytes()));
  WEIR_TRY_ASSIGN(reader, record::RecordReader::open(batch.bytes, {.max_inflated_bytes = kMarkerBytesMax}));
  record::RecordView record;
  WEIR_TRY_ASSIGN(has_record, reader.next(record));
  if (!has_record || !record.key || !record.value) return std::nullopt;
  const auto type = record::read_control_type(*record.key);
  if (!type || (*type != record::ControlType::kAbort && *type != record::ControlType::kCommit)) return std::nullopt;
  WEIR_TRY_ASSIGN(epoch, record::read_marker_epoch(*record.value));
  return TransactionMarker{.is_abort = *type == record::ControlType::kAbort, .coordinator_epoch = epoch};
}

storage::Path transaction_index_path(const storage::Log& log, Offset base) {
  return log.directory() / storage::segment_file_name(base, storage::kTransactionIndexSuffix);
}

// Transaction indexes to be made anew: of segments that were recovered, and bad ones.
struct StaleIndexes {
  AbortedBySegment aborted;      // with what the present file says, where it can be read
  std::optional<Offset> bad_at;  // the base of the first one that can't
};

Result<StaleIndexes> find_stale_indexes(storage::FileSystem& fs, const storage::Log& log, const SnapshotFiles& files) {
  StaleIndexes stale;
  const auto view = log.view();
  for (const auto& segment : view->segments()) {
    const auto base = segment->base_offset();
    const auto& rebuilt_from = log.recovery().rebuilt_from;
    const bool is_rebuilt = rebuilt_from && base >= *rebuilt_from;
    if (is_rebuilt) stale.aborted[base];
    if (!files.transaction_indexes.contains(base)) continue;
    const auto path = transaction_index_path(log, base);
    WEIR_TRY_ASSIGN(bytes, storage::read_whole_file(fs, path, kTransactionIndexBytesMax));
    auto parsed = storage::parse_transaction_index(bytes, base, storage::kOffsetMax, path.native());
    if (!parsed) {
      log_warn("{}: made anew", parsed.error().context);
      stale.aborted[base];
      if (!stale.bad_at) stale.bad_at = base;
    } else if (is_rebuilt) {
      stale.aborted[base] = *std::move(parsed);
    }
  }
  return stale;
}

Result<void> write_indexes(storage::FileSystem& fs, const storage::Log& log, const SnapshotFiles& files,
                           const AbortedBySegment& aborted) {
  for (const auto& [base, entries] : aborted) {
    const auto path = transaction_index_path(log, base);
    const bool exists = files.transaction_indexes.contains(base);
    if (entries.empty()) {
      if (exists) WEIR_TRY(fs.unlink(path));
      continue;
    }
    const auto bytes = storage::format_transaction_index(entries);
    if (exists) {
      WEIR_TRY_ASSIGN(present, storage::read_whole_file(fs, path, kTransactionIndexBytesMax));
      if (present == bytes) continue;
    }
    WEIR_TRY(storage::write_file_atomically(fs, path, bytes));
  }
  return {};
}

void note_aborted(const EndedTransaction& ended, AbortedBySegment& aborted, const storage::LogView& view) {
  if (!ended.is_aborted) return;
  const auto& segments = view.segments();
  const auto after = std::ranges::upper_bound(segments, ended.last_offset, {},
                                              [](const auto& segment) { return segment->base_offset(); });
  if (after == segments.begin()) return;
  const auto wanted = aborted.find((*std::prev(after))->base_offset());
  if (wanted == aborted.end()) return;
  wanted->second.push_back({ended.producer_id, ended.first_offset, ended.last_offset, ended.last_stable_offset});
}

Result<void> replay(const storage::Log& log, Offset from, ProducerStates& states, AbortedBySegment& aborted) {
  const auto view = log.view();
  return view->visit_headers(from, log.log_end(), [&](const record::BatchHeader& batch) -> Result<void> {
    if (batch.next_offset() <= from || !batch.has_producer()) return {};
    if (!batch.is_control()) {
      states.remember(batch, batch.max_timestamp);
      return {};
    }
    auto marker = read_marker(*view, batch);
    if (!marker && marker.error().code != Errc::kCorrupt) return std::unexpected(std::move(marker).error());
    if (!marker || !*marker) return {};
    if (const auto ended = states.end_transaction(batch, **marker)) note_aborted(*ended, aborted, *view);
    return {};
  });
}

// The newest snapshot at or below `limit` that can be used; those that can't be are removed.
Result<std::optional<Offset>> load_newest(storage::FileSystem& fs, const storage::Path& directory, SnapshotFiles& files,
                                          Offset limit, ProducerStates& states) {
  for (;;) {
    const auto after = files.snapshots.upper_bound(limit);
    if (after == files.snapshots.begin()) return std::nullopt;
    const auto newest = *std::prev(after);
    auto memories = storage::read_producers(fs, directory, newest);
    if (memories) {
      states = ProducerStates(*memories);
      return newest;
    }
    if (memories.error().code != Errc::kCorrupt) return std::unexpected(std::move(memories).error());
    log_warn("{}: removed, an older one and the log say what it would have", memories.error().context);
    WEIR_TRY(storage::remove_producers(fs, directory, newest));
    files.snapshots.erase(newest);
  }
}

}  // namespace

Result<RestoredProducers> restore_producers(storage::FileSystem& fs, const storage::Log& log, bool clean) {
  const auto& directory = log.directory();
  WEIR_TRY_ASSIGN(files, list_snapshots(fs, directory));
  const bool had_any = !files.snapshots.empty();
  for (const auto offset : superseded(files, log)) {
    WEIR_TRY(storage::remove_producers(fs, directory, offset));
    files.snapshots.erase(offset);
  }
  WEIR_TRY_ASSIGN(stale, find_stale_indexes(fs, log, files));
  RestoredProducers restored;
  const auto limit = std::min(log.log_end(), stale.bad_at.value_or(log.log_end()));
  WEIR_TRY_ASSIGN(loaded, load_newest(fs, directory, files, limit, restored.states));
  restored.newest_snapshot = loaded;
  // As in Kafka: a log that was stopped cleanly and has no snapshot at all has no producers.
  if (clean && !had_any && stale.aborted.empty()) return restored;
  // Where the snapshot lies below the log's start, so do batches that it does not know: their segments are still to go.
  const auto from = loaded.value_or(log.log_start());
  // What is below a snapshot was durable with it; what is above is replayed.
  for (auto& [base, entries] : stale.aborted) {
    std::erase_if(entries, [&](const auto& entry) { return entry.last_offset >= from; });
  }
  if (from < log.log_end()) WEIR_TRY(replay(log, from, restored.states, stale.aborted));
  WEIR_TRY(write_indexes(fs, log, files, stale.aborted));

  const auto last_base = log.view()->segments().back()->base_offset();
  const bool told_by_last_segment = from >= last_base || from >= log.log_end();
  if (clean || told_by_last_segment) return restored;
  const auto content = storage::format_producers(restored.states.memories());
  WEIR_TRY(storage::write_producers(fs, directory, log.log_end(), content));
  restored.newest_snapshot = log.log_end();
  return restored;
}

Result<void> leave_snapshot(storage::FileSystem& fs, const storage::Log& log, const ProducerStates& producers,
                            std::optional<Offset> newest_snapshot) {
  const auto end = log.log_end();
  const bool nothing_to_tell = !newest_snapshot && producers.producer_count() == 0;
  if (nothing_to_tell || newest_snapshot == end) return {};
  WEIR_TRY(storage::write_producers(fs, log.directory(), end, storage::format_producers(producers.memories())));
  WEIR_TRY_ASSIGN(files, list_snapshots(fs, log.directory()));
  for (const auto offset : superseded(files, log)) {
    WEIR_TRY(storage::remove_producers(fs, log.directory(), offset));
  }
  return {};
}

}  // namespace weir::replica
