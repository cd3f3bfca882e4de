#include "record/compression/inflate_window.h"

#include <algorithm>
#include <cstring>

namespace weir::record {

Result<bool> InflateWindow::fill() {
  if (ended_) return false;
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == room_ && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  } else if (end_ == room_) {
    auto wider = std::make_unique_for_overwrite<std::uint8_t[]>(room_ * 2);
    std::memcpy(wider.get(), buffer_.get(), end_);
    buffer_ = std::move(wider);
    room_ *= 2;
  }
  WEIR_TRY_ASSIGN(count, inflater_->read(MutableByteView(buffer_.get() + end_, room_ - end_)));
  end_ += count;
  ended_ = count == 0;
  return !ended_;
}

Result<bool> InflateWindow::require(std::size_t count) {
  while (end_ - begin_ < count) {
    WEIR_TRY_ASSIGN(more, fill());
    if (!more) return false;
  }
  return true;
}

Result<bool> InflateWindow::skip(std::uint64_t count) {
  while (count > end_ - begin_) {
    count -= end_ - begin_;
    begin_ = end_;
    WEIR_TRY_ASSIGN(more, fill());
    if (!more) return false;
  }
  begin_ += count;
  return true;
}

}  // namespace weir::record
