#include "support/batch_factory.h"

#include <algorithm>

#include "base/check.h"

namespace weir::test {

namespace {

Bytes built(record::BatchBuilder builder) {
  auto batch = std::move(builder).build();
  CHECK(batch.has_value(), "{}", to_string(batch.error()));
  return *std::move(batch);
}

Bytes of_values(const record::BatchOptions& options, std::initializer_list<std::string_view> values) {
  record::BatchBuilder builder(options);
  for (const auto value : values) {
    builder.append(record::NewRecord{
        .timestamp_ms = BatchSpec{}.base_timestamp_ms, .key = std::nullopt, .value = as_bytes(value), .headers = {}});
  }
  return built(std::move(builder));
}

}  // namespace

Bytes make_batch(const BatchSpec& spec) {
  record::BatchBuilder builder(spec.options);
  for (std::int32_t i = 0; i < spec.count; ++i) {
    const std::string key = "key-" + std::to_string(i);
    std::string value = "value-" + std::to_string(i);
    value.resize(std::max(value.size(), spec.value_bytes), '.');
    builder.append(record::NewRecord{.timestamp_ms = spec.base_timestamp_ms + i * spec.timestamp_step_ms,
                                     .key = spec.keys ? std::optional(as_bytes(key)) : std::nullopt,
                                     .value = as_bytes(value),
                                     .headers = {}});
  }
  return built(std::move(builder));
}

Bytes make_batch(std::initializer_list<std::string_view> values) {
  return of_values({}, values);
}

Bytes make_stored_batch(Offset base_offset, std::initializer_list<std::string_view> values, LeaderEpoch leader_epoch) {
  record::BatchOptions options;
  options.base_offset = base_offset;
  options.leader_epoch = leader_epoch;
  return of_values(options, values);
}

Bytes wrap_records(record::BatchHeader header, ByteView records) {
  header.batch_length = static_cast<std::int32_t>(record::kBatchHeaderBytes - record::kBatchLengthEnd + records.size());
  Bytes batch(record::kBatchHeaderBytes);
  header.write(batch.data());
  batch.insert(batch.end(), records.begin(), records.end());
  fix_crc(batch);
  return batch;
}

ByteView records_of(ByteView batch) {
  return batch.subspan(record::kBatchHeaderBytes);
}

void fix_crc(Bytes& batch) {
  store_be(batch.data() + record::kCrcAt, record::batch_crc(batch));
}

}  // namespace weir::test
