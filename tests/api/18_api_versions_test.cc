#include "protocol/schema/18_api_versions.h"

#include <gtest/gtest.h>

#include <map>

#include "api/registry.h"
#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::ApiVersionsRequest;
using test::TestBroker;

ApiVersionsRequest named() {
  ApiVersionsRequest request;
  request.client_software_name = "weir-test";
  request.client_software_version = "1.0";
  return request;
}

TEST(ApiVersions, ListsWhatTheRegistryServesAndNothingElse) {
  TestBroker broker;
  // Each range as Kafka 4.4 lists it (kafka-protocol 1).
  const std::map<std::int16_t, std::pair<std::int16_t, std::int16_t>> expected = {
      {0, {0, 13}}, {1, {4, 18}}, {2, {1, 11}}, {3, {0, 13}}, {10, {0, 6}},
      {18, {0, 5}}, {19, {2, 7}}, {20, {1, 6}}, {22, {0, 5}}, {44, {0, 1}}};
  for (std::int16_t version = 0; version <= 5; ++version) {
    const auto response = broker.call(named(), version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    std::map<std::int16_t, std::pair<std::int16_t, std::int16_t>> listed;
    for (const auto& row : response.api_keys) listed[row.api_key] = {row.min_version, row.max_version};
    EXPECT_EQ(listed, expected) << version;
  }
}

TEST(ApiVersions, FeaturesWithMinimumZeroOnlyFromVersion4) {
  TestBroker broker;
  for (const auto& feature : broker.call(named(), 3).supported_features) EXPECT_NE(feature.min_version, 0);
  const auto response = broker.call(named(), 4);
  const auto has_zero =
      std::ranges::any_of(response.supported_features, [](const auto& feature) { return feature.min_version == 0; });
  EXPECT_TRUE(has_zero);
  EXPECT_GE(response.finalized_features_epoch, 0);
  const auto level = std::ranges::find_if(response.finalized_features,
                                          [](const auto& feature) { return feature.name == "metadata.version"; });
  ASSERT_NE(level, response.finalized_features.end());
  EXPECT_EQ(level->max_version_level, 30);
  EXPECT_EQ(level->min_version_level, 30);
}

TEST(ApiVersions, VersionsOutsideTheRangeGetAVersion0BodyWithOneRow) {
  TestBroker broker;
  for (const std::int16_t version : {std::int16_t{6}, std::int16_t{99}, std::int16_t{-1}}) {
    // api key 18, version, correlation id 4711, client id "x", then (from v3 up) a tag section and rubbish.
    Bytes frame{0, 18, 0, 0, 0, 0, 0x12, 0x67, 0, 1, 'x'};
    store_be(frame.data() + 2, version);
    if (version >= 3) frame.push_back(0);
    frame.push_back(0xff);
    auto sent = broker.send(frame);
    broker.step();
    const auto response = broker.response_of<ApiVersionsRequest>(*sent, 0);
    EXPECT_EQ(response.error_code, ErrorCode::kUnsupportedVersion) << version;
    ASSERT_EQ(response.api_keys.size(), 1U) << version;
    EXPECT_EQ(response.api_keys[0].api_key, 18);
    EXPECT_EQ(response.api_keys[0].max_version, 5);
  }
}

TEST(ApiVersions, SoftwareNamesAreChecked) {
  TestBroker broker;
  for (const auto* name : {"", "-x", "x-", "a b", "x."}) {
    auto request = named();
    request.client_software_name = name;
    const auto response = broker.call(request, 3);
    EXPECT_EQ(response.error_code, ErrorCode::kInvalidRequest) << name;
    EXPECT_TRUE(response.api_keys.empty());
    EXPECT_EQ(response.finalized_features_epoch, -1);
    EXPECT_EQ(broker.call(request, 2).error_code, ErrorCode::kNone) << "not part of older versions";
  }
  auto request = named();
  request.client_software_name = "a.b-c";
  EXPECT_EQ(broker.call(request, 3).error_code, ErrorCode::kNone);
}

TEST(ApiVersions, ClientsThatMeanAnotherClusterAreSentAway) {
  TestBroker broker;
  auto request = named();
  request.cluster_id = broker.broker().cluster_id();
  EXPECT_EQ(broker.call(request, 5).error_code, ErrorCode::kInvalidRequest) << "half of the pair";
  request.node_id = NodeId(1);
  EXPECT_EQ(broker.call(request, 5).error_code, ErrorCode::kNone);
  request.node_id = NodeId(2);
  EXPECT_EQ(broker.call(request, 5).error_code, ErrorCode::kRebootstrapRequired);
  request.node_id = NodeId(1);
  request.cluster_id = "somebody-elses-cluster";
  EXPECT_EQ(broker.call(request, 5).error_code, ErrorCode::kRebootstrapRequired);
}

TEST(Dispatcher, KeysAndVersionsThatAreNotServedClose) {
  TestBroker broker;
  const Bytes unknown_key{0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
  const Bytes unknown_version{0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0};
  const Bytes controller_only{0, 52, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
  const Bytes no_header{0, 3};
  const Bytes no_body{0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0};
  for (const auto& frame : {unknown_key, unknown_version, controller_only, no_header, Bytes{}, no_body}) {
    auto sent = broker.send(frame);
    broker.step();
    ASSERT_TRUE(sent->reply.has_value());
    EXPECT_EQ(sent->reply->kind, net::Reply::Kind::kClose);
  }
}

}  // namespace
}  // namespace weir::api
