// Kafka's 16-byte ids (topics, directories, incarnations). Text form is 22 characters of URL-safe base64.
#pragma once

#include <fmt/core.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace weir {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] bool is_zero() const { return *this == Uuid{}; }
  [[nodiscard]] std::string to_string() const;
  // nullopt unless `text` is 22 characters of URL-safe base64 that end on a whole id.
  static std::optional<Uuid> parse(std::string_view text);
  // Version 4, never a reserved id (0 or 1), and no text form that starts with '-' (command lines would trip over it).
  static Uuid random(Random& random);

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

// The topic id of __cluster_metadata.
inline constexpr Uuid kMetadataTopicId{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

}  // namespace weir

template <>
struct std::hash<weir::Uuid> {
  std::size_t operator()(const weir::Uuid& id) const noexcept {
    std::uint64_t low;
    std::memcpy(&low, id.bytes.data() + 8, sizeof low);  // random ids: any eight bytes are a hash
    return low;
  }
};

// Prints its text form.
template <>
struct fmt::formatter<weir::Uuid> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const weir::Uuid& id, format_context& context) const {
    return fmt::format_to(context.out(), "{}", id.to_string());
  }
};
