#include "storage/segment_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace weir::storage {

namespace {
constexpr std::size_t kDigits = 20;
}  // namespace

std::string segment_file_name(Offset base_offset, std::string_view suffix) {
  return fmt::format("{:020}{}", base_offset.value(), suffix);
}

std::optional<Offset> parse_segment_file_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  const auto digits = name.substr(0, kDigits);
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t base = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), base);
  if (parsed.ec != std::errc{}) return std::nullopt;  // above 2^63 - 1
  return Offset{base};
}

}  // namespace weir::storage
