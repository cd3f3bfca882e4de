// The walk over a field list that decodes. Included by codec_walk.h only: compiling it is the expensive part of a
// message. Every count and length is proved by the reader before anything is allocated; no state.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire_reader.h"
#include "protocol/wire_types.h"

namespace weir::protocol::walk {

template <Described T>
void read_struct(WireReader& reader, T& to, Wire wire);

inline void refuse_null(WireReader& reader) {
  reader.fail("null where null is not allowed");
}

inline void read_string(WireReader& reader, std::string& to, std::uint32_t size_bytes) {
  if (size_bytes > kStringBytesMax) return reader.fail("a string is longer than 32767 bytes");
  to = as_text(reader.raw(size_bytes));
}

template <class T>
void read_value(WireReader& reader, T& to, Wire wire, bool nullable);

// emplace() would ask whether a nested struct can be made from nothing, which compilers answer with no while the
// message around it is still incomplete, and remember.
template <Described T>
T& fresh(std::optional<T>& to) {
  to = T{};
  return *to;
}

template <class T>
void read_array(WireReader& reader, std::vector<T>& to, std::uint32_t count, Wire wire) {
  if (!reader.array_fits(count, min_wire_bytes<T>(wire), sizeof(T))) return;
  to.resize(count);
  for (T& element : to) {
    read_value(reader, element, wire, false);
    if (reader.failed()) return;
  }
}

// Strings, bytes, records and arrays: a length first, which may say null.
template <class T>
void read_sized(WireReader& reader, T& to, std::uint32_t length, Wire wire) {
  if constexpr (std::same_as<T, std::string>) {
    read_string(reader, to, length);
  } else if constexpr (std::same_as<T, Bytes>) {
    const MutableByteView bytes = reader.raw(length);
    to.assign(bytes.begin(), bytes.end());
  } else {
    read_array(reader, to, length, wire);
  }
}

template <class T>
std::optional<std::uint32_t> read_length(WireReader& reader, Wire wire) {
  if constexpr (std::same_as<T, std::string>) {
    return reader.string_length(wire.flexible);
  } else {
    return reader.length(wire.flexible);
  }
}

template <class T>
void read_value(WireReader& reader, T& to, Wire wire, bool nullable) {
  if constexpr (std::same_as<T, bool>) {
    to = reader.boolean();
  } else if constexpr (is_wire_integer<T>) {
    to = static_cast<T>(reader.integer<wire_integer<T>>());
  } else if constexpr (std::same_as<T, double>) {
    to = reader.float64();
  } else if constexpr (std::same_as<T, Uuid>) {
    to = reader.uuid();
  } else if constexpr (std::same_as<T, Records>) {
    const auto length = reader.length(wire.flexible);
    to.is_null = !length.has_value();
    if (length) to.view = reader.raw(*length);
    if (to.is_null && !nullable) refuse_null(reader);
  } else if constexpr (Described<T>) {
    read_struct(reader, to, wire);
  } else if constexpr (!is_optional<T>) {
    const auto length = read_length<T>(reader, wire);
    if (!length) return refuse_null(reader);
    read_sized(reader, to, *length, wire);
  } else if constexpr (Described<typename T::value_type>) {
    // A nullable struct in its place in the order: a signed byte, negative for null.
    if (reader.integer<std::int8_t>() >= 0) return read_struct(reader, fresh(to), wire);
    to.reset();
    if (!nullable) refuse_null(reader);
  } else {
    const auto length = read_length<typename T::value_type>(reader, wire);
    if (length) return read_sized(reader, to.emplace(), *length, wire);
    to.reset();
    if (!nullable) refuse_null(reader);
  }
}

// A tagged field's payload. A nullable struct is told apart by a varint there, not by a byte.
template <class T>
void read_tagged_value(WireReader& reader, T& to, Wire wire, bool nullable) {
  if constexpr (is_optional<T>) {
    if constexpr (Described<typename T::value_type>) {
      if (reader.uvarint() != 0) return read_struct(reader, fresh(to), wire);
      to.reset();
      if (!nullable) refuse_null(reader);
      return;
    }
  }
  read_value(reader, to, wire, nullable);
}

template <auto Member, class T>
void read_field(WireReader& reader, T& to, const Field<Member>& field, Wire wire) {
  if (!field.rules.in_order(wire.version) || reader.failed()) return;
  if (field.rules.never_flexible) wire.flexible = false;
  read_value(reader, field.in(to), wire, field.rules.nullable.contains(wire.version));
  if (reader.failed()) [[unlikely]]
    reader.name_failure(field.kName);
}

template <auto Member, class T>
void read_tagged_field(WireReader& reader, T& to, const Field<Member>& field, Wire wire) {
  // Kafka refuses a tag that it knows in a version that lacks it, and skips only those it has never heard of.
  if (!field.rules.tagged.contains(wire.version) || !field.rules.versions.contains(wire.version)) {
    reader.fail("a tagged field is not of this version");
  } else {
    read_tagged_value(reader, field.in(to), wire, field.rules.nullable.contains(wire.version));
  }
  if (reader.failed()) [[unlikely]]
    reader.name_failure(field.kName);
}

// Stricter than Kafka in one thing: a known field must fill its declared size exactly. Kafka reads the field and never
// looks at its size, so that a lie there moves every byte that follows.
template <Described T>
void read_tagged_section(WireReader& reader, T& to, Wire wire) {
  const std::uint32_t count = reader.uvarint();
  if (count > reader.bytes_left() / 2) return reader.fail("more tagged fields than the frame has room for");
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint32_t tag = reader.uvarint();
    const std::uint32_t size_bytes = reader.uvarint();
    if constexpr (!has_tags<T>()) {
      (void)tag;
      (void)reader.raw(size_bytes);
    } else {
      bool known = false;
      WireReader payload = reader.enter(size_bytes);
      if (reader.failed()) return;
      for_each_field<T>([&](const auto& field) {
        if (known || field.rules.tag == kNoTag || static_cast<std::uint32_t>(field.rules.tag) != tag) return;
        known = true;
        read_tagged_field(payload, to, field, wire);
      });
      if (known) reader.leave(payload);
    }
  }
}

template <Described T>
void read_struct(WireReader& reader, T& to, Wire wire) {
  for_each_field<T>([&](const auto& field) { read_field(reader, to, field, wire); });
  if (wire.flexible && !reader.failed()) read_tagged_section(reader, to, wire);
}

}  // namespace weir::protocol::walk
