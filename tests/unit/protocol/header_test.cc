#include "protocol/header.h"

#include <gtest/gtest.h>

#include "protocol/schema/03_metadata.h"
#include "protocol/schema/18_api_versions.h"

namespace weir::protocol {
namespace {

Bytes flat(const ByteChain& chain) {
  Bytes all;
  for (const Piece& piece : chain.pieces()) {
    const ByteView view = std::get<SharedSlice>(piece).view;
    all.insert(all.end(), view.begin(), view.end());
  }
  return all;
}

TEST(RequestHeader, KeepsTheShortClientIdLengthInTheFlexibleVersion) {
  // key 3, version 12, correlation 5, client id "me" with two bytes of length, no tags
  Bytes frame{0, 3, 0, 12, 0, 0, 0, 5, 0, 2, 'm', 'e', 0, 0xaa};
  const Result<OpenedRequest> request = open_request(frame, 2);
  ASSERT_TRUE(request.has_value()) << to_string(request.error());
  EXPECT_EQ(request->header.request_api_key, 3);
  EXPECT_EQ(request->header.request_api_version, 12);
  EXPECT_EQ(request->header.correlation_id, 5);
  EXPECT_EQ(request->header.client_id, "me");
  ASSERT_EQ(request->body.size(), 1U);
  EXPECT_EQ(request->body[0], 0xaa);
}

TEST(RequestHeader, IsRefusedWhenCut) {
  Bytes frame{0, 3, 0, 12, 0, 0, 0, 5, 0, 2, 'm', 'e', 0};
  for (std::size_t size = 0; size < frame.size(); ++size) {
    Bytes part(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(open_request(part, 2).has_value()) << size;
  }
}

TEST(RequestHeader, TellsKeyAndVersionBeforeItIsRead) {
  const Bytes frame{0, 18, 0xff, 0xff, 1};
  const auto prefix = peek_request(frame);
  ASSERT_TRUE(prefix.has_value());
  EXPECT_EQ(prefix->api_key, 18);
  EXPECT_EQ(prefix->api_version, -1);
  EXPECT_FALSE(peek_request(ByteView(frame).first(3)).has_value());
}

TEST(RequestHeader, IsVersionTwoFromTheFirstFlexibleVersionOn) {
  EXPECT_EQ(request_header_version(MetadataRequest::first_flexible, 8), 1);
  EXPECT_EQ(request_header_version(MetadataRequest::first_flexible, 9), 2);
  EXPECT_EQ(request_header_version(ApiVersionsRequest::first_flexible, 99), 2);
  EXPECT_EQ(request_header_version(kNeverFlexible, 5), 1);
}

TEST(ResponseHeader, StaysAtVersionZeroForApiVersions) {
  EXPECT_EQ(response_header_version(ApiKey::kMetadata, MetadataResponse::first_flexible, 8), 0);
  EXPECT_EQ(response_header_version(ApiKey::kMetadata, MetadataResponse::first_flexible, 9), 1);
  EXPECT_EQ(response_header_version(ApiKey::kApiVersions, ApiVersionsResponse::first_flexible, 4), 0);
}

TEST(ResponseFrame, StartsWithSizeAndHeader) {
  const ApiVersionsResponse response{.error_code = ErrorCode::kUnsupportedVersion,
                                     .api_keys = {{.api_key = 18, .min_version = 0, .max_version = 4}}};
  const Result<ByteChain> version_0 = response_frame(77, response, 0);
  ASSERT_TRUE(version_0.has_value());
  EXPECT_EQ(flat(*version_0), (Bytes{0, 0, 0, 16, 0, 0, 0, 77, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4}));
  const Result<ByteChain> version_3 = response_frame(77, response, 3);
  ASSERT_TRUE(version_3.has_value());
  EXPECT_EQ(flat(*version_3), (Bytes{0, 0, 0, 19, 0, 0, 0, 77, 0, 35, 2, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0}));
}

TEST(ResponseFrame, HasATaggedHeaderInFlexibleVersions) {
  const Result<ByteChain> frame = response_frame(1, MetadataResponse{.cluster_id = "c"}, 9);
  ASSERT_TRUE(frame.has_value());
  Bytes bytes = flat(*frame);
  ASSERT_EQ(load_be<std::int32_t>(bytes.data()), static_cast<std::int32_t>(bytes.size() - 4));
  const Result<OpenedResponse> opened = open_response(MutableByteView(bytes).subspan(4), 1);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->header.correlation_id, 1);
  EXPECT_EQ(decode<MetadataResponse>(opened->body, 9), (MetadataResponse{.cluster_id = "c"}));
}

TEST(ResponseFrame, ReportsWhatTheVersionCannotCarry) {
  const MetadataResponse nameless{.topics = {{.name = std::nullopt}}};
  EXPECT_EQ(response_frame(1, nameless, 11).error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(response_frame(1, nameless, 12).has_value());
}

TEST(RequestFrame, OpensToWhatWasPutIn) {
  const MetadataRequest request{.topics = std::nullopt, .allow_auto_topic_creation = false};
  for (const Version version : {Version{4}, Version{13}}) {
    const Result<ByteChain> frame = request_frame(9, "client", request, version);
    ASSERT_TRUE(frame.has_value());
    Bytes bytes = flat(*frame);
    const auto opened = open_request(MutableByteView(bytes).subspan(4),
                                     request_header_version(MetadataRequest::first_flexible, version));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->header.request_api_key, 3);
    EXPECT_EQ(opened->header.client_id, "client");
    EXPECT_EQ(decode<MetadataRequest>(opened->body, version), request);
  }
}

}  // namespace
}  // namespace weir::protocol
