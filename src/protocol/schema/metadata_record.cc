#include "protocol/schema/metadata_record.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/metadata_frame.h"

namespace weir::protocol {
namespace {

// Tries the alternatives in turn; the first whose type the frame names decodes it.
template <std::size_t Index = 0>
Result<MetadataRecord> decode_as_any(const MetadataFrame& frame) {
  if constexpr (Index == std::variant_size_v<MetadataRecord>) {
    return fail(Errc::kUnsupported, fmt::format("metadata record type {}", frame.record_type));
  } else {
    using Record = std::variant_alternative_t<Index, MetadataRecord>;
    if (frame.record_type != Record::record_type) return decode_as_any<Index + 1>(frame);
    WEIR_TRY_ASSIGN(record, decode_metadata_body<Record>(frame));
    return MetadataRecord{std::move(record)};
  }
}

}  // namespace

Result<VersionedRecord> decode_metadata_record(ByteView value) {
  WEIR_TRY_ASSIGN(frame, open_metadata_frame(value));
  WEIR_TRY_ASSIGN(record, decode_as_any(frame));
  return VersionedRecord{.record = std::move(record), .version = frame.record_version};
}

Result<Bytes> encode_metadata_record(const MetadataRecord& record, Version version) {
  return std::visit([&](const auto& held) { return encode_metadata(held, version); }, record);
}

std::string_view metadata_record_name(const MetadataRecord& record) {
  return std::visit([]<class T>(const T&) { return message_name<T>; }, record);
}

std::string metadata_record_to_json(const MetadataRecord& record, Version version) {
  return std::visit([&](const auto& held) { return to_json(held, version); }, record);
}

}  // namespace weir::protocol
