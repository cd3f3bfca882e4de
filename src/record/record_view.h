// One record of a v2 batch as views into the bytes that hold it, and the parser that proves them. Pure: any thread; a
// view lives as long as the bytes it was parsed from (until the reader's next step when a RecordReader gave it).
//
//   length varint | attributes i8 | timestamp_delta varlong | offset_delta varint | key_length varint, key
//   value_length varint, value | headers_count varint | { key_length varint, key, value_length varint, value }...
//
// A negative key or value length means null (writers use -1). A header's key is never null.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/varint.h"

namespace weir::record {

struct RecordHeader {
  std::string_view key;
  std::optional<ByteView> value;
};

struct RecordView {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::int32_t headers_count = 0;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  ByteView headers;  // encoded and proved; HeaderReader walks them
};

// What can be wrong with a record's bytes.
enum class RecordFlaw : std::uint8_t {
  kNone,
  kBadNumber,       // a varint that is overlong or cut off
  kFieldTooLong,    // a key, value or header reaches past the record's end
  kNegativeLength,  // of the record itself
  kNegativeHeaderCount,
  kNegativeHeaderKey,
  kWrongLength,  // the record's fields end before its length says
  kTruncated,    // the batch ends inside the record
};

[[nodiscard]] std::string_view to_string(RecordFlaw flaw);

// What can be said of a record without its key and value.
struct RecordShape {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  bool has_key = false;
};

namespace detail {

// As decode_uvarint, but moves `at`, and fast for the one to three bytes that nearly all of a record's numbers take.
template <class T>
[[nodiscard]] inline bool take_uvarint(const std::uint8_t*& at, const std::uint8_t* end, T& value) {
  constexpr int kShiftEnd = sizeof(T) == 4 ? 35 : 70;
  value = 0;
  for (int shift = 0; at != end && shift < kShiftEnd; shift += 7) {
    const std::uint8_t byte = *at++;
    value |= static_cast<T>(static_cast<T>(byte & 0x7f) << shift);
    if (byte < 0x80) return true;
  }
  return false;
}

[[nodiscard]] inline bool take_varint(const std::uint8_t*& at, const std::uint8_t* end, std::int32_t& value) {
  std::uint32_t raw;
  if (!take_uvarint(at, end, raw)) return false;
  value = static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return true;
}

[[nodiscard]] inline bool take_varlong(const std::uint8_t*& at, const std::uint8_t* end, std::int64_t& value) {
  std::uint64_t raw;
  if (!take_uvarint(at, end, raw)) return false;
  value = unzigzag(raw);
  return true;
}

// Passes over a length and as many bytes. A negative length stands for null.
[[nodiscard]] inline RecordFlaw skip_field(const std::uint8_t*& at, const std::uint8_t* end, bool& present) {
  std::int32_t length;
  if (!take_varint(at, end, length)) return RecordFlaw::kBadNumber;
  present = length >= 0;
  if (!present) return RecordFlaw::kNone;
  if (length > end - at) return RecordFlaw::kFieldTooLong;
  at += length;
  return RecordFlaw::kNone;
}

// Reads a length and passes over as many bytes. A negative length leaves `field` null.
[[nodiscard]] inline RecordFlaw take_field(const std::uint8_t*& at, const std::uint8_t* end,
                                           std::optional<ByteView>& field) {
  std::int32_t length;
  if (!take_varint(at, end, length)) return RecordFlaw::kBadNumber;
  field.reset();
  if (length < 0) return RecordFlaw::kNone;
  if (length > end - at) return RecordFlaw::kFieldTooLong;
  field.emplace(at, static_cast<std::size_t>(length));
  at += length;
  return RecordFlaw::kNone;
}

}  // namespace detail

// Finds the body of the record that starts at `at`, which then moves behind it. kTruncated or kBadNumber may also mean
// that the bytes up to `end` are not all there are.
[[nodiscard]] inline RecordFlaw take_body(const std::uint8_t*& at, const std::uint8_t* end, ByteView& body) {
  std::int32_t length;
  if (!detail::take_varint(at, end, length)) return at == end ? RecordFlaw::kTruncated : RecordFlaw::kBadNumber;
  if (length < 0) return RecordFlaw::kNegativeLength;
  if (length > end - at) return RecordFlaw::kTruncated;
  body = ByteView(at, static_cast<std::size_t>(length));
  at += length;
  return RecordFlaw::kNone;
}

// Proves the headers between `at` and `end`, of which there shall be `count`; `at` ends after the last.
[[nodiscard]] RecordFlaw check_headers(const std::uint8_t*& at, const std::uint8_t* end, std::int32_t count);

// Parses a record's body: the bytes that its length counts, all of them. `record` is complete only with kNone.
[[nodiscard]] RecordFlaw parse_record(ByteView body, RecordView& record);

// The same proof without the views. In the header because the validator runs it for every record of every produce.
[[nodiscard]] inline RecordFlaw scan_record(ByteView body, RecordShape& shape) {
  const std::uint8_t* at = body.data();
  const std::uint8_t* const end = at + body.size();
  if (at == end) return RecordFlaw::kWrongLength;
  ++at;  // attributes: no bit is defined
  if (!detail::take_varlong(at, end, shape.timestamp_delta)) return RecordFlaw::kBadNumber;
  if (!detail::take_varint(at, end, shape.offset_delta)) return RecordFlaw::kBadNumber;
  bool has_value;
  if (const auto flaw = detail::skip_field(at, end, shape.has_key); flaw != RecordFlaw::kNone) return flaw;
  if (const auto flaw = detail::skip_field(at, end, has_value); flaw != RecordFlaw::kNone) return flaw;
  std::int32_t headers_count;
  if (!detail::take_varint(at, end, headers_count)) return RecordFlaw::kBadNumber;
  if (headers_count != 0) {
    if (const auto flaw = check_headers(at, end, headers_count); flaw != RecordFlaw::kNone) return flaw;
  }
  return at == end ? RecordFlaw::kNone : RecordFlaw::kWrongLength;
}

// Walks the headers of a record that parse_record proved.
class HeaderReader {
 public:
  explicit HeaderReader(const RecordView& record) : rest_(record.headers), left_(record.headers_count) {}

  // nullopt after the last one.
  [[nodiscard]] std::optional<RecordHeader> next();

 private:
  ByteView rest_;
  std::int32_t left_;
};

}  // namespace weir::record
