// What recovery does with the bytes of one segment: proves whole batches against their checksums, finds the next
// readable batch behind damage, and collects the index entries that a running log would have written. Blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "storage/fs.h"
#include "storage/sparse_index.h"

namespace weir::storage {

// Whether the batch at `position`, whose header this is and which lies within the file, has its checksum. `buffer` is
// room to read through, so a length that damage made huge costs time but no memory.
[[nodiscard]] Result<bool> has_valid_checksum(const File& file, std::uint64_t position,
                                              const record::BatchHeader& header, MutableByteView buffer);

struct FoundBatch {
  std::uint64_t position;
  record::BatchHeader header;
};

// The first whole batch in [position, end) with a valid checksum and a base offset in [first, last]. Looks at every
// byte, but reads at most a few times the range for checksums, so that forged headers can't make it slow.
[[nodiscard]] Result<std::optional<FoundBatch>> find_batch(const File& file, Offset segment_base,
                                                           std::uint64_t position, std::uint64_t end, Offset first,
                                                           Offset last, MutableByteView buffer);

// The newest entry of the offset index in `index` that points at a whole batch of `file` with its offset; looks from
// the end backwards.
[[nodiscard]] Result<std::optional<OffsetIndexEntry>> last_intact_entry(const File& index, const File& file,
                                                                        Offset segment_base, MutableByteView buffer);

// Both indexes of a segment, rebuilt from its headers in order.
class IndexBuilder {
 public:
  IndexBuilder(Offset segment_base, std::int64_t interval_bytes)
      : segment_base_(segment_base), interval_bytes_(interval_bytes) {}

  void add(std::uint64_t position, const record::BatchHeader& header);
  // The final entries: the largest timestamp, and the last batch itself. Everything is durable when they are written,
  // so the last batch raises the durable floor to the end of the log.
  void finish();

  [[nodiscard]] const std::vector<OffsetIndexEntry>& offsets() const { return offsets_; }
  [[nodiscard]] const std::vector<TimeIndexEntry>& times() const { return times_; }

 private:
  void add_time();

  Offset segment_base_;
  std::int64_t interval_bytes_;
  std::int64_t bytes_since_entry_ = 0;
  TimeIndexEntry largest_{kNoTimestamp, 0};
  OffsetIndexEntry last_batch_{};
  std::vector<OffsetIndexEntry> offsets_;
  std::vector<TimeIndexEntry> times_;
};

}  // namespace weir::storage
