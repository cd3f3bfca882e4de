// How a message is described: a plain struct, one for all versions, with a compile-time list of its fields. The walks
// that decode, encode, compare and print a message (codec.h) read this list; nothing here runs on a wire byte.
//
//   struct ExampleRequest {
//     static constexpr ApiKey api_key = ApiKey::kExample;   // requests and responses
//     static constexpr Versions valid{0, 4};
//     static constexpr Version first_flexible = 3;          // kNeverFlexible where there is none
//     using Response = ExampleResponse;                     // requests
//
//     struct Item {                                         // nested types live inside their message
//       std::string name{};
//       std::optional<std::string> value = "";              // the initialiser is the field's default; every member has
//                                                           // one, so that designated initialisers may leave any out
//       static consteval auto fields() {
//         return std::tuple{field<&Item::name>(), field<&Item::value>(since(2), nullable_since(3), ignorable())};
//       }
//     };
//
//     std::vector<Item> items{};
//     LeaderEpoch leader_epoch{-1};
//     static consteval auto fields() {
//       using M = ExampleRequest;
//       return std::tuple{field<&M::items>(), field<&M::leader_epoch>(since(3), tagged(0))};
//     }
//   };
//   static_assert(fields_complete<ExampleRequest>);
//
// To use one: decode<ExampleRequest>(bytes, version), encode(writer, message, version), to_json(message, version) of
// codec.h, and ==. A new schema header is added to the list in src/protocol/CMakeLists.txt, which makes its codec.
//
// What always holds
//   1. The order of fields() is the order on the wire; tagged fields take no place in it.
//   2. A field that a version lacks has its default after decoding. Encoding drops it if it is ignorable() and refuses
//      the message if it is not and differs from its default, as Kafka does.
//   3. An optional member may be null in every version that has the field, unless nullable_since says otherwise.
//   4. A nullable struct is std::optional<Nested>; assign to it (emplace() does not compile for nested types).
//   5. Names are Kafka's: member `topic_id` is the field TopicId, topicId in JSON.
#pragma once

#include <array>
#include <boost/pfr/tuple_size.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/error_code.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "protocol/api_key.h"
#include "protocol/records.h"

namespace weir::protocol {

using Version = std::int16_t;
inline constexpr Version kVersionMax = 32767;
inline constexpr Version kNeverFlexible = kVersionMax;

// First and last are both inside; first > last is no version at all.
struct Versions {
  Version first = 0;
  Version last = kVersionMax;
  [[nodiscard]] constexpr bool contains(Version version) const { return version >= first && version <= last; }
  [[nodiscard]] constexpr bool empty() const { return first > last; }
  friend constexpr bool operator==(Versions, Versions) = default;
};

inline constexpr std::int32_t kNoTag = -1;

struct FieldRules {
  Versions versions;            // versions of the message that have the field
  Versions nullable;            // where null is allowed, if the type can be null at all
  Versions tagged{1, 0};        // where it stands in the tagged section
  std::int32_t tag = kNoTag;    //
  bool ignorable = false;       // may be dropped silently in a version that lacks it
  bool never_flexible = false;  // keeps the lengths of non-flexible versions in all of them

  [[nodiscard]] constexpr bool in_order(Version version) const {
    return versions.contains(version) && !tagged.contains(version);
  }
};

struct Since {
  Version first;
  consteval void apply(FieldRules& rules) const { rules.versions.first = first; }
};
struct Within {
  Versions range;
  consteval void apply(FieldRules& rules) const { rules.versions = range; }
};
struct NullableSince {
  Version first;
  consteval void apply(FieldRules& rules) const { rules.nullable.first = first; }
};
struct Tagged {
  std::int32_t tag;
  Version first;
  consteval void apply(FieldRules& rules) const {
    rules.tag = tag;
    rules.tagged = {first, kVersionMax};
  }
};
struct Ignorable {
  consteval void apply(FieldRules& rules) const { rules.ignorable = true; }
};
struct NeverFlexible {
  consteval void apply(FieldRules& rules) const { rules.never_flexible = true; }
};

consteval Since since(Version first) {
  return {first};
}
consteval Within versions(Version first, Version last) {
  return {{first, last}};
}
consteval NullableSince nullable_since(Version first) {
  return {first};
}
// In the tagged section wherever the field exists, or from version `first` on.
consteval Tagged tagged(std::int32_t tag, Version first = 0) {
  return {tag, first};
}
consteval Ignorable ignorable() {
  return {};
}
consteval NeverFlexible never_flexible() {
  return {};
}

namespace detail {

template <auto Member>
consteval std::string_view member_name() {
  // "... [member = &weir::protocol::X::acks]" (Clang), "... = &X::acks; std::string_view = ...]" (GCC)
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("Member = "));
  text = text.substr(0, text.find_first_of(";]"));
  return text.substr(text.rfind(':') + 1);
}

template <class T>
consteval std::string_view type_name() {
  // "... [T = weir::protocol::X]" (Clang), "[with T = weir::protocol::X; ...]" (GCC)
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = "));
  text = text.substr(0, text.find_first_of(";]"));
  return text.substr(text.rfind(':') + 1);
}

template <class>
struct MemberOf;
template <class S, class V>
struct MemberOf<V S::*> {
  using Struct = S;
  using Value = V;
};

}  // namespace detail

