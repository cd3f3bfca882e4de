#include "clients/wire_writer.h"

namespace weir::clients {

WireWriter begin_request(const RequestHeader& header) {
  WireWriter to;
  to.i16(header.api_key).i16(header.api_version).i32(header.correlation_id).string("weir-test");
  if (header.flexible) to.uvarint(0);
  return to;
}

Bytes frame(ByteView payload) {
  WireWriter to;
  to.bytes(payload);
  return to.take();
}

ByteView WireReader::raw(std::size_t size_bytes) {
  if (size_bytes > bytes_.size()) {
    ok_ = false;
    bytes_ = {};
    return {};
  }
  const auto taken = bytes_.first(size_bytes);
  bytes_ = bytes_.subspan(size_bytes);
  return taken;
}

std::int32_t WireReader::count() {
  const auto wire = i32();
  if (wire < 0) return 0;
  if (static_cast<std::size_t>(wire) > bytes_.size()) {
    ok_ = false;
    bytes_ = {};
    return 0;
  }
  return wire;
}

}  // namespace weir::clients
