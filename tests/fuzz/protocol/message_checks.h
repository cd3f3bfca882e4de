// What must hold of one message's bytes, whoever sent them. Each returns whether the bytes were decoded; a broken
// promise ends the process by CHECK. Pure.
//
// "Decoded" and "refused" mean here what they mean to the broker: a request is refused when its prefix, its header or
// its body does not decode, which closes the connection. Bytes behind a body refuse nothing, as in Kafka, so that an
// ApiVersions request of versions 0-2, whose body is empty, can be refused by its header alone.
#pragma once

#include <cstring>
#include <string>

#include "base/byte_chain.h"
#include "base/bytes.h"
#include "base/check.h"
#include "protocol/header.h"
#include "protocol/metadata_frame.h"
#include "protocol/schema/metadata_record.h"
#include "unit/protocol/all_messages.h"

namespace weir::protocol {

template <Message T>
Bytes encoded(const T& message, Version version) {
  WireWriter writer;
  CHECK(encode(writer, message, version).has_value(), "{} version {} decodes and does not encode", message_name<T>,
        version);
  return writer.finish_bytes();
}

inline Bytes flattened(const ByteChain& chain) {
  Bytes all;
  for (const Piece& piece : chain.pieces()) {
    const ByteView view = std::get<SharedSlice>(piece).view;
    all.insert(all.end(), view.begin(), view.end());
  }
  return all;
}

// A version that the message can't be written in is refused; one that takes it gives bytes that decode.
template <Message T>
void check_other_version(const T& message, Version other) {
  WireWriter writer;
  if (const auto written = encode(writer, message, other); !written) {
    const Errc wanted = T::valid.contains(other) ? Errc::kInvalidArgument : Errc::kUnsupported;
    CHECK(written.error().code == wanted, "{} version {}: {}", message_name<T>, other, written.error().context);
    return;
  }
  Bytes bytes = writer.finish_bytes();
  const auto decoded = decode<T>(MutableByteView(bytes), other);
  CHECK(decoded.has_value(), "{} version {}: {}", message_name<T>, other, decoded.error().context);
}

// What decodes encodes, and what was encoded decodes to the same.
template <Message T>
void check_round_trip(const T& message, Version version) {
  Bytes bytes = encoded(message, version);
  const Bytes kept = bytes;
  const auto again = decode<T>(MutableByteView(bytes), version);
  CHECK(again.has_value(), "{} version {} encodes to what does not decode", message_name<T>, version);
  CHECK(bytes == kept, "{} version {}: decoding changed the bytes", message_name<T>, version);
  CHECK(encoded(*again, version) == kept, "{} version {} changes on the way", message_name<T>, version);
  const std::string printed = to_json(message, version);
  CHECK(to_json(*again, version) == printed, "{} version {} prints otherwise", message_name<T>, version);
  // A NaN is not equal to itself.
  CHECK(*again == message || printed.contains("nan"), "{} version {} differs after the way", message_name<T>, version);
}

// A whole frame around the message opens to the same header and body.
template <Message T>
void check_frame(const T& message, Version version, const std::optional<std::string>& client_id) {
  constexpr std::size_t kSizeBytes = 4;
  if constexpr (Request<T>) {
    const auto chain = request_frame(1, client_id, message, version);
    CHECK(chain.has_value(), "{} version {} has no frame", message_name<T>, version);
    Bytes frame = flattened(*chain);
    CHECK(load_be<std::uint32_t>(frame.data()) == frame.size() - kSizeBytes, "a frame tells a wrong size");
    const auto opened =
        open_request(MutableByteView(frame).subspan(kSizeBytes), request_header_version(T::first_flexible, version));
    CHECK(opened.has_value() && opened->header.client_id == client_id, "a request's header changes on the way");
    CHECK(std::ranges::equal(opened->body, encoded(message, version)), "a request's body changes on the way");
  } else if constexpr (requires { T::api_key; }) {
    const auto chain = response_frame(1, message, version);
    CHECK(chain.has_value(), "{} version {} has no frame", message_name<T>, version);
    Bytes frame = flattened(*chain);
    CHECK(load_be<std::uint32_t>(frame.data()) == frame.size() - kSizeBytes, "a frame tells a wrong size");
    const auto opened = open_response(MutableByteView(frame).subspan(kSizeBytes),
                                      response_header_version(T::api_key, T::first_flexible, version));
    CHECK(opened.has_value() && opened->header.correlation_id == 1, "a response's header changes on the way");
    CHECK(std::ranges::equal(opened->body, encoded(message, version)), "a response's body changes on the way");
  }
}

// As a value of the metadata log the message is found again by the type and version in front of it.
template <Message T>
void check_metadata_value(const T& message, Version version) {
  if constexpr (MetadataMessage<T>) {
    const auto value = encode_metadata_record(message, version);
    CHECK(value.has_value(), "{} version {} has no value", message_name<T>, version);
    const auto found = decode_metadata_record(*value);
    CHECK(found.has_value(), "{} version {}: {}", message_name<T>, version, found.error().context);
    CHECK(metadata_record_name(found->record) == message_name<T> && found->version == version);
    CHECK(metadata_record_to_json(found->record, version) == to_json(message, version));
  }
}

// `other`: any version, valid or not, to write the message in as well.
template <Message T>
bool check_body(MutableByteView body, Version version, Version other, const std::optional<std::string>& client_id) {
  const auto message = decode<T>(body, version);
  if (!message) {
    CHECK(message.error().code == Errc::kCorrupt, "{} version {}: {}", message_name<T>, version,
          message.error().context);
    return false;
  }
  check_round_trip(*message, version);
  check_frame(*message, version, client_id);
  check_metadata_value(*message, version);
  check_other_version(*message, other);
  return true;
}

// A request as the dispatcher meets it: a frame without its size.
template <Request T>
bool check_request(MutableByteView frame, Version version, Version other) {
  const auto prefix = peek_request(frame);
  if (!prefix) return false;
  CHECK(!to_string(static_cast<ApiKey>(prefix->api_key)).empty());
  const auto request = open_request(frame, request_header_version(T::first_flexible, version));
  if (!request) return false;
  CHECK(request->header.request_api_key == prefix->api_key);
  CHECK(request->header.request_api_version == prefix->api_version);
  return check_body<T>(request->body, version, other, request->header.client_id);
}

template <Message T>
bool check_bytes(MutableByteView bytes, Version version, Version other) {
  CHECK(T::valid.contains(other) || !decode<T>(bytes, other), "{} has no version {}", message_name<T>, other);
  if constexpr (Request<T>) {
    return check_request<T>(bytes, version, other);
  } else {
    if constexpr (MetadataMessage<T>) (void)decode_metadata_record(bytes);
    return check_body<T>(bytes, version, other, std::nullopt);
  }
}

}  // namespace weir::protocol
