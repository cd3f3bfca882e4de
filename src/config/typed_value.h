// Between a parsed Value and a typed member of BrokerSettings or TopicSettings, both ways. Pure; any thread.
//
// Always: from_value then to_value gives the value back, for every value that the member's rule accepts.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_settings.h"
#include "config/value.h"

namespace weir::config {

[[nodiscard]] std::string_view to_string(CompressionType type);
[[nodiscard]] std::string_view to_string(MessageTimestampType type);
[[nodiscard]] std::string_view to_string(Durability durability);
[[nodiscard]] std::string_view to_string(LogLevel level);

// The Value comes from parse_value under the rule of the member's row, so that its alternative and range fit.
void from_value(const Value& value, CleanupPolicy& member);
void from_value(const Value& value, CompressionType& member);
void from_value(const Value& value, MessageTimestampType& member);
void from_value(const Value& value, Durability& member);
void from_value(const Value& value, LogLevel& member);

template <class T>
concept PlainMember = std::same_as<T, bool> || std::same_as<T, double> || std::same_as<T, std::string> ||
                      std::same_as<T, std::vector<std::string>>;

template <PlainMember T>
void from_value(const Value& value, T& member) {
  member = std::get<T>(value);
}
template <class T>
  requires std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>
void from_value(const Value& value, T& member) {
  member = static_cast<T>(std::get<std::int64_t>(value));
}
template <class T>
void from_value(const Value& value, std::optional<T>& member) {
  from_value(value, member.emplace());
}

[[nodiscard]] Value to_value(CleanupPolicy member);

template <class T>
  requires std::is_enum_v<T>
[[nodiscard]] std::optional<Value> member_value(T member) {
  return Value(std::string(to_string(member)));
}
[[nodiscard]] inline std::optional<Value> member_value(CleanupPolicy member) {
  return to_value(member);
}
template <PlainMember T>
[[nodiscard]] std::optional<Value> member_value(const T& member) {
  return Value(member);
}
template <class T>
  requires std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>
[[nodiscard]] std::optional<Value> member_value(T member) {
  return Value(std::int64_t{member});
}
template <class T>
[[nodiscard]] std::optional<Value> member_value(const std::optional<T>& member) {
  return member.has_value() ? member_value(*member) : std::nullopt;
}

}  // namespace weir::config
