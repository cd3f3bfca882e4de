#include "base/buffer_pool.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <utility>
#include <vector>

namespace weir {
namespace {

using Memory = std::unique_ptr<std::uint8_t[]>;

constexpr std::size_t kClassCount =
    static_cast<std::size_t>(std::countr_zero(BufferPool::kLargestKeptBytes / BufferPool::kSmallestBytes)) + 1;

std::size_t class_of(std::size_t pooled_bytes) {
  return static_cast<std::size_t>(std::countr_zero(pooled_bytes / BufferPool::kSmallestBytes));
}

}  // namespace

struct BufferPool::State {
  explicit State(std::uint64_t kept_max) : kept_bytes_max(kept_max) {}

  void give_back(Memory memory, std::size_t size_bytes) {
    const std::lock_guard lock(mutex);
    taken_bytes -= size_bytes;
    if (size_bytes > kLargestKeptBytes || kept_bytes + size_bytes > kept_bytes_max) return;
    free[class_of(size_bytes)].push_back(std::move(memory));
    kept_bytes += size_bytes;
  }

  const std::uint64_t kept_bytes_max;
  mutable std::mutex mutex;  // guards all below
  std::array<std::vector<Memory>, kClassCount> free;
  std::uint64_t kept_bytes = 0;
  std::uint64_t taken_bytes = 0;
};

struct BufferPool::GiveBack {
  void operator()(std::uint8_t* memory) const { state->give_back(Memory(memory), size_bytes); }
  std::shared_ptr<State> state;
  std::size_t size_bytes;
};

BufferPool::BufferPool(std::uint64_t kept_bytes_max) : state_(std::make_shared<State>(kept_bytes_max)) {}

Buffer BufferPool::take(std::size_t size_bytes) {
  if (size_bytes <= kLargestKeptBytes) size_bytes = std::bit_ceil(std::max(size_bytes, kSmallestBytes));
  Memory memory;
  {
    const std::lock_guard lock(state_->mutex);
    state_->taken_bytes += size_bytes;
    if (size_bytes <= kLargestKeptBytes) {
      auto& free = state_->free[class_of(size_bytes)];
      if (!free.empty()) {
        memory = std::move(free.back());
        free.pop_back();
        state_->kept_bytes -= size_bytes;
      }
    }
  }
  if (memory == nullptr) memory = std::make_unique_for_overwrite<std::uint8_t[]>(size_bytes);
  Buffer buffer;
  buffer.bytes = MutableByteView(memory.get(), size_bytes);
  buffer.owner = std::shared_ptr<std::uint8_t>(memory.release(), GiveBack{state_, size_bytes});
  return buffer;
}

std::uint64_t BufferPool::taken_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->taken_bytes;
}

}  // namespace weir
