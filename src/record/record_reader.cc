#include "record/record_reader.h"

#include <fmt/core.h>

#include <algorithm>

namespace weir::record {

namespace {

constexpr std::size_t kVarintBytesMax = 5;
constexpr std::size_t kVarlongBytesMax = 10;

// A record up to this size is parsed side by side in the window; a larger one is walked field by field.
constexpr std::size_t kWholeRecordBytesMax = InflateWindow::kStartBytes / 2;

// Walks one record's body that need not lie in the window at once.
class BodyWalk {
 public:
  BodyWalk(InflateWindow& window, std::size_t length) : window_(window), left_(length) {}

  // The body must end here.
  RecordFlaw end() const { return left_ == 0 ? RecordFlaw::kNone : RecordFlaw::kWrongLength; }

  Result<RecordFlaw> take_shape(RecordShape& shape) {
    WEIR_TRY_ASSIGN(attributes_flaw, skip(1));
    if (attributes_flaw != RecordFlaw::kNone) return attributes_flaw;
    WEIR_TRY_ASSIGN(time_flaw, take_varlong(shape.timestamp_delta));
    if (time_flaw != RecordFlaw::kNone) return time_flaw;
    WEIR_TRY_ASSIGN(offset_flaw, take_varint(shape.offset_delta));
    if (offset_flaw != RecordFlaw::kNone) return offset_flaw;
    bool has_value;
    WEIR_TRY_ASSIGN(key_flaw, skip_field(shape.has_key));
    if (key_flaw != RecordFlaw::kNone) return key_flaw;
    return skip_field(has_value);
  }

  Result<RecordFlaw> skip_headers() {
    std::int32_t count;
    WEIR_TRY_ASSIGN(count_flaw, take_varint(count));
    if (count_flaw != RecordFlaw::kNone) return count_flaw;
    if (count < 0) return RecordFlaw::kNegativeHeaderCount;
    for (std::int32_t i = 0; i < count; ++i) {
      bool present;
      WEIR_TRY_ASSIGN(key_flaw, skip_field(present));
      if (key_flaw != RecordFlaw::kNone) return key_flaw;
      if (!present) return RecordFlaw::kNegativeHeaderKey;
      WEIR_TRY_ASSIGN(value_flaw, skip_field(present));
      if (value_flaw != RecordFlaw::kNone) return value_flaw;
    }
    return RecordFlaw::kNone;
  }

 private:
  Result<RecordFlaw> skip(std::size_t count) {
    if (count > left_) return RecordFlaw::kFieldTooLong;
    left_ -= count;
    WEIR_TRY_ASSIGN(there, window_.skip(count));
    return there ? RecordFlaw::kNone : RecordFlaw::kTruncated;
  }

  // A null field has a negative length.
  Result<RecordFlaw> skip_field(bool& present) {
    std::int32_t length;
    WEIR_TRY_ASSIGN(flaw, take_varint(length));
    if (flaw != RecordFlaw::kNone) return flaw;
    present = length >= 0;
    if (!present) return RecordFlaw::kNone;
    return skip(static_cast<std::size_t>(length));
  }

  Result<RecordFlaw> take_varint(std::int32_t& value) {
    return take_number(kVarintBytesMax, [&](const std::uint8_t*& at, const std::uint8_t* end) {
      return detail::take_varint(at, end, value);
    });
  }
  Result<RecordFlaw> take_varlong(std::int64_t& value) {
    return take_number(kVarlongBytesMax, [&](const std::uint8_t*& at, const std::uint8_t* end) {
      return detail::take_varlong(at, end, value);
    });
  }

  template <class Take>
  Result<RecordFlaw> take_number(std::size_t bytes_max, Take take) {
    WEIR_TRY_ASSIGN(whole, window_.require(std::min(bytes_max, left_)));
    const auto view = window_.view().first(std::min(window_.view().size(), left_));
    const std::uint8_t* at = view.data();
    if (!take(at, view.data() + view.size())) return whole ? RecordFlaw::kBadNumber : RecordFlaw::kTruncated;
    const auto size = static_cast<std::size_t>(at - view.data());
    window_.consume(size);
    left_ -= size;
    return RecordFlaw::kNone;
  }

