// A window that slides over inflated data: as many bytes as a reader asks for lie side by side, what it has passed is
// forgotten. Owned by one reader.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "record/compression/inflater.h"

namespace weir::record {

class InflateWindow {
 public:
  // One lz4 block of 64 KiB fits whole behind a started record.
  static constexpr std::size_t kStartBytes = 96 * 1024;

  explicit InflateWindow(std::unique_ptr<Inflater> inflater)
      : inflater_(std::move(inflater)),
        buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kStartBytes)),
        room_(kStartBytes) {}

  // What is in the window now.
  [[nodiscard]] ByteView view() const { return {buffer_.get() + begin_, end_ - begin_}; }

  // Brings at least `count` bytes into the window; false: the data ends before. The window grows only with data that
  // is there, so a false `count` costs nothing. Views taken before are dead.
  [[nodiscard]] Result<bool> require(std::size_t count);

  // Forgets `count` bytes of the view.
  void consume(std::size_t count) { begin_ += count; }

  // Forgets `count` bytes, in the window or not; false: the data ends before.
  [[nodiscard]] Result<bool> skip(std::uint64_t count);

 private:
  Result<bool> fill();  // reads at least one byte; false at the end

  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t room_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace weir::record
