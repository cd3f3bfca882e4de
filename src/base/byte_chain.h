// A reply's bytes as a list of pieces: bytes in memory, and ranges of files that go out by sendfile untouched.
// Owned by one task at a time; the pieces keep what they point at alive.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace weir {

// A slice of memory and whatever keeps it alive.
struct SharedSlice {
  std::shared_ptr<const void> owner;
  ByteView view;
};

// A range of an open file. `owner` keeps `fd` open; the range lies within what was written when the piece was made.
struct FileRange {
  std::shared_ptr<const void> owner;
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

using Piece = std::variant<SharedSlice, FileRange>;

class ByteChain {
 public:
  void append(SharedSlice slice) {
    if (slice.view.empty()) return;
    size_bytes_ += slice.view.size();
    pieces_.emplace_back(std::move(slice));
  }
  void append(FileRange range) {
    if (range.size == 0) return;
    size_bytes_ += range.size;
    pieces_.emplace_back(std::move(range));
  }
  void append(Bytes bytes) {
    auto owner = std::make_shared<const Bytes>(std::move(bytes));
    ByteView view{*owner};
    append(SharedSlice{std::move(owner), view});
  }
  void append(ByteChain chain) {
    size_bytes_ += chain.size_bytes_;
    for (auto& piece : chain.pieces_) pieces_.push_back(std::move(piece));
  }

  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] bool empty() const { return size_bytes_ == 0; }
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  std::vector<Piece> pieces_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace weir
