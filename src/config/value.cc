#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <utility>

namespace weir::config {
namespace {

constexpr bool is_space(char c) {
  // What Java's String.trim drops: every ASCII control character and the blank.
  return static_cast<unsigned char>(c) <= ' ';
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal(std::string_view a, std::string_view b, bool any_case) {
  if (!any_case) return a == b;
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// The spelling of the choice that `text` is, or empty.
std::string_view choice_of(const ValueRule& rule, std::string_view text) {
  std::string_view rest = rule.choices;
  while (!rest.empty()) {
    const auto bar = rest.find('|');
    const auto choice = rest.substr(0, bar);
    if (equal(choice, text, rule.any_case)) return choice;
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  }
  return {};
}

struct Bounds {
  std::int64_t low;
  std::int64_t high;
};

// The rule's range within what the type holds.
Bounds bounds_of(const ValueRule& rule) {
  Bounds type{kNoLow, kNoHigh};
  if (rule.type == ValueType::kInt) {
    type = {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  } else if (rule.type == ValueType::kShort) {
    type = {std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max()};
  }
  return {std::max(type.low, rule.low), std::min(type.high, rule.high)};
}

std::unexpected<Error> refuse(const ValueRule& rule, std::string_view text) {
  if (rule.type == ValueType::kPassword) return fail(Errc::kInvalidArgument, "not an acceptable value");
  return fail(Errc::kInvalidArgument, fmt::format("'{}' is not {}", text, describe(rule)));
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  // Java takes a leading plus sign, from_chars doesn't.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

Result<Value> parse_integer(const ValueRule& rule, std::string_view text) {
  std::int64_t number = 0;
  if (!parse_number(text, number)) return refuse(rule, text);
  const auto [low, high] = bounds_of(rule);
  const bool in_range = number >= low && number <= high;
  if (!in_range && !(rule.or_minus_one && number == -1)) return refuse(rule, text);
  return number;
}

Result<Value> parse_double(const ValueRule& rule, std::string_view text) {
  double number = 0;
  if (!parse_number(text, number) || !std::isfinite(number)) return refuse(rule, text);
  if (rule.low != kNoLow && number < static_cast<double>(rule.low)) return refuse(rule, text);
  if (rule.high != kNoHigh && number > static_cast<double>(rule.high)) return refuse(rule, text);
  return number;
}

// "partition:broker" in digits, the form of the throttled replicas' lists.
bool is_replica(std::string_view element) {
  const auto colon = element.find(':');
  if (colon == std::string_view::npos) return false;
  const auto is_number = [](std::string_view digits) {
    return !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  };
  return is_number(element.substr(0, colon)) && is_number(element.substr(colon + 1));
}

Result<Value> parse_list(const ValueRule& rule, std::string_view text) {
  std::vector<std::string> elements = split_list(text);
  if (rule.replica_list) {
    // Kafka overlooks one empty element at the end.
    if (!elements.empty() && elements.back().empty()) elements.pop_back();
    const bool all = elements.size() == 1 && elements.front() == "*";
    if (!all && !std::ranges::all_of(elements, is_replica)) return refuse(rule, text);
    return elements;
  }
  if (rule.choices.empty()) return elements;
  std::vector<std::string> distinct;
  for (const auto& element : elements) {
    const auto choice = choice_of(rule, element);
    if (choice.empty()) return refuse(rule, text);
    // An element given twice counts once, as in Kafka.
    if (std::ranges::find(distinct, choice) == distinct.end()) distinct.emplace_back(choice);
  }
  return distinct;
}

std::string choices_text(std::string_view choices) {
  std::string text;
  for (const char c : choices) {
    if (c == '|') {
      text += ", ";
    } else {
      text += c;
    }
  }
  return text;
}

std::string range_text(const ValueRule& rule) {
  const auto [low, high] = rule.type == ValueType::kDouble ? Bounds{rule.low, rule.high} : bounds_of(rule);
  const bool has_low = rule.low != kNoLow;
  const bool has_high = rule.high != kNoHigh;
  std::string text;
  if (has_low && (has_high || high != kNoHigh)) {
    text = fmt::format(" from {} to {}", low, high);
  } else if (has_low) {
    text = fmt::format(" from {} up", low);
  } else if (high != kNoHigh) {
    text = fmt::format(" up to {}", high);
  }
  return text;
}

}  // namespace

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::kBoolean: return "boolean";
    case ValueType::kString: return "string";
    case ValueType::kInt: return "int";
    case ValueType::kShort: return "short";
    case ValueType::kLong: return "long";
    case ValueType::kDouble: return "double";
    case ValueType::kList: return "list";
    case ValueType::kClass: return "class";
    case ValueType::kPassword: return "password";
  }
  return "string";
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split_list(std::string_view text) {
  text = trimmed(text);
  std::vector<std::string> elements;
  if (text.empty()) return elements;
  while (true) {
    const auto comma = text.find(',');
    elements.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return elements;
    text.remove_prefix(comma + 1);
  }
}

Result<Value> parse_value(const ValueRule& rule, std::string_view raw) {
  const auto text = trimmed(raw);
  switch (rule.type) {
    case ValueType::kBoolean:
      if (equal(text, "true", true)) return true;
      if (equal(text, "false", true)) return false;
      return refuse(rule, text);
    case ValueType::kInt:
    case ValueType::kShort:
    case ValueType::kLong: return parse_integer(rule, text);
    case ValueType::kDouble: return parse_double(rule, text);
    case ValueType::kList: return parse_list(rule, text);
    case ValueType::kString:
    case ValueType::kClass:
    case ValueType::kPassword: {
      if (rule.choices.empty()) return std::string(text);
      const auto choice = choice_of(rule, text);
      if (choice.empty()) return refuse(rule, text);
      return std::string(choice);
    }
  }
  return refuse(rule, text);
}

std::string describe(const ValueRule& rule) {
  switch (rule.type) {
    case ValueType::kBoolean: return "true or false";
    case ValueType::kInt:
    case ValueType::kShort:
    case ValueType::kLong: return "a whole number" + range_text(rule) + (rule.or_minus_one ? " or -1" : "");
    case ValueType::kDouble: return "a number" + range_text(rule);
    case ValueType::kList:
      if (rule.replica_list) return "'*' or a list of PARTITION:BROKER pairs";
      if (!rule.choices.empty()) return "a list of " + choices_text(rule.choices);
      return "a list";
    case ValueType::kString:
      if (!rule.choices.empty()) return "one of " + choices_text(rule.choices);
      return "a text";
    case ValueType::kClass: return "the name of a class";
    case ValueType::kPassword: return "a password";
  }
  return "a text";
}

std::string to_text(const Value& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::same_as<V, bool>) {
          return v ? "true" : "false";
        } else if constexpr (std::same_as<V, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(v, ","));
        } else if constexpr (std::same_as<V, std::string>) {
          return v;
        } else if constexpr (std::same_as<V, double>) {
          // fmt writes 1 for 1.0 under "{}"; Java always shows a fraction.
          const std::string text = fmt::format("{}", v);
          return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
        } else {
          return fmt::format("{}", v);
        }
      },
      value);
}

}  // namespace weir::config
