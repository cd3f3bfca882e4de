// Kafka requests put together byte by byte, independent of Weir's own encoder, so that a bug there cannot hide here.
// Also lets a test write what no encoder would: wrong lengths, wrong counts. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/varint.h"

namespace weir::clients {

class WireWriter {
 public:
  WireWriter& i8(std::int8_t value) { return number(value); }
  WireWriter& i16(std::int16_t value) { return number(value); }
  WireWriter& i32(std::int32_t value) { return number(value); }
  WireWriter& i64(std::int64_t value) { return number(value); }
  WireWriter& uvarint(std::uint64_t value) {
    std::uint8_t code[10];
    return raw({code, encode_uvarint(code, value)});
  }
  WireWriter& varint(std::int64_t value) { return uvarint(zigzag(value)); }
  WireWriter& raw(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // A string of the versions before flexible ones.
  WireWriter& string(std::string_view text) { return i16(static_cast<std::int16_t>(text.size())).raw(as_bytes(text)); }
  WireWriter& null_string() { return i16(-1); }
  WireWriter& compact_string(std::string_view text) { return uvarint(text.size() + 1).raw(as_bytes(text)); }
  WireWriter& bytes(ByteView content) { return i32(static_cast<std::int32_t>(content.size())).raw(content); }

  [[nodiscard]] const Bytes& view() const { return bytes_; }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  template <class T>
  WireWriter& number(T value) {
    std::uint8_t code[sizeof(T)];
    store_be(code, value);
    return raw(code);
  }

  Bytes bytes_;
};

struct RequestHeader {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  bool flexible = false;  // header v2: a tagged-field section follows the client id
};

// The header as it stands behind the length; a body is written after it.
[[nodiscard]] WireWriter begin_request(const RequestHeader& header);

// Length and payload, as they go onto the wire.
[[nodiscard]] Bytes frame(ByteView payload);

// Reads an answer. Running out of bytes never crashes: every value read from there on is zero and ok() is false.
class WireReader {
 public:
  explicit WireReader(ByteView bytes) : bytes_(bytes) {}

  std::int8_t i8() { return number<std::int8_t>(); }
  std::int16_t i16() { return number<std::int16_t>(); }
  std::int32_t i32() { return number<std::int32_t>(); }
  std::int64_t i64() { return number<std::int64_t>(); }
  std::string_view string() { return as_text(raw(length(i16()))); }  // null reads as empty
  ByteView bytes() { return raw(length(i32())); }
  ByteView raw(std::size_t size_bytes);
  // An array's count; negative (null) reads as 0, and a count beyond the bytes left is an error.
  std::int32_t count();

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left_bytes() const { return bytes_.size(); }

 private:
  template <class T>
  T number() {
    const auto from = raw(sizeof(T));
    return from.size() == sizeof(T) ? load_be<T>(from.data()) : T{};
  }
  static std::size_t length(std::int32_t wire) { return wire < 0 ? 0 : static_cast<std::size_t>(wire); }

  ByteView bytes_;
  bool ok_ = true;
};

}  // namespace weir::clients
