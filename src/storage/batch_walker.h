// Steps through the batch headers of a segment file, reading as little of the bodies as its window allows. One thread;
// the file and the window outlive it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "storage/sparse_index.h"

namespace weir::storage {

// Why no batch of a segment with this base offset can start with `header`, `size_bytes` bytes before the end of the
// file; null when one can. Judges the header alone: a body may still be torn.
[[nodiscard]] const char* header_problem(const record::BatchHeader& header, Offset segment_base,
                                         std::uint64_t size_bytes);

class BatchWalker {
 public:
  // Walks [position, end); `position` is where a batch starts. `window` holds at least a header.
  BatchWalker(const File& file, Offset segment_base, std::uint64_t position, std::uint64_t end, ReadMode mode,
              MutableByteView window);

  [[nodiscard]] std::uint64_t position() const { return position_; }
  // The header at position(); nullopt at the end. kCorrupt: no batch can start there.
  [[nodiscard]] Result<std::optional<record::BatchHeader>> peek();
  void skip(const record::BatchHeader& header) { move_to(position_ + header.size_bytes()); }
  void move_to(std::uint64_t position);
  // That part of the file if it was read along with a header; empty if not.
  [[nodiscard]] ByteView in_window(std::uint64_t position, std::uint64_t size_bytes) const;

 private:
  const File& file_;
  const Offset segment_base_;
  std::uint64_t position_;
  const std::uint64_t end_;
  const ReadMode mode_;
  const MutableByteView window_;
  std::uint64_t window_position_ = 0;
  std::uint64_t window_size_ = 0;
  bool skipping_ = false;  // the last step left the window far behind: batches are large, read headers only
};

}  // namespace weir::storage
