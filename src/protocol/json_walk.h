// The walk over a field list that prints a message as one line of JSON. Included by codec_walk.h only. No state.
#pragma once

#include <concepts>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "protocol/descriptor.h"
#include "protocol/wire_types.h"

namespace weir::protocol::walk {

// Quotes and escapes; bytes that are no UTF-8 become U+FFFD, so that the line is JSON whatever a client sent.
void print_text(std::string& out, std::string_view text);
// Base64 with padding, in quotes.
void print_base64(std::string& out, ByteView bytes);
void print_integer(std::string& out, std::int64_t value);
// JSON has no infinities and no NaN: they stand in quotes.
void print_float64(std::string& out, double value);
// Their size stands for them, under a name that says so.
void print_records(std::string& out, const Records& records);
// "topic_id" as "topicId", in quotes, with a colon behind.
void print_name(std::string& out, std::string_view snake_case_name);

template <class T>
void print_value(std::string& out, const T& value, Version version);

template <class T>
void print_array(std::string& out, const std::vector<T>& values, Version version) {
  out += '[';
  bool first = true;
  for (const T& value : values) {
    if (!std::exchange(first, false)) out += ',';
    print_value(out, value, version);
  }
  out += ']';
}

template <Described T>
void print_struct(std::string& out, const T& message, Version version) {
  out += '{';
  bool first = true;
  for_each_field<T>([&](const auto& field) {
    const FieldRules& rules = field.rules;
    if (!rules.versions.contains(version)) return;
    const auto& value = field.in(message);
    if (rules.tagged.contains(version) && value == field.in(default_of<T>())) return;
    if (!std::exchange(first, false)) out += ',';
    print_name(out, field.kName);
    print_value(out, value, version);
  });
  out += '}';
}

template <class T>
void print_value(std::string& out, const T& value, Version version) {
  if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (is_strong_int<T>) {
    print_integer(out, value.value());
  } else if constexpr (is_wire_integer<T>) {
    print_integer(out, static_cast<wire_integer<T>>(value));
  } else if constexpr (std::same_as<T, double>) {
    print_float64(out, value);
  } else if constexpr (std::same_as<T, Uuid>) {
    print_text(out, value.to_string());
  } else if constexpr (std::same_as<T, std::string>) {
    print_text(out, value);
  } else if constexpr (std::same_as<T, Bytes>) {
    print_base64(out, value);
  } else if constexpr (std::same_as<T, Records>) {
    print_records(out, value);
  } else if constexpr (Described<T>) {
    print_struct(out, value, version);
  } else if constexpr (requires { value.has_value(); }) {
    if (!value) return void(out += "null");
    print_value(out, *value, version);
  } else {
    print_array(out, value, version);
  }
}

}  // namespace weir::protocol::walk
