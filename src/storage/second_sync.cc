#include "storage/second_sync.h"

#include <algorithm>

#include "base/check.h"

namespace weir::storage {
namespace {

// Nothing shorter is worth a second sync: about what one takes on a fast device.
constexpr std::chrono::nanoseconds kLateAfterMin = std::chrono::microseconds(200);
// A segment that is not written to for long has no second description; where there was none to spare, it is tried
// again.
constexpr std::uint32_t kFirstsBeforeReopening = 4;
constexpr std::uint32_t kFirstsBetweenReopenings = 16;

}  // namespace

void SecondSync::begin_first(const Segment& active, bool is_plain, SteadyTime now) {
  first_is_plain_ = is_plain;
  first_began_ = now;
  if (segment_ != active.base_offset()) {
    segment_ = active.base_offset();
    durable_zeros_end_ = 0;
    proved_ = nullptr;
    firsts_over_zeros_ = 0;
  }
  zeros_of_first_end_ = active.zeroed_end();
  if (zeros_of_first_end_ != 0 && !is_out_) {
    const bool looks = ++firsts_over_zeros_ % kFirstsBetweenReopenings == kFirstsBeforeReopening;
    if (looks && active.open_second_file()) proved_ = nullptr;
  }
  candidate_ = active.second_file().get();
}

void SecondSync::end_first(bool succeeded, SteadyTime now) {
  first_is_plain_ = false;
  if (!succeeded) return;
  durable_zeros_end_ = zeros_of_first_end_;
  proved_ = candidate_;
  const auto took = std::chrono::duration_cast<Nanos>(now - first_began_);
  // One that hung does not make the next ones look quick.
  usual_time_ = (usual_time_ * 7 + std::min(took, std::max(usual_time_ * 2, kLateAfterMin))) / 8;
}

SecondSync::Nanos SecondSync::late_after() const {
  return std::max(usual_time_ * 3 / 2, kLateAfterMin);
}

std::optional<SteadyTime> SecondSync::due_at(const Segment& active) const {
  if (is_out_ || !first_is_plain_) return std::nullopt;
  if (segment_ != active.base_offset() || active.tail().size_bytes > durable_zeros_end_) return std::nullopt;
  const auto file = active.second_file();
  if (file == nullptr || file.get() != proved_) return std::nullopt;
  return first_began_ + late_after();
}

std::shared_ptr<File> SecondSync::begin(const Segment& active) {
  auto file = active.second_file();
  CHECK(!is_out_ && file != nullptr, "{}: a second sync that is not due", active.path().native());
  is_out_ = true;
  return file;
}

}  // namespace weir::storage
