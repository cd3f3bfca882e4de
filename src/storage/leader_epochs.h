// Where each leader epoch of a log begins: Kafka's `leader-epoch-checkpoint`, in memory a short sorted list. What a log
// has is a cache of its own batch headers. Plain values; owned by whoever holds them.
//
// Always: epochs and their starts ascend.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ids.h"

namespace weir::storage {

inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";

struct EpochStart {
  LeaderEpoch epoch;
  Offset start;
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

class LeaderEpochs {
 public:
  LeaderEpochs() = default;
  explicit LeaderEpochs(std::vector<EpochStart> ascending) : starts_(std::move(ascending)) {}

  // A batch of `epoch` at `offset`, the newest. True: it is the first one of its epoch.
  bool note(LeaderEpoch epoch, Offset offset) {
    if (epoch < LeaderEpoch{0} || (!starts_.empty() && epoch <= starts_.back().epoch)) return false;
    starts_.push_back({epoch, offset});
    return true;
  }
  // The epoch that a batch at `offset` has; nullopt below the first one.
  [[nodiscard]] std::optional<LeaderEpoch> at(Offset offset) const;
  [[nodiscard]] std::optional<LeaderEpoch> newest() const {
    return starts_.empty() ? std::nullopt : std::optional(starts_.back().epoch);
  }
  // Keeps what is of use for offsets in [log_start, log_end).
  void cut(Offset log_start, Offset log_end);
  [[nodiscard]] const std::vector<EpochStart>& starts() const { return starts_; }

 private:
  std::vector<EpochStart> starts_;
};

}  // namespace weir::storage
