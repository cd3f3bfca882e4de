// The walk over a field list that encodes. Included by codec_walk.h only: compiling it is the expensive part of a
// message. What the version can't carry fails the writer and nothing else; no state.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "protocol/wire_types.h"
#include "protocol/wire_writer.h"

namespace weir::protocol::walk {

[[gnu::cold]] void refuse_set_field(WireWriter& writer, std::string_view field_name, Version version);

template <Described T>
void write_struct(WireWriter& writer, const T& from, Wire wire);

template <class T>
void write_value(WireWriter& writer, const T& from, Wire wire, bool nullable);

template <class T>
void write_null(WireWriter& writer, Wire wire) {
  if constexpr (Described<T>) {
    writer.integer(std::int8_t{-1});
  } else if constexpr (std::same_as<T, std::string>) {
    writer.null_string(wire.flexible);
  } else {
    writer.null_length(wire.flexible);
  }
}

template <class T>
void write_value(WireWriter& writer, const T& from, Wire wire, bool nullable) {
  if constexpr (std::same_as<T, bool>) {
    writer.boolean(from);
  } else if constexpr (is_strong_int<T>) {
    writer.integer(from.value());
  } else if constexpr (is_wire_integer<T>) {
    writer.integer(static_cast<wire_integer<T>>(from));
  } else if constexpr (std::same_as<T, double>) {
    writer.float64(from);
  } else if constexpr (std::same_as<T, Uuid>) {
    writer.uuid(from);
  } else if constexpr (std::same_as<T, std::string>) {
    writer.string_length(from.size(), wire.flexible);
    writer.raw(as_bytes(from));
  } else if constexpr (std::same_as<T, Bytes>) {
    writer.length(from.size(), wire.flexible);
    writer.raw(from);
  } else if constexpr (std::same_as<T, Records>) {
    if (from.is_null && !nullable) return writer.fail("null where null is not allowed");
    if (from.is_null) return writer.null_length(wire.flexible);
    writer.length(from.size_bytes(), wire.flexible);
    writer.raw(from.view);
    writer.chain(from.chain);
  } else if constexpr (is_array<T>) {
    writer.length(from.size(), wire.flexible);
    for (const auto& element : from) write_value(writer, element, wire, false);
  } else if constexpr (is_optional<T>) {
    if (!from && !nullable) return writer.fail("null where null is not allowed");
    if (!from) return write_null<typename T::value_type>(writer, wire);
    if constexpr (Described<typename T::value_type>) writer.integer(std::int8_t{1});
    write_value(writer, *from, wire, false);
  } else {
    write_struct(writer, from, wire);
  }
}

template <class T>
void write_tagged_value(WireWriter& writer, const T& from, Wire wire, bool nullable) {
  if constexpr (is_optional<T>) {
    if constexpr (Described<typename T::value_type>) {
      if (!from && !nullable) return writer.fail("null where null is not allowed");
      writer.uvarint(from ? 1 : 0);
      if (from) write_struct(writer, *from, wire);
      return;
    }
  }
  write_value(writer, from, wire, nullable);
}

template <auto Member, class T>
bool differs_from_default(const T& message, const Field<Member>& field) {
  return !(field.in(message) == field.in(default_of<T>()));
}

template <auto Member, class T>
void write_field(WireWriter& writer, const T& from, const Field<Member>& field, Wire wire) {
  const FieldRules& rules = field.rules;
  if (!rules.versions.contains(wire.version)) {
    if (!rules.ignorable && differs_from_default(from, field)) {
      refuse_set_field(writer, field.kName, wire.version);
    }
    return;
  }
  if (rules.tagged.contains(wire.version)) return;
  if (rules.never_flexible) wire.flexible = false;
  write_value(writer, field.in(from), wire, rules.nullable.contains(wire.version));
}

template <auto Member, class T>
bool stands_in_tagged_section(const T& from, const Field<Member>& field, Wire wire) {
  const FieldRules& rules = field.rules;
  return rules.tag != kNoTag && rules.versions.contains(wire.version) && rules.tagged.contains(wire.version) &&
         differs_from_default(from, field);
}

template <Described T>
void write_tagged_section(WireWriter& writer, const T& from, Wire wire) {
  std::uint32_t count = 0;
  for_each_field<T>([&](const auto& field) { count += stands_in_tagged_section(from, field, wire) ? 1 : 0; });
  writer.uvarint(count);
  // Ascending by tag, whatever the order of the list.
  for (std::int32_t tag = 0; count > 0 && tag <= max_tag<T>(); ++tag) {
    for_each_field<T>([&](const auto& field) {
      if (field.rules.tag != tag || !stands_in_tagged_section(from, field, wire)) return;
      writer.uvarint(static_cast<std::uint32_t>(tag));
      const std::size_t begun = writer.begin_sized();
      write_tagged_value(writer, field.in(from), wire, field.rules.nullable.contains(wire.version));
      writer.end_sized(begun);
    });
  }
}

template <Described T>
void write_struct(WireWriter& writer, const T& from, Wire wire) {
  for_each_field<T>([&](const auto& field) { write_field(writer, from, field, wire); });
  if (!wire.flexible) return;
  if constexpr (has_tags<T>()) {
    write_tagged_section(writer, from, wire);
  } else {
    writer.uvarint(0);
  }
}

}  // namespace weir::protocol::walk
