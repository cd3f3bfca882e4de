#include "storage/open_segments.h"

#include "storage/segment.h"

namespace weir::storage {
namespace {

// So many are looked at for one that is opened: where all are at work, there are more open than there should be.
constexpr std::size_t kLooksMax = 64;

}  // namespace

void OpenSegments::add(const Segment& segment) {
  const std::lock_guard lock(mutex_);
  if (places_.contains(&segment)) return;
  places_[&segment] = ring_.insert(hand_, &segment);
  if (ring_.size() > count_max_) static_cast<void>(close_next(kLooksMax));
}

void OpenSegments::remove(const Segment& segment) {
  const std::lock_guard lock(mutex_);
  if (const auto place = places_.find(&segment); place != places_.end()) erase(place->second);
}

bool OpenSegments::close_one() {
  const std::lock_guard lock(mutex_);
  return close_next(2 * ring_.size());  // each gets its second chance
}

std::size_t OpenSegments::count() const {
  const std::lock_guard lock(mutex_);
  return ring_.size();
}

bool OpenSegments::close_next(std::size_t looks_max) {
  for (std::size_t looks = 0; looks < looks_max && !ring_.empty(); ++looks) {
    if (hand_ == ring_.end()) hand_ = ring_.begin();
    if ((*hand_)->close_if_idle()) {
      erase(hand_);
      return true;
    }
    ++hand_;
  }
  return false;
}

void OpenSegments::erase(Ring::iterator place) {
  if (hand_ == place) ++hand_;
  places_.erase(*place);
  ring_.erase(place);
}

}  // namespace weir::storage
