// Memory for bytes from the network: buffers that are handed out by size and come back when the last view of them
// dies, on whatever thread that is. Touching fresh pages costs more than a small request, so some stay here.
// Any thread.
//
// Always holds: what is kept for reuse is at most kept_bytes_max; a buffer in use is in nobody else's hands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace weir {

// Uninitialised memory that lives as long as `owner`.
struct Buffer {
  std::shared_ptr<void> owner;
  MutableByteView bytes;
};

class BufferPool {
 public:
  static constexpr std::size_t kSmallestBytes = 16 * kKiB;
  static constexpr std::size_t kLargestKeptBytes = kMiB;  // larger ones go back to the system

  explicit BufferPool(std::uint64_t kept_bytes_max = 8 * kMiB);

  // At least `size_bytes`: the next power of two up to kLargestKeptBytes, exactly that above.
  [[nodiscard]] Buffer take(std::size_t size_bytes);
  // What is handed out now.
  [[nodiscard]] std::uint64_t taken_bytes() const;

 private:
  struct State;
  struct GiveBack;
  std::shared_ptr<State> state_;  // outlives the pool while buffers are out
};

}  // namespace weir
