// Iterates over the records of one batch, straight from the bytes of an uncompressed one, through a sliding window
// from a compressed one. Owned by one task; the batch's bytes outlive it.
//
// Always: a batch yields exactly records_count records, each of exactly its declared length, with nothing left over,
// or ends in an error. Memory: nothing for an uncompressed batch, else the codec's window plus the largest record that
// next() has returned (scan() passes over bodies without holding them).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "record/compression/inflate_window.h"
#include "record/record_view.h"

namespace weir::record {

class RecordReader {
 public:
  struct Limits {
    std::uint64_t max_inflated_bytes;                      // all records of a compressed batch: kTooLarge
    std::uint64_t max_inflated_record_bytes = UINT64_MAX;  // the body of one of its records: kCorrupt
  };

  // `batch` is one whole batch of magic 2; its CRC is not looked at. kCorrupt: its compressed data can't begin so.
  // kUnsupported: codec id 5-7.
  static Result<RecordReader> open(ByteView batch, Limits limits);

  [[nodiscard]] const BatchHeader& header() const { return header_; }

  // The next record, or false after the last. kCorrupt: a flawed record, too few or too many of them, or data that
  // does not inflate. kTooLarge: a limit. Not to be called after an error. Views live until the next call.
  [[nodiscard]] Result<bool> next(RecordView& record);

  // Calls `visit(shape)` for every record that is left, until it returns false (then nothing is said about the rest)
  // or the batch ends. Errors as above.
  template <class Visit>
  [[nodiscard]] Result<void> scan(Visit&& visit);

  // When the record was made or, in a LogAppendTime batch, appended. Sums that leave the range wrap, as in Java.
  [[nodiscard]] std::int64_t timestamp_ms(std::int64_t timestamp_delta) const {
    if (header_.timestamp_type() == TimestampType::kLogAppendTime) return header_.max_timestamp;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_timestamp) +
                                     static_cast<std::uint64_t>(timestamp_delta));
  }

 private:
  RecordReader(const BatchHeader& header, ByteView rest, std::uint64_t max_record_bytes)
      : header_(header), max_record_bytes_(max_record_bytes), rest_(rest) {}

  Result<bool> next_in_window(RecordView& record);
  Result<void> scan_in_window(RecordShape& shape);
  Result<std::size_t> take_length_in_window();
  Result<void> finish();
  void pass(std::size_t size_bytes);
  std::unexpected<Error> flawed(RecordFlaw flaw) const;

  BatchHeader header_;
  std::uint64_t max_record_bytes_;       // of a compressed batch; else no limit
  ByteView rest_;                        // uncompressed: the records not yet read
  std::optional<InflateWindow> window_;  // compressed
  std::int32_t index_ = 0;               // of the next record
};

template <class Visit>
Result<void> RecordReader::scan(Visit&& visit) {
  RecordShape shape;
  const std::int32_t count = header_.records_count;
  std::int32_t index = index_;  // in a register: this is the broker's innermost loop
  while (index != count) {
    // The records that lie whole in memory...
    const ByteView ready = window_ ? window_->view() : rest_;
    const std::uint8_t* at = ready.data();
    const std::uint8_t* const end = at + ready.size();
    const std::uint8_t* passed = at;
    auto flaw = RecordFlaw::kNone;
    bool wanted = true;
    while (wanted && index != count) {
      ByteView body;
      flaw = take_body(at, end, body);
      if (flaw != RecordFlaw::kNone || body.size() > max_record_bytes_) break;
      index_ = index;
      if (flaw = scan_record(body, shape); flaw != RecordFlaw::kNone) return flawed(flaw);
      passed = at;
      ++index;
      wanted = visit(shape);
    }
    index_ = index;
    pass(static_cast<std::size_t>(passed - ready.data()));
    if (!wanted) return {};
    if (index == count) break;
    // ... and the one that does not: its bytes are still to be inflated, or it is flawed.
    if (!window_) return flawed(flaw);
    WEIR_TRY(scan_in_window(shape));
    index_ = ++index;
    if (!visit(shape)) return {};
  }
  return finish();
}

}  // namespace weir::record
