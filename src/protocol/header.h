// Headers of requests and responses, and whole frames made of header and body. Which header version a message has
// follows from its own version alone. Any thread.
//
//   request   size i32 | api_key i16 | api_version i16 | correlation_id i32 | client_id | tags from header v2 on | body
//   response  size i32 | correlation_id i32 | tags from header v1 on | body
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/byte_chain.h"
#include "base/bytes.h"
#include "base/result.h"
#include "protocol/codec.h"
#include "protocol/descriptor.h"

namespace weir::protocol {

struct RequestHeader {
  static constexpr Versions valid{1, 2};
  static constexpr Version first_flexible = 2;

  std::int16_t request_api_key = 0;
  Version request_api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id{};

  static consteval auto fields() {
    using M = RequestHeader;
    // The client id keeps its 2-byte length, so that a broker can read the header of a version it does not know.
    return std::tuple{field<&M::request_api_key>(), field<&M::request_api_version>(), field<&M::correlation_id>(),
                      field<&M::client_id>(never_flexible())};
  }
};
static_assert(fields_complete<RequestHeader>);

struct ResponseHeader {
  static constexpr Versions valid{0, 1};
  static constexpr Version first_flexible = 1;

  std::int32_t correlation_id = 0;

  static consteval auto fields() { return std::tuple{field<&ResponseHeader::correlation_id>()}; }
};
static_assert(fields_complete<ResponseHeader>);

// `first_flexible` is the request's; it holds for versions above T::valid too (an ApiVersions to be refused).
[[nodiscard]] constexpr Version request_header_version(Version first_flexible, Version version) {
  return version >= first_flexible ? 2 : 1;
}

// An ApiVersions response keeps header version 0: its reader can't know yet what this broker speaks (KIP-511).
[[nodiscard]] constexpr Version response_header_version(ApiKey key, Version first_flexible, Version version) {
  return key != ApiKey::kApiVersions && version >= first_flexible ? 1 : 0;
}

// What a frame says before its header can be read: which API, hence which header version.
struct RequestPrefix {
  std::int16_t api_key = 0;
  Version api_version = 0;
};
// `frame` is a request without its size. nullopt when it is too short to say.
[[nodiscard]] std::optional<RequestPrefix> peek_request(ByteView frame);

struct OpenedRequest {
  RequestHeader header;
  MutableByteView body;  // the rest of the frame
};
// Reads the header of a request without its size.
[[nodiscard]] Result<OpenedRequest> open_request(MutableByteView frame, Version header_version);

struct OpenedResponse {
  ResponseHeader header;
  MutableByteView body;
};
// Reads the header of a response without its size; for clients.
[[nodiscard]] Result<OpenedResponse> open_response(MutableByteView frame, Version header_version);

// Starts a frame: room for the size, then the header. finish_frame fills the size in.
[[nodiscard]] Result<WireWriter> begin_response(std::int32_t correlation_id, Version header_version);
[[nodiscard]] Result<WireWriter> begin_request(const RequestHeader& header, Version header_version);
[[nodiscard]] Result<ByteChain> finish_frame(WireWriter writer);

// A whole response, size included, ready to send. `T` is a response; errors are those of encode().
template <Message T>
[[nodiscard]] Result<ByteChain> response_frame(std::int32_t correlation_id, const T& response, Version version) {
  auto writer = begin_response(correlation_id, response_header_version(T::api_key, T::first_flexible, version));
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto written = encode(*writer, response, version); !written) return std::unexpected(std::move(written).error());
  return finish_frame(*std::move(writer));
}

// A whole request, size included; for clients.
template <Request T>
[[nodiscard]] Result<ByteChain> request_frame(std::int32_t correlation_id, std::optional<std::string> client_id,
                                              const T& request, Version version) {
  const RequestHeader header{.request_api_key = static_cast<std::int16_t>(T::api_key),
                             .request_api_version = version,
                             .correlation_id = correlation_id,
                             .client_id = std::move(client_id)};
  auto writer = begin_request(header, request_header_version(T::first_flexible, version));
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto written = encode(*writer, request, version); !written) return std::unexpected(std::move(written).error());
  return finish_frame(*std::move(writer));
}

}  // namespace weir::protocol
