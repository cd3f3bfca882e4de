// What a setting's text may be and what it means: types, ranges and lists by the rules of Kafka's ConfigDef, for broker
// settings and topic settings alike. Pure; any thread.
//
// Always: text that parse_value accepts is text that Kafka accepts for the same rule, except that double values in
// Java's own notations (0.5d, 0x1p-1, NaN) are refused and only ASCII digits count.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace weir::config {

// The numbers are those of a DescribeConfigs answer.
enum class ValueType : std::int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,
};

// "boolean", "int", ...: Kafka's word for the type, in lower case.
[[nodiscard]] std::string_view to_string(ValueType type);

inline constexpr std::int64_t kNoLow = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kNoHigh = std::numeric_limits<std::int64_t>::max();

struct ValueRule {
  ValueType type = ValueType::kString;
  std::int64_t low = kNoLow;      // numbers, inclusive
  std::int64_t high = kNoHigh;    // numbers, inclusive
  bool or_minus_one = false;      // -1 is accepted outside of [low, high]
  std::string_view choices = {};  // "a|b|c": the only texts, or list elements, accepted; empty: any
  bool any_case = false;          // choices match whatever the case
  bool replica_list = false;      // "*" or partition:broker pairs
};

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

// The value of `text`, or kInvalidArgument whose context says what is wrong with it ("'x' is not a whole number from 1
// to 9"), without naming the key and, for a password, without repeating the text. White space around is dropped.
[[nodiscard]] Result<Value> parse_value(const ValueRule& rule, std::string_view text);

// "a whole number from 1 to 9 or -1", "one of a, b, c", "true or false".
[[nodiscard]] std::string describe(const ValueRule& rule);

// As Kafka writes it in an answer: lists joined by commas, a double in its shortest form with a fraction.
[[nodiscard]] std::string to_text(const Value& value);

// The elements between commas, without the white space around them. Blank text: none.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

// `text` without the white space around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace weir::config