  InflateWindow& window_;
  std::size_t left_;
};

}  // namespace

Result<RecordReader> RecordReader::open(ByteView batch, Limits limits) {
  const BatchHeader header = BatchHeader::read(batch.data());
  if (header.records_count < 0) return fail(Errc::kCorrupt, fmt::format("{} records", header.records_count));
  const ByteView records = batch.subspan(kBatchHeaderBytes);
  // An emptied batch has no data, whatever its codec bits say.
  if (header.codec_bits() == 0 || records.empty()) return RecordReader(header, records, UINT64_MAX);
  WEIR_TRY_ASSIGN(inflater, make_inflater(header.codec(), records, limits.max_inflated_bytes));
  RecordReader reader(header, {}, limits.max_inflated_record_bytes);
  reader.window_.emplace(std::move(inflater));
  return reader;
}

std::unexpected<Error> RecordReader::flawed(RecordFlaw flaw) const {
  return fail(Errc::kCorrupt, fmt::format("record {} of {}: {}", index_, header_.records_count, to_string(flaw)));
}

void RecordReader::pass(std::size_t size_bytes) {
  if (window_) {
    window_->consume(size_bytes);
  } else {
    rest_ = rest_.subspan(size_bytes);
  }
}

Result<void> RecordReader::finish() {
  bool over = !rest_.empty();
  if (window_) {
    WEIR_TRY_ASSIGN(more, window_->require(1));
    over = more;
  }
  if (over) return fail(Errc::kCorrupt, fmt::format("bytes are left after {} records", header_.records_count));
  return {};
}

Result<bool> RecordReader::next(RecordView& record) {
  if (index_ == header_.records_count) {
    WEIR_TRY(finish());
    return false;
  }
  if (window_) return next_in_window(record);
  const std::uint8_t* at = rest_.data();
  ByteView body;
  if (const auto flaw = take_body(at, at + rest_.size(), body); flaw != RecordFlaw::kNone) return flawed(flaw);
  if (const auto flaw = parse_record(body, record); flaw != RecordFlaw::kNone) return flawed(flaw);
  pass(static_cast<std::size_t>(at - rest_.data()));
  ++index_;
  return true;
}

Result<std::size_t> RecordReader::take_length_in_window() {
  WEIR_TRY_ASSIGN(whole, window_->require(kVarintBytesMax));
  const auto view = window_->view();
  const std::uint8_t* at = view.data();
  std::int32_t length;
  if (!detail::take_varint(at, view.data() + view.size(), length)) {
    return flawed(whole ? RecordFlaw::kBadNumber : RecordFlaw::kTruncated);
  }
  if (length < 0) return flawed(RecordFlaw::kNegativeLength);
  if (static_cast<std::uint64_t>(length) > max_record_bytes_) {
    return fail(Errc::kCorrupt, fmt::format("record {} inflates to {} bytes, more than the limit of {}", index_, length,
                                            max_record_bytes_));
  }
  window_->consume(static_cast<std::size_t>(at - view.data()));
  return static_cast<std::size_t>(length);
}

Result<bool> RecordReader::next_in_window(RecordView& record) {
  WEIR_TRY_ASSIGN(length, take_length_in_window());
  WEIR_TRY_ASSIGN(whole, window_->require(length));
  if (!whole) return flawed(RecordFlaw::kTruncated);
  const auto flaw = parse_record(window_->view().first(length), record);
  if (flaw != RecordFlaw::kNone) return flawed(flaw);
  window_->consume(length);
  ++index_;
  return true;
}

Result<void> RecordReader::scan_in_window(RecordShape& shape) {
  WEIR_TRY_ASSIGN(length, take_length_in_window());
  if (length <= kWholeRecordBytesMax) {
    WEIR_TRY_ASSIGN(whole, window_->require(length));
    if (!whole) return flawed(RecordFlaw::kTruncated);
    const auto flaw = scan_record(window_->view().first(length), shape);
    if (flaw != RecordFlaw::kNone) return flawed(flaw);
    window_->consume(length);
    return {};
  }
  BodyWalk walk(*window_, length);
  WEIR_TRY_ASSIGN(shape_flaw, walk.take_shape(shape));
  if (shape_flaw != RecordFlaw::kNone) return flawed(shape_flaw);
  WEIR_TRY_ASSIGN(headers_flaw, walk.skip_headers());
  if (headers_flaw != RecordFlaw::kNone) return flawed(headers_flaw);
  if (walk.end() != RecordFlaw::kNone) return flawed(walk.end());
  return {};
}

}  // namespace weir::record
