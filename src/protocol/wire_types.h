// How C++ types map to Kafka's wire types, for the walks that decode and encode. Compile-time only, no state.
#pragma once

#include <concepts>
#include <type_traits>

#include "base/strong_int.h"
#include "protocol/descriptor.h"

namespace weir::protocol::walk {

// What a walk knows of the message it is in.
struct Wire {
  Version version;
  bool flexible;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_array = false;
template <class T>
inline constexpr bool is_array<std::vector<T>> = !std::same_as<T, std::uint8_t>;

// The integer that a value of T is on the wire.
template <class T>
struct WireInteger {
  using type = void;
};
template <class T>
  requires(std::integral<T> && !std::same_as<T, bool>)
struct WireInteger<T> {
  using type = T;
};
template <class T>
  requires std::is_enum_v<T>
struct WireInteger<T> {
  using type = std::underlying_type_t<T>;
};
template <class T>
  requires is_strong_int<T>
struct WireInteger<T> {
  using type = typename T::Rep;
};
template <class T>
using wire_integer = typename WireInteger<T>::type;
template <class T>
inline constexpr bool is_wire_integer = !std::is_void_v<wire_integer<T>>;

template <Described T>
consteval bool has_tags() {
  bool found = false;
  for_each_field<T>([&](const auto& field) { found |= field.rules.tag != kNoTag; });
  return found;
}

template <Described T>
consteval std::int32_t max_tag() {
  std::int32_t found = kNoTag;
  for_each_field<T>([&](const auto& field) { found = field.rules.tag > found ? field.rules.tag : found; });
  return found;
}

// The fewest bytes that a value of T takes: what an array's count is checked against.
template <class T>
constexpr std::size_t min_wire_bytes(Wire wire) {
  if constexpr (std::same_as<T, bool> || is_optional<T>) {
    return 1;
  } else if constexpr (is_wire_integer<T> || std::same_as<T, double>) {
    return sizeof(T);
  } else if constexpr (std::same_as<T, Uuid>) {
    return 16;
  } else if constexpr (std::same_as<T, std::string>) {
    return wire.flexible ? 1 : 2;
  } else if constexpr (Described<T>) {
    std::size_t bytes = wire.flexible ? 1 : 0;
    for_each_field<T>([&]<auto Member>(const Field<Member>& field) {
      if (field.rules.in_order(wire.version)) bytes += min_wire_bytes<typename Field<Member>::Value>(wire);
    });
    return bytes;
  } else {
    return wire.flexible ? 1 : 4;  // bytes, records, arrays
  }
}

}  // namespace weir::protocol::walk
