#include "protocol/codec_walk.h"

#include <fmt/format.h>

namespace weir::protocol::walk {

void refuse_set_field(WireWriter& writer, std::string_view field_name, Version version) {
  writer.fail(fmt::format("{} is set, and version {} has no such field", field_name, version));
}

Error version_error(std::string_view message, Version version) {
  return Error{Errc::kUnsupported, fmt::format("{} has no version {}", message, version)};
}

Error decode_error(const WireReader& reader, std::string_view message, Version version) {
  return reader.error(fmt::format("{} version {}", message, version));
}

Error encode_error(const WireWriter& writer, std::string_view message, Version version) {
  Error error = writer.error();
  error.context = fmt::format("{} version {}: {}", message, version, error.context);
  return error;
}

}  // namespace weir::protocol::walk
