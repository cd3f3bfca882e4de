#include "protocol/header.h"

#include <fmt/format.h>

#include <limits>

namespace weir::protocol {
namespace {

template <Message Header>
Result<WireWriter> begin_frame(const Header& header, Version header_version) {
  WireWriter writer;
  writer.integer(std::int32_t{0});  // the size, filled in by finish_frame
  WEIR_TRY(encode(writer, header, header_version));
  return writer;
}

}  // namespace

std::optional<RequestPrefix> peek_request(ByteView frame) {
  if (frame.size() < 4) return std::nullopt;
  return RequestPrefix{.api_key = load_be<std::int16_t>(frame.data()),
                       .api_version = load_be<Version>(frame.data() + 2)};
}

Result<OpenedRequest> open_request(MutableByteView frame, Version header_version) {
  WireReader reader(frame);
  WEIR_TRY_ASSIGN(header, decode<RequestHeader>(reader, header_version));
  return OpenedRequest{.header = std::move(header), .body = reader.rest()};
}

Result<OpenedResponse> open_response(MutableByteView frame, Version header_version) {
  WireReader reader(frame);
  WEIR_TRY_ASSIGN(header, decode<ResponseHeader>(reader, header_version));
  return OpenedResponse{.header = header, .body = reader.rest()};
}

Result<WireWriter> begin_response(std::int32_t correlation_id, Version header_version) {
  return begin_frame(ResponseHeader{.correlation_id = correlation_id}, header_version);
}

Result<WireWriter> begin_request(const RequestHeader& header, Version header_version) {
  return begin_frame(header, header_version);
}

Result<ByteChain> finish_frame(WireWriter writer) {
  const std::uint64_t size_bytes = writer.size_bytes() - sizeof(std::int32_t);
  if (size_bytes > std::numeric_limits<std::int32_t>::max()) {
    return fail(Errc::kTooLarge, fmt::format("a frame of {} bytes", size_bytes));
  }
  writer.patch_front(static_cast<std::int32_t>(size_bytes));
  return writer.finish();
}

}  // namespace weir::protocol
