#include "model/topic_name.h"

#include <fmt/core.h>

#include <algorithm>

namespace weir {
namespace {

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

char fold(char c) {
  return c == '.' ? '_' : c;
}

}  // namespace

std::optional<std::string> topic_name_problem(std::string_view name) {
  if (name.empty()) return "Topic name is empty";
  if (name == "." || name == "..") return "Topic name cannot be \".\" or \"..\"";
  if (name.size() > kTopicNameMax) {
    return fmt::format("Topic name is {} characters long, the limit is {}", name.size(), kTopicNameMax);
  }
  if (!std::ranges::all_of(name, is_topic_character)) {
    return fmt::format("Topic name \"{}\" holds a character other than ASCII letters, digits, '.', '_' and '-'", name);
  }
  return std::nullopt;
}

bool topic_names_collide(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, fold, fold);
}

bool is_internal_topic(std::string_view name) {
  return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state";
}

}  // namespace weir
