// Bugs planted on purpose, which the tests must find: a harness that sees none of them proves nothing (`./dev lab
// planted`). They exist only in builds with WEIR_PLANTED_BUGS (preset `planted`), where WEIR_PLANTED_BUG names one of
// them by its number, read once. In every other build is_planted() is a constant false, and nothing of them is there.
#pragma once

#ifdef WEIR_PLANTED_BUGS
#include <cstdlib>
#endif

namespace weir {

enum class PlantedBug {
  kAckBeforeSync = 1,
  kHighWatermarkBeforeSync = 2,
  kSyncTriedAgain = 3,          // after it failed
  kNameOfSegmentNotSynced = 4,  // no fsync of the directory after a roll
  kStateFileInPlace = 5,        // a checkpoint overwritten, not replaced
  kTailWithoutChecksum = 6,     // taken for whole by recovery
  kDamageCutOff = 7,            // and all behind it, below the durable floor
  kProducersForgotten = 8,      // at a restart
  kErrorAnsweredAsOffsetZero = 13,
  kShortWriteIgnored = 14,
  kRecoveredNotSynced = 15,  // the next recovery may find less than this one served
};

#ifdef WEIR_PLANTED_BUGS
inline bool is_planted(PlantedBug bug) {
  static const int planted = [] {
    const char* const asked = std::getenv("WEIR_PLANTED_BUG");
    return asked == nullptr ? 0 : std::atoi(asked);
  }();
  return planted == static_cast<int>(bug);
}
#else
constexpr bool is_planted(PlantedBug) {
  return false;
}
#endif

}  // namespace weir
