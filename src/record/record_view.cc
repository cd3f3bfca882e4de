#include "record/record_view.h"

#include "base/check.h"

namespace weir::record {

std::string_view to_string(RecordFlaw flaw) {
  switch (flaw) {
    case RecordFlaw::kNone: return "no flaw";
    case RecordFlaw::kBadNumber: return "a varint is overlong or cut off";
    case RecordFlaw::kFieldTooLong: return "a field reaches past the record's end";
    case RecordFlaw::kNegativeLength: return "its length is negative";
    case RecordFlaw::kNegativeHeaderCount: return "its number of headers is negative";
    case RecordFlaw::kNegativeHeaderKey: return "a header's key has a negative length";
    case RecordFlaw::kWrongLength: return "its fields end before its length says";
    case RecordFlaw::kTruncated: return "the batch ends inside it";
  }
  return "unknown flaw";
}

RecordFlaw check_headers(const std::uint8_t*& at, const std::uint8_t* end, std::int32_t count) {
  if (count < 0) return RecordFlaw::kNegativeHeaderCount;
  bool present;
  // Every header takes at least two bytes or ends the loop, so a huge count can't make it long.
  for (std::int32_t i = 0; i < count; ++i) {
    if (const auto flaw = detail::skip_field(at, end, present); flaw != RecordFlaw::kNone) return flaw;
    if (!present) return RecordFlaw::kNegativeHeaderKey;
    if (const auto flaw = detail::skip_field(at, end, present); flaw != RecordFlaw::kNone) return flaw;
  }
  return RecordFlaw::kNone;
}

RecordFlaw parse_record(ByteView body, RecordView& record) {
  const std::uint8_t* at = body.data();
  const std::uint8_t* const end = at + body.size();
  if (at == end) return RecordFlaw::kWrongLength;
  ++at;  // attributes: no bit is defined
  if (!detail::take_varlong(at, end, record.timestamp_delta)) return RecordFlaw::kBadNumber;
  if (!detail::take_varint(at, end, record.offset_delta)) return RecordFlaw::kBadNumber;
  if (const auto flaw = detail::take_field(at, end, record.key); flaw != RecordFlaw::kNone) return flaw;
  if (const auto flaw = detail::take_field(at, end, record.value); flaw != RecordFlaw::kNone) return flaw;
  if (!detail::take_varint(at, end, record.headers_count)) return RecordFlaw::kBadNumber;
  const std::uint8_t* const headers = at;
  if (const auto flaw = check_headers(at, end, record.headers_count); flaw != RecordFlaw::kNone) return flaw;
  record.headers = ByteView(headers, at);
  return at == end ? RecordFlaw::kNone : RecordFlaw::kWrongLength;
}

std::optional<RecordHeader> HeaderReader::next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  const std::uint8_t* at = rest_.data();
  const std::uint8_t* const end = at + rest_.size();
  std::optional<ByteView> key;
  RecordHeader header;
  const auto key_flaw = detail::take_field(at, end, key);
  const auto value_flaw = detail::take_field(at, end, header.value);
  CHECK(key_flaw == RecordFlaw::kNone && key && value_flaw == RecordFlaw::kNone, "headers were not proved");
  header.key = as_text(*key);
  rest_ = ByteView(at, end);
  return header;
}

}  // namespace weir::record
