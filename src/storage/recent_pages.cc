#include "storage/recent_pages.h"

#include <utility>

namespace weir::storage {

std::vector<PageRange> RecentPages::add(PageRange range) {
  std::vector<PageRange> leaving;
  const std::lock_guard lock(mutex_);
  bytes_ += range.to - range.from;
  ranges_.push_back(std::move(range));
  while (bytes_ > bytes_max_) {
    bytes_ -= ranges_.front().to - ranges_.front().from;
    leaving.push_back(std::move(ranges_.front()));
    ranges_.pop_front();
  }
  return leaving;
}

}  // namespace weir::storage
