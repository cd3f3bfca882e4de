#include "protocol/metadata_frame.h"

#include <fmt/format.h>

namespace weir::protocol {
namespace {

constexpr std::uint32_t kFrameVersion = 1;

}  // namespace

Result<MetadataFrame> open_metadata_frame(ByteView value) {
  // The reader wants mutable bytes for the sake of record batches; none are read here.
  WireReader reader(MutableByteView(const_cast<std::uint8_t*>(value.data()), value.size()));
  const std::uint32_t frame_version = reader.uvarint();
  const std::uint32_t record_type = reader.uvarint();
  const std::uint32_t record_version = reader.uvarint();
  if (reader.failed()) return std::unexpected(reader.error("metadata frame"));
  if (frame_version != kFrameVersion) {
    return fail(Errc::kUnsupported, fmt::format("metadata frame version {}", frame_version));
  }
  if (record_version > kVersionMax)
    return fail(Errc::kCorrupt, fmt::format("metadata record version {}", record_version));
  return MetadataFrame{.record_type = record_type,
                       .record_version = static_cast<Version>(record_version),
                       .body = value.subspan(reader.position())};
}

void begin_metadata_frame(WireWriter& writer, std::uint32_t record_type, Version record_version) {
  writer.uvarint(kFrameVersion);
  writer.uvarint(record_type);
  writer.uvarint(static_cast<std::uint32_t>(record_version));
}

}  // namespace weir::protocol
