// What a partition's log knows of its producers after a start: the newest snapshot that can be used and a replay of the
// headers behind it, which also tells which transactions were aborted; and what a stop leaves for the next start
// (kafka-protocol 5.2, steps 3 and 6). Blocks: start-up, stop and helpers.
#pragma once

#include <optional>

#include "base/result.h"
#include "replica/producer_state.h"
#include "storage/fs.h"
#include "storage/log.h"

namespace weir::replica {

struct RestoredProducers {
  ProducerStates states;
  std::optional<Offset> newest_snapshot;  // on disk
};

// `log` is recovered; `clean` says how the directory was stopped. Snapshots that can't be used, that lie above the
// log's end, or that no segment needs any more are removed. After a stop that was not clean one is written at the log's
// end when the last segment alone does not tell. `.txnindex` files that are bad, or of segments that were recovered,
// are made anew. A clean start writes nothing where nothing is bad.
[[nodiscard]] Result<RestoredProducers> restore_producers(storage::FileSystem& fs, const storage::Log& log, bool clean);

// At a clean stop, once the log is closed: leaves a snapshot at its end where there is something to be told, and none
// that it supersedes.
[[nodiscard]] Result<void> leave_snapshot(storage::FileSystem& fs, const storage::Log& log,
                                          const ProducerStates& producers, std::optional<Offset> newest_snapshot);

}  // namespace weir::replica
