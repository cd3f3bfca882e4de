#include "protocol/schema/10_find_coordinator.h"

#include <gtest/gtest.h>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::FindCoordinatorRequest;
using test::TestBroker;

TEST(FindCoordinator, NobodyCoordinatesYetInAnyVersion) {
  TestBroker broker;
  FindCoordinatorRequest request;
  for (std::int16_t version = 0; version <= 3; ++version) {
    request.key = "group";
    const auto response = broker.call(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kCoordinatorNotAvailable) << version;
    EXPECT_EQ(response.node_id, NodeId(-1)) << version;
  }
  request.key.clear();
  request.coordinator_keys = {"a", "b"};
  for (std::int16_t version = 4; version <= 6; ++version) {
    const auto response = broker.call(request, version);
    ASSERT_EQ(response.coordinators.size(), 2U) << version;
    EXPECT_EQ(response.coordinators[1].key, "b");
    EXPECT_EQ(response.coordinators[1].error_code, ErrorCode::kCoordinatorNotAvailable) << version;
  }
}

TEST(FindCoordinator, KeyTypesNeedTheirVersion) {
  TestBroker broker;
  FindCoordinatorRequest request;
  request.coordinator_keys = {"x"};
  const auto ask = [&](std::int8_t type, std::int16_t version) {
    request.key_type = type;
    return broker.call(request, version).coordinators.at(0).error_code;
  };
  EXPECT_EQ(ask(1, 4), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(ask(2, 5), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask(2, 6), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(ask(3, 6), ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask(-1, 6), ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace weir::api