template <auto Member>
struct Field {
  using Struct = typename detail::MemberOf<decltype(Member)>::Struct;
  using Value = typename detail::MemberOf<decltype(Member)>::Value;
  static constexpr std::string_view kName = detail::member_name<Member>();  // snake_case

  FieldRules rules;

  [[nodiscard]] constexpr const Value& in(const Struct& message) const { return message.*Member; }
  [[nodiscard]] constexpr Value& in(Struct& message) const { return message.*Member; }
};

template <auto Member, class... Rules>
consteval Field<Member> field(Rules... rules) {
  Field<Member> described;
  (rules.apply(described.rules), ...);
  return described;
}

// A struct with a field list; a message is one that also knows its versions.
template <class T>
concept Described = requires { T::fields(); };
template <class T>
concept Message = Described<T> && requires {
  { T::valid } -> std::convertible_to<Versions>;
  { T::first_flexible } -> std::convertible_to<Version>;
};
template <class T>
concept Request = Message<T> && requires {
  { T::api_key } -> std::convertible_to<ApiKey>;
  typename T::Response;
};

// "ProduceRequest", for errors and logs.
template <Described T>
inline constexpr std::string_view message_name = detail::type_name<T>();

template <Described T>
inline constexpr auto fields_of = T::fields();

namespace detail {
template <class T>
using FieldIndexes = std::make_index_sequence<std::tuple_size_v<decltype(T::fields())>>;
}  // namespace detail

// Calls `visit(field)` for each field in wire order.
template <Described T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(std::get<I>(fields_of<T>)), ...);
  }(detail::FieldIndexes<T>{});
}

// A message with every field at its default.
template <Described T>
const T& default_of() {
  static const T kDefault{};
  return kDefault;
}

// Member by member, over every version's fields.
template <Described T>
constexpr bool operator==(const T& a, const T& b) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return ((std::get<I>(fields_of<T>).in(a) == std::get<I>(fields_of<T>).in(b)) && ...);
  }(detail::FieldIndexes<T>{});
}

namespace detail {

template <class T>
struct Element {
  using type = T;
};
template <class T>
struct Element<std::optional<T>> : Element<T> {};
template <class T>
struct Element<std::vector<T>> : Element<T> {};

template <class T>
consteval bool fields_are_complete() {
  if constexpr (Described<T>) {
    using List = decltype(T::fields());
    if (std::tuple_size_v<List> != boost::pfr::tuple_size_v<T>) return false;
    return []<class... F>(std::type_identity<std::tuple<F...>>) {
      const std::array<std::string_view, sizeof...(F)> names{F::kName...};
      for (std::size_t i = 0; i < names.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (names[i] == names[j]) return false;
        }
      }
      return (std::is_same_v<typename F::Struct, T> && ...) &&
             (fields_are_complete<typename Element<typename F::Value>::type>() && ...);
    }(std::type_identity<List>{});
  } else {
    return true;
  }
}

template <class T>
consteval bool holds_records() {
  if constexpr (Described<T>) {
    return []<class... F>(std::type_identity<std::tuple<F...>>) {
      return (holds_records<typename Element<typename F::Value>::type>() || ...);
    }(std::type_identity<decltype(T::fields())>{});
  } else {
    return std::is_same_v<T, Records>;
  }
}

}  // namespace detail

// Every member of T, and of the structs within it, is listed exactly once.
template <Described T>
inline constexpr bool fields_complete = detail::fields_are_complete<T>();

// Decoding T borrows from the frame.
template <Described T>
inline constexpr bool borrows_records = detail::holds_records<T>();

}  // namespace weir::protocol
