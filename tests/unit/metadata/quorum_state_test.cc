#include "metadata/quorum_state.h"

#include <gtest/gtest.h>

namespace weir::metadata {
namespace {

TEST(QuorumState, IsWrittenAsKafkaWritesIt) {
  QuorumState state;
  state.leader_id = NodeId(1);
  state.leader_epoch = LeaderEpoch(2);
  EXPECT_EQ(to_json(state),
            "{\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":-1,"
            "\"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"data_version\":1}");
}

TEST(QuorumState, ReadsWhatItWrote) {
  QuorumState state;
  state.leader_id = NodeId(-1);
  state.leader_epoch = LeaderEpoch(2147483646);
  state.voted_id = NodeId(7);
  state.voted_directory_id.bytes[3] = 9;
  const auto read = parse_quorum_state(to_json(state));
  ASSERT_TRUE(read.has_value()) << to_string(read.error());
  EXPECT_EQ(*read, state);
}

TEST(QuorumState, ReadsTheVersionOfAStaticQuorum) {
  const auto read = parse_quorum_state(
      R"({"clusterId":"","leaderId":3,"leaderEpoch":12,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":3}],)"
      R"("data_version":0})");
  ASSERT_TRUE(read.has_value()) << to_string(read.error());
  EXPECT_EQ(read->leader_id, NodeId(3));
  EXPECT_EQ(read->leader_epoch, LeaderEpoch(12));
  EXPECT_EQ(read->voters, std::vector<NodeId>{NodeId(3)});
}

TEST(QuorumState, RefusesWhatIsNotOne) {
  for (const auto* text :
       {"", "[]", "{}", "{\"leaderId\":1", R"({"leaderId":1,"leaderEpoch":-1,"votedId":-1,"data_version":1})",
        R"({"leaderId":1,"leaderEpoch":3000000000,"votedId":-1,"data_version":1})",
        R"({"leaderId":1,"leaderEpoch":2147483647,"votedId":-1,"data_version":1})",
        R"({"leaderId":1,"leaderEpoch":3,"votedId":-1,"currentVoters":[{}],"data_version":0})",
        R"({"leaderId":1,"leaderEpoch":3,"votedId":-1,"currentVoters":{},"data_version":0})",
        R"({"leaderId":"1","leaderEpoch":3,"votedId":-1,"data_version":1})",
        R"({"leaderId":1,"leaderEpoch":3,"votedId":-1,"votedDirectoryId":"x","data_version":1})"}) {
    const auto read = parse_quorum_state(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, Errc::kCorrupt) << text;
  }
  const auto newer = parse_quorum_state(R"({"leaderId":1,"leaderEpoch":3,"votedId":-1,"data_version":2})");
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code, Errc::kUnsupported);
}

}  // namespace
}  // namespace weir::metadata
