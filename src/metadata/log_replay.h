// The metadata log's batches, from its start or from where a snapshot ends, into an image. A transaction of metadata
// records counts as a whole once it has ended and not at all before. One thread, at start-up.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/image.h"
#include "metadata/image_builder.h"
#include "metadata/record_framing.h"

namespace weir::metadata {

struct ReplayedLog {
  std::shared_ptr<const Image> image;
  Offset next_offset{0};
  LeaderEpoch last_epoch{0};           // of the last batch, or the snapshot's; 0: there is neither
  std::int64_t last_timestamp_ms = 0;  // of the last batch; 0: none was read
  bool open_transaction = false;       // the image is the one before it; it is to be aborted
};

class LogReplay {
 public:
  LogReplay() : LogReplay(nullptr, Offset(0), LeaderEpoch(0)) {}
  // Goes on from a snapshot's image, which stands for what lies below `next` and ends in `epoch`.
  LogReplay(const std::shared_ptr<const Image>& snapshot, Offset next, LeaderEpoch epoch);

  // One whole batch, the next in the log. kCorrupt or kUnsupported as of visit_batch, ImageBuilder and
  // decode_metadata_record; also kCorrupt when offsets or epochs don't go on from the batch before. The context names
  // the offset. After an error the replay is worth nothing.
  Result<void> add_batch(ByteView batch);

  [[nodiscard]] ReplayedLog finish();

 private:
  Result<void> on_entry(const LogEntry& entry);
  Result<void> on_control(const LogEntry& entry);
  Result<void> on_record(ByteView value);

  ImageBuilder builder_;
  Offset next_offset_{0};
  LeaderEpoch last_epoch_{0};
  std::int64_t last_timestamp_ms_ = 0;
  std::shared_ptr<const Image> before_transaction_;  // null: none is open
};

}  // namespace weir::metadata
