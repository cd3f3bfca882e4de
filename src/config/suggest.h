// The known name that somebody most likely meant. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace weir::config {

// Insertions, deletions, changes of a character and swaps of two neighbours that lead from `a` to `b`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known` to `word`, the first of equals; nullopt when none is near (over a quarter of its length away).
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace weir::config
