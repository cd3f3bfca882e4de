// The definitions behind codec.h. Included by the codec units that CMake makes, and by nothing else, so that each
// message's walks are compiled once. No state; any thread.
#pragma once

#include <string_view>

#include "protocol/codec.h"
#include "protocol/decode_walk.h"
#include "protocol/encode_walk.h"
#include "protocol/json_walk.h"

namespace weir::protocol::walk {

// What went wrong, as the callers of codec.h see it.
[[gnu::cold]] Error version_error(std::string_view message, Version version);
[[gnu::cold]] Error decode_error(const WireReader& reader, std::string_view message, Version version);
[[gnu::cold]] Error encode_error(const WireWriter& writer, std::string_view message, Version version);

}  // namespace weir::protocol::walk

namespace weir::protocol {

template <Message T>
Result<T> decode(WireReader& reader, Version version) {
  if (!T::valid.contains(version)) return std::unexpected(walk::version_error(message_name<T>, version));
  Result<T> message{};
  walk::read_struct(reader, *message, {version, version >= T::first_flexible});
  if (!reader.failed()) return message;
  return std::unexpected(walk::decode_error(reader, message_name<T>, version));
}

template <Message T>
Result<void> encode(WireWriter& writer, const T& message, Version version) {
  if (!T::valid.contains(version)) return std::unexpected(walk::version_error(message_name<T>, version));
  walk::write_struct(writer, message, {version, version >= T::first_flexible});
  if (!writer.failed()) return {};
  return std::unexpected(walk::encode_error(writer, message_name<T>, version));
}

template <Message T>
std::string to_json(const T& message, Version version) {
  std::string text;
  walk::print_struct(text, message, version);
  return text;
}

}  // namespace weir::protocol

// In namespace weir::protocol, once a message in the whole program.
#define WEIR_INSTANTIATE_CODEC(T)                                  \
  template Result<T> decode<T>(WireReader&, Version);              \
  template Result<void> encode<T>(WireWriter&, const T&, Version); \
  template std::string to_json<T>(const T&, Version);
