// The frame around a record of the metadata log (`__cluster_metadata-0` and its snapshots): the record's key is null,
// its value is uvarint frame version 1 | uvarint record type | uvarint record version | body. Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/codec.h"
#include "protocol/descriptor.h"

namespace weir::protocol {

// A message that lives in the metadata log.
template <class T>
concept MetadataMessage = Message<T> && requires {
  { T::record_type } -> std::convertible_to<std::uint32_t>;
};

struct MetadataFrame {
  std::uint32_t record_type = 0;
  Version record_version = 0;
  ByteView body;  // the rest of the value
};

// kCorrupt when the frame does not decode, kUnsupported for a frame version other than 1.
[[nodiscard]] Result<MetadataFrame> open_metadata_frame(ByteView value);

// Writes what stands before the body.
void begin_metadata_frame(WireWriter& writer, std::uint32_t record_type, Version record_version);

// The body of a frame as a T; bytes behind it are an error, as in Kafka.
template <MetadataMessage T>
[[nodiscard]] Result<T> decode_metadata_body(const MetadataFrame& frame) {
  WireReader reader(MutableByteView(const_cast<std::uint8_t*>(frame.body.data()), frame.body.size()));
  Result<T> record = decode<T>(reader, frame.record_version);
  if (record && reader.bytes_left() > 0) return fail(Errc::kCorrupt, "bytes behind a metadata record");
  return record;
}

// The value of a metadata record.
template <MetadataMessage T>
[[nodiscard]] Result<Bytes> encode_metadata(const T& record, Version version) {
  WireWriter writer;
  begin_metadata_frame(writer, T::record_type, version);
  if (auto written = encode(writer, record, version); !written) return std::unexpected(std::move(written).error());
  return writer.finish_bytes();
}

}  // namespace weir::protocol
