// The identities and positions that everything speaks of, each its own type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/strong_int.h"

namespace weir {

// A record's position in its partition. Never negative once assigned; sentinels are named where they are used.
using Offset = StrongInt<struct OffsetTag, std::int64_t>;
using LeaderEpoch = StrongInt<struct LeaderEpochTag, std::int32_t>;
using PartitionIndex = StrongInt<struct PartitionIndexTag, std::int32_t>;
using NodeId = StrongInt<struct NodeIdTag, std::int32_t>;
using ProducerId = StrongInt<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = StrongInt<struct ProducerEpochTag, std::int16_t>;

inline constexpr Offset kNoOffset{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr std::int32_t kNoSequence = -1;
inline constexpr std::int64_t kNoTimestamp = -1;

struct TopicPartition {
  std::string topic;
  PartitionIndex partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

}  // namespace weir

template <>
struct std::hash<weir::TopicPartition> {
  std::size_t operator()(const weir::TopicPartition& of) const noexcept {
    return std::hash<std::string>{}(of.topic) * 31 + static_cast<std::size_t>(of.partition.value());
  }
};
