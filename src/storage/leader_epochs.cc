#include "storage/leader_epochs.h"

#include <algorithm>
#include <iterator>

namespace weir::storage {

std::optional<LeaderEpoch> LeaderEpochs::at(Offset offset) const {
  const auto after = std::ranges::upper_bound(starts_, offset, {}, &EpochStart::start);
  if (after == starts_.begin()) return std::nullopt;
  return std::prev(after)->epoch;
}

void LeaderEpochs::cut(Offset log_start, Offset log_end) {
  std::erase_if(starts_, [&](const EpochStart& entry) { return entry.start >= log_end; });
  // The one that log_start lies in begins there now; those before it are gone.
  const auto after = std::ranges::upper_bound(starts_, log_start, {}, &EpochStart::start);
  if (after == starts_.begin()) return;
  const auto holder = std::prev(after);
  holder->start = log_start;
  starts_.erase(starts_.begin(), holder);
}

}  // namespace weir::storage
