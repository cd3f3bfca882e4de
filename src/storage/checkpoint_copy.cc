#include "storage/checkpoint_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace weir::storage {
namespace {

std::string head_of(const CheckpointTexts& texts, std::string_view body) {
  return fmt::format("1 {} {} {} {:08x}\n", texts[0].size(), texts[1].size(), texts[2].size(), crc32c(as_bytes(body)));
}

// Takes a number and the byte behind it off `text`. What is none reads as 0: the head does not come out the same then.
std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto size = static_cast<std::size_t>(parsed.ptr - text.data());
  text.remove_prefix(std::min(size + 1, text.size()));
  return number;
}

}  // namespace

std::string format_checkpoint_copy(const CheckpointTexts& texts) {
  std::string body;
  for (const auto text : texts) body += text;
  return head_of(texts, body) + body;
}

Result<CheckpointTexts> parse_checkpoint_copy(std::string_view copy, std::string_view name) {
  const auto head = copy.substr(0, copy.find('\n') + 1);
  const auto body = copy.substr(head.size());
  auto numbers = head;
  take_number(numbers);  // the version
  CheckpointTexts texts;
  auto rest = body;
  for (auto& text : texts) {
    text = rest.substr(0, take_number(numbers));
    rest.remove_prefix(text.size());
  }
  // Made again it must be the same head: that proves sizes and checksum, and forbids every other spelling.
  if (!rest.empty() || head_of(texts, body) != head) {
    return fail(Errc::kCorrupt, fmt::format("{}: the checksum is wrong", name));
  }
  return texts;
}

}  // namespace weir::storage
