// Messages to and from bytes and JSON. Each schema header has one codec unit, made by CMake, that instantiates these
// walks for its messages; whoever includes this compiles none of them. Any thread.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/descriptor.h"
#include "protocol/wire_reader.h"
#include "protocol/wire_writer.h"

namespace weir::protocol {

// Reads a T from where the reader stands; the reader then stands behind it. Errors: kCorrupt for bytes that don't
// decode (the context names the field), kUnsupported for a version outside T::valid.
template <Message T>
[[nodiscard]] Result<T> decode(WireReader& reader, Version version);

// The same from the start of `body`; bytes behind the message are tolerated, as Kafka does. Records in the message
// borrow from `body`.
template <Message T>
[[nodiscard]] Result<T> decode(MutableByteView body, Version version) {
  WireReader reader(body);
  return decode<T>(reader, version);
}

// For messages that hold no records and so leave the bytes alone.
template <Message T>
[[nodiscard]] Result<T> decode_const(ByteView body, Version version) {
  static_assert(!borrows_records<T>, "its records would be a mutable view of const bytes");
  return decode<T>(MutableByteView(const_cast<std::uint8_t*>(body.data()), body.size()), version);
}

// Appends the message; its records' chain moves into the writer by copy of the piece list, never of the bytes. Errors
// are our caller's values, not our bugs: kInvalidArgument for what this version can't carry (a string over 32767
// bytes, null where it is not allowed, a set field that the version lacks and that is not ignorable), kUnsupported for
// a version outside T::valid. After an error the writer is worth nothing.
template <Message T>
[[nodiscard]] Result<void> encode(WireWriter& writer, const T& message, Version version);

// One line of compact JSON with the fields of `version`, as Kafka's own JSON converters print it: tagged fields only
// when they differ from their default, bytes in base64, records by their size alone ("recordsSizeInBytes").
template <Message T>
[[nodiscard]] std::string to_json(const T& message, Version version);

}  // namespace weir::protocol
