// Batches for tests, whole and hand-broken. One thread; every call stands alone.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "record/batch_builder.h"
#include "record/batch_header.h"

namespace weir::test {

// Record i: key "key-i", value "value-i" padded with '.' to value_bytes, timestamp base_timestamp_ms + i * step.
struct BatchSpec {
  std::int32_t count = 1;
  std::int64_t base_timestamp_ms = 1'700'000'000'000;
  std::int64_t timestamp_step_ms = 1;
  std::size_t value_bytes = 0;
  bool keys = true;
  record::BatchOptions options = {};  // codec, offsets, producer and the rest
};

// A good batch, as a producer sends it unless `spec.options` says otherwise.
[[nodiscard]] Bytes make_batch(const BatchSpec& spec = {});

// A good batch at offset 0 of these values, without keys.
[[nodiscard]] Bytes make_batch(std::initializer_list<std::string_view> values);

// The same at `base_offset` in `leader_epoch`, as it stands in a log.
[[nodiscard]] Bytes make_stored_batch(Offset base_offset, std::initializer_list<std::string_view> values,
                                      LeaderEpoch leader_epoch = LeaderEpoch{0});

// A batch with `header`'s fields around these bytes, whatever they are; length and CRC are put right.
[[nodiscard]] Bytes wrap_records(record::BatchHeader header, ByteView records);

// The record bytes of a batch: all behind its header.
[[nodiscard]] ByteView records_of(ByteView batch);

// Makes the CRC right again after a test changed something under it.
void fix_crc(Bytes& batch);

// Overwrites one header field (see batch_header.h for the positions) and makes the CRC right.
template <class T>
void poke(Bytes& batch, std::size_t at, T value) {
  store_be(batch.data() + at, value);
  fix_crc(batch);
}

}  // namespace weir::test
