// How the files of a partition directory are called: the segment's base offset in twenty digits and a suffix. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"

namespace weir::storage {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTransactionIndexSuffix = ".txnindex";
inline constexpr std::string_view kProducerSnapshotSuffix = ".snapshot";
// After one of the above: work that a stop cut off (kafka-protocol 5.2).
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
// After one of the above: kept for somebody to look at. Neither Kafka nor any start of ours touches such a file.
inline constexpr std::string_view kAsideSuffix = ".aside";

[[nodiscard]] std::string segment_file_name(Offset base_offset, std::string_view suffix);

// The base offset in `name` if it is twenty digits followed by exactly `suffix`.
[[nodiscard]] std::optional<Offset> parse_segment_file_name(std::string_view name, std::string_view suffix);

}  // namespace weir::storage
