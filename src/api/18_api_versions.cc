// ApiVersions (key 18), versions 0-5: what this broker serves, read from the registry, and the cluster's features.
// Rules: kafka-protocol 2.2. Telemetry keys are never listed: no receiver can be configured.
#include "protocol/schema/18_api_versions.h"

#include <algorithm>

#include "api/18_api_versions.h"
#include "api/dispatcher.h"
#include "api/registry.h"

namespace weir::api {
namespace {

using protocol::ApiVersionsRequest;
using protocol::ApiVersionsResponse;

constexpr std::int16_t kSoftwareNameSince = 3;
constexpr std::int16_t kZeroMinimumSince = 4;  // older Java clients fail on a feature whose minimum is 0 (KAFKA-17011)
constexpr std::int16_t kClusterCheckSince = 5;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool is_software_name(std::string_view name) {
  if (name.empty() || !is_letter_or_digit(name.front()) || !is_letter_or_digit(name.back())) return false;
  return std::ranges::all_of(name, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
}

ErrorCode check(const RequestContext& context, const ApiVersionsRequest& request) {
  if (context.version >= kSoftwareNameSince &&
      (!is_software_name(request.client_software_name) || !is_software_name(request.client_software_version))) {
    return ErrorCode::kInvalidRequest;
  }
  if (context.version < kClusterCheckSince) return ErrorCode::kNone;
  const bool names_node = request.node_id != NodeId{-1};
  if (request.cluster_id.has_value() != names_node) return ErrorCode::kInvalidRequest;
  if (!names_node) return ErrorCode::kNone;
  const bool is_us = *request.cluster_id == context.services.cluster_id && request.node_id == context.services.node_id;
  return is_us ? ErrorCode::kNone : ErrorCode::kRebootstrapRequired;
}

void fill_features(ApiVersionsResponse& response, const metadata::Image& image, std::int16_t version) {
  response.supported_features.push_back({.name = std::string(metadata::kMetadataVersionFeature),
                                         .min_version = metadata::kMetadataVersionMin,
                                         .max_version = metadata::kMetadataVersionMax});
  if (version >= kZeroMinimumSince) {
    response.supported_features.push_back({.name = "kraft.version", .min_version = 0, .max_version = 1});
  }
  for (const auto& [name, level] : image.features) {
    response.finalized_features.push_back({.name = name, .max_version_level = level, .min_version_level = level});
  }
  if (image.kraft_version > 0) {
    response.finalized_features.push_back(
        {.name = "kraft.version", .max_version_level = image.kraft_version, .min_version_level = image.kraft_version});
  }
  response.finalized_features_epoch = image.offset.value();
}

ApiVersionsResponse::ApiVersion row_of(const Api& api) {
  return {
      .api_key = static_cast<std::int16_t>(api.key), .min_version = api.advertised_min, .max_version = api.served.max};
}

boost::asio::awaitable<Answer<ApiVersionsResponse>> handle(RequestContext& context, ApiVersionsRequest request) {
  ApiVersionsResponse response;
  response.error_code = check(context, request);
  if (response.error_code != ErrorCode::kNone) co_return response;
  for (const auto& api : registered_apis()) response.api_keys.push_back(row_of(api));
  fill_features(response, *context.services.image.get(), context.version);
  co_return response;
}

}  // namespace

Api api_versions_api() {
  return make_api<ApiVersionsRequest, handle>({0, 5});
}

net::Reply refuse_api_versions(const RequestContext& context) {
  constexpr std::int16_t kVersionEverybodyReads = 0;
  ApiVersionsResponse response;
  response.error_code = ErrorCode::kUnsupportedVersion;
  response.api_keys.push_back(row_of(api_versions_api()));
  return encode_reply(context, response, kVersionEverybodyReads);
}

}  // namespace weir::api
