#include "storage/weir_stamp.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace weir::storage {
namespace {

std::string with_checksum(const std::string& text) {
  return fmt::format("{}{:08x}\n", text, crc32c(as_bytes(text)));
}

// Takes a number and the blank behind it off `text`; nullopt: there is none.
std::optional<LeaderEpoch> take_epoch(std::string_view& text) {
  std::int32_t epoch = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), epoch);
  const auto size = static_cast<std::size_t>(parsed.ptr - text.data());
  if (parsed.ec != std::errc{} || size == text.size() || text[size] != ' ') return std::nullopt;
  text.remove_prefix(size + 1);
  return LeaderEpoch(epoch);
}

}  // namespace

std::string format_stamp(const EpochSpan& span) {
  return with_checksum(fmt::format("1 {} {} ", span.first, span.last));
}

std::optional<EpochSpan> parse_stamp(std::string_view text) {
  constexpr std::string_view kVersion = "1 ";
  if (!text.starts_with(kVersion)) return std::nullopt;
  auto rest = text.substr(kVersion.size());
  const auto first = take_epoch(rest);
  const auto last = first ? take_epoch(rest) : std::nullopt;
  if (!last) return std::nullopt;
  const EpochSpan span{*first, *last};
  // Written again it must be the same text: that holds the checksum and forbids every other spelling.
  if (format_stamp(span) != text) return std::nullopt;
  return span;
}

}  // namespace weir::storage
