#include "record/batch_builder.h"

#include <algorithm>

#include "base/varint.h"
#include "record/compression/deflater.h"

namespace weir::record {

namespace {

constexpr std::int64_t kNullLength = -1;
constexpr std::size_t kVarintBytesMax = 10;

std::size_t number_bytes(std::int64_t value) {
  return uvarint_size_bytes(zigzag(value));
}

std::size_t field_bytes(const std::optional<ByteView>& field) {
  if (!field) return number_bytes(kNullLength);
  return number_bytes(static_cast<std::int64_t>(field->size())) + field->size();
}

std::size_t header_bytes(const RecordHeader& header) {
  return field_bytes(as_bytes(header.key)) + field_bytes(header.value);
}

std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::int16_t attributes_of(const BatchOptions& options) {
  int attributes = static_cast<int>(options.codec);
  if (options.timestamp_type == TimestampType::kLogAppendTime) attributes |= 0x8;
  if (options.transactional) attributes |= 0x10;
  if (options.control) attributes |= 0x20;
  return static_cast<std::int16_t>(attributes);
}

}  // namespace

BatchBuilder::BatchBuilder(const BatchOptions& options)
    : level_(options.level), log_append_time_ms_(options.log_append_time_ms), plain_(kBatchHeaderBytes) {
  header_.base_offset = options.base_offset;
  header_.leader_epoch = options.leader_epoch;
  header_.attributes = attributes_of(options);
  header_.producer_id = options.producer_id;
  header_.producer_epoch = options.producer_epoch;
  header_.base_sequence = options.base_sequence;
}

void BatchBuilder::put_number(std::int64_t value) {
  std::uint8_t encoded[kVarintBytesMax];
  plain_.insert(plain_.end(), encoded, encoded + encode_varlong(encoded, value));
}

void BatchBuilder::put_field(const std::optional<ByteView>& field) {
  if (!field) return put_number(kNullLength);
  put_number(static_cast<std::int64_t>(field->size()));
  plain_.insert(plain_.end(), field->begin(), field->end());
}

void BatchBuilder::put_header(const RecordHeader& header) {
  put_field(as_bytes(header.key));
  put_field(header.value);
}

void BatchBuilder::begin_record(std::int64_t timestamp_ms, const std::optional<ByteView>& key,
                                const std::optional<ByteView>& value, std::size_t headers_count,
                                std::size_t headers_bytes) {
  if (header_.records_count == 0) header_.base_timestamp = timestamp_ms;
  header_.max_timestamp = std::max(header_.max_timestamp, timestamp_ms);
  const std::int64_t timestamp_delta = wrapping_difference(timestamp_ms, header_.base_timestamp);
  const std::int32_t offset_delta = header_.records_count++;
  const std::size_t body_bytes = 1 + number_bytes(timestamp_delta) + number_bytes(offset_delta) + field_bytes(key) +
                                 field_bytes(value) + number_bytes(static_cast<std::int64_t>(headers_count)) +
                                 headers_bytes;
  put_number(static_cast<std::int64_t>(body_bytes));
  plain_.push_back(0);  // attributes
  put_number(timestamp_delta);
  put_number(offset_delta);
  put_field(key);
  put_field(value);
  put_number(static_cast<std::int64_t>(headers_count));
}

void BatchBuilder::append(const NewRecord& record) {
  std::size_t headers_bytes = 0;
  for (const RecordHeader& header : record.headers) headers_bytes += header_bytes(header);
  begin_record(record.timestamp_ms, record.key, record.value, record.headers.size(), headers_bytes);
  for (const RecordHeader& header : record.headers) put_header(header);
}

void BatchBuilder::append(const RecordView& record, std::int64_t timestamp_ms) {
  std::size_t headers_bytes = 0;
  HeaderReader sizes(record);
  while (const auto header = sizes.next()) headers_bytes += header_bytes(*header);
  begin_record(timestamp_ms, record.key, record.value, static_cast<std::size_t>(record.headers_count), headers_bytes);
  HeaderReader headers(record);
  while (const auto header = headers.next()) put_header(*header);
}

Result<Bytes> BatchBuilder::build(std::uint64_t max_bytes) && {
  if (header_.records_count == 0) return fail(Errc::kInvalidArgument, "a batch needs a record");
  max_bytes = std::min<std::uint64_t>(max_bytes, INT32_MAX);
  Bytes batch;
  if (header_.codec() == Codec::kNone) {
    batch = std::move(plain_);
  } else {
    if (max_bytes < kBatchHeaderBytes) return fail(Errc::kTooLarge, "no room for a batch header");
    batch.resize(kBatchHeaderBytes);
    WEIR_TRY(deflate(header_.codec(), level_.value_or(default_level(header_.codec())),
                     ByteView(plain_).subspan(kBatchHeaderBytes), max_bytes - kBatchHeaderBytes, batch));
  }
  if (batch.size() > max_bytes) return fail(Errc::kTooLarge, "the batch is larger than the limit");
  header_.batch_length = static_cast<std::int32_t>(batch.size() - kBatchLengthEnd);
  header_.last_offset_delta = header_.records_count - 1;
  if (header_.timestamp_type() == TimestampType::kLogAppendTime) header_.max_timestamp = log_append_time_ms_;
  header_.write(batch.data());
  store_be(batch.data() + kCrcAt, batch_crc(batch));
  return batch;
}

}  // namespace weir::record
