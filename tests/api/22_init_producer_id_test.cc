#include "protocol/schema/22_init_producer_id.h"

#include <gtest/gtest.h>

#include <set>

#include "api/requests.h"

namespace weir::api {
namespace {

using protocol::InitProducerIdRequest;
using test::TestBroker;

TEST(InitProducerId, EveryVersionGivesAFreshIdAtEpochZero) {
  TestBroker broker;
  std::set<std::int64_t> ids;
  for (std::int16_t version = 0; version <= 5; ++version) {
    const auto response = broker.call(InitProducerIdRequest{}, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    EXPECT_EQ(response.producer_epoch, ProducerEpoch(0));
    EXPECT_TRUE(ids.insert(response.producer_id.value()).second);
  }
}

TEST(InitProducerId, NoIdIsGivenTwiceAcrossBlocksAndPowerCuts) {
  auto fs = std::make_shared<test::MemoryFs>();
  std::set<std::int64_t> ids;
  for (int life = 0; life < 3; ++life) {
    {
      TestBroker broker({.fs = fs});
      for (int i = 0; i < 1500; ++i) {
        const auto response = broker.call(InitProducerIdRequest{}, 5, static_cast<std::uint32_t>(i));
        ASSERT_EQ(response.error_code, ErrorCode::kNone);
        ASSERT_TRUE(ids.insert(response.producer_id.value()).second) << response.producer_id.value();
      }
    }
    fs = fs->after_power_cut(test::PowerCut::kDrop, static_cast<std::uint64_t>(life));
  }
}

TEST(InitProducerId, ATransactionalIdIsToldToTryAgain) {
  TestBroker broker;
  InitProducerIdRequest request;
  request.transactional_id = "tx";
  request.transaction_timeout_ms = 1000;
  auto response = broker.call(request, 5);
  EXPECT_EQ(response.error_code, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(response.producer_id, kNoProducerId);
  request.transactional_id = "";
  EXPECT_EQ(broker.call(request, 5).error_code, ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace weir::api
