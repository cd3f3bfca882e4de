#include "clients/batch_bytes.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "clients/wire_writer.h"

namespace weir::clients {
namespace {

Bytes gzip(ByteView input) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes output(deflateBound(&stream, input.size()) + 32);
  stream.next_in = const_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = output.data();
  stream.avail_out = static_cast<uInt>(output.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  output.resize(stream.total_out);
  deflateEnd(&stream);
  return output;
}

Bytes lz4(ByteView input) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  Bytes output(LZ4F_compressFrameBound(input.size(), &preferences));
  const auto size = LZ4F_compressFrame(output.data(), output.size(), input.data(), input.size(), &preferences);
  CHECK(LZ4F_isError(size) == 0);
  output.resize(size);
  return output;
}

Bytes zstd(ByteView input) {
  Bytes output(ZSTD_compressBound(input.size()));
  const auto size = ZSTD_compress(output.data(), output.size(), input.data(), input.size(), 3);
  CHECK(ZSTD_isError(size) == 0);
  output.resize(size);
  return output;
}

Bytes raw_snappy(ByteView input) {
  Bytes output(snappy::MaxCompressedLength(input.size()));
  std::size_t size = 0;
  snappy::RawCompress(reinterpret_cast<const char*>(input.data()), input.size(), reinterpret_cast<char*>(output.data()),
                      &size);
  output.resize(size);
  return output;
}

}  // namespace

Bytes record_bytes(std::int32_t offset_delta, std::string_view key, ByteView value) {
  WireWriter body;
  body.i8(0).varint(0).varint(offset_delta);
  body.varint(static_cast<std::int64_t>(key.size())).raw(as_bytes(key));
  body.varint(static_cast<std::int64_t>(value.size())).raw(value);
  body.varint(0);
  WireWriter record;
  record.varint(static_cast<std::int64_t>(body.view().size())).raw(body.view());
  return record.take();
}

Bytes compress(Codec codec, ByteView input) {
  switch (codec) {
    case Codec::kNone: return {input.begin(), input.end()};
    case Codec::kGzip: return gzip(input);
    case Codec::kSnappy: return raw_snappy(input);
    case Codec::kLz4: return lz4(input);
    case Codec::kZstd: return zstd(input);
  }
  CHECK(false, "codec {}", static_cast<int>(codec));
  return {};
}

Bytes batch_bytes(const BatchFields& fields, ByteView records) {
  WireWriter to;
  const auto batch_length = static_cast<std::int32_t>(kRecordsAt - 12 + records.size());
  to.i64(fields.base_offset).i32(batch_length).i32(fields.leader_epoch).i8(fields.magic).i32(0).i16(fields.attributes);
  to.i32(fields.last_offset_delta).i64(fields.base_timestamp_ms).i64(fields.max_timestamp_ms);
  to.i64(fields.producer_id).i16(fields.producer_epoch).i32(fields.base_sequence).i32(fields.records_count);
  to.raw(records);
  auto batch = to.take();
  seal(batch);
  return batch;
}

void seal(MutableByteView batch) {
  store_be(batch.data() + kCrcAt, crc32c(batch.subspan(kCrcStartAt)));
}

void set_base_sequence(MutableByteView batch, std::int32_t base_sequence) {
  store_be(batch.data() + kBaseSequenceAt, base_sequence);
  seal(batch);
}

Bytes single_record_batch(ByteView value) {
  const auto now_ms = wall_ms();
  return batch_bytes({.base_timestamp_ms = now_ms, .max_timestamp_ms = now_ms}, record_bytes(0, "", value));
}

std::int64_t wall_ms() {
  return SystemClock{}.wall_ms();
}

}  // namespace weir::clients
