#include "metadata/quorum_state.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <utility>

namespace weir::metadata {
namespace {

Result<std::int32_t> number_in(const boost::json::object& object, std::string_view key) {
  const auto* field = object.if_contains(key);
  const auto* number = field == nullptr ? nullptr : field->if_int64();
  if (number == nullptr || *number < -1 || *number > std::numeric_limits<std::int32_t>::max()) {
    return fail(Errc::kCorrupt, fmt::format("{}: no number in its place in {}", key, kQuorumStateFile));
  }
  return static_cast<std::int32_t>(*number);
}

// Version 0's list of objects with a voterId; null or missing: nobody was named yet.
Result<std::vector<NodeId>> voters_in(const boost::json::object& object) {
  std::vector<NodeId> voters;
  const auto* list = object.if_contains("currentVoters");
  if (list == nullptr || list->is_null()) return voters;
  if (!list->is_array()) return fail(Errc::kCorrupt, fmt::format("currentVoters in {} is no list", kQuorumStateFile));
  for (const auto& entry : list->get_array()) {
    if (!entry.is_object()) return fail(Errc::kCorrupt, fmt::format("no voter in its place in {}", kQuorumStateFile));
    WEIR_TRY_ASSIGN(id, number_in(entry.get_object(), "voterId"));
    voters.emplace_back(id);
  }
  return voters;
}

}  // namespace

std::string to_json(const QuorumState& state) {
  return fmt::format(R"({{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":1}})",
                     state.leader_id.value(), state.leader_epoch.value(), state.voted_id.value(),
                     state.voted_directory_id.to_string());
}

Result<QuorumState> parse_quorum_state(std::string_view text) {
  boost::json::error_code error;
  const auto parsed = boost::json::parse(text, error);
  if (error || !parsed.is_object())
    return fail(Errc::kCorrupt, fmt::format("{} is not a JSON object", kQuorumStateFile));
  const auto& object = parsed.get_object();
  WEIR_TRY_ASSIGN(version, number_in(object, "data_version"));
  if (version != 0 && version != 1) {
    return fail(Errc::kUnsupported, fmt::format("{} of version {}", kQuorumStateFile, version));
  }
  WEIR_TRY_ASSIGN(leader, number_in(object, "leaderId"));
  WEIR_TRY_ASSIGN(epoch, number_in(object, "leaderEpoch"));
  WEIR_TRY_ASSIGN(voted, number_in(object, "votedId"));
  if (epoch < 0 || epoch == std::numeric_limits<std::int32_t>::max()) {
    return fail(Errc::kCorrupt, fmt::format("epoch {} in {}", epoch, kQuorumStateFile));
  }
  QuorumState state;
  state.leader_id = NodeId(leader);
  state.leader_epoch = LeaderEpoch(epoch);
  state.voted_id = NodeId(voted);
  if (const auto* directory = object.if_contains("votedDirectoryId"); directory != nullptr && version == 1) {
    const auto* id = directory->if_string();
    const auto decoded = id == nullptr ? std::nullopt : Uuid::parse({id->data(), id->size()});
    if (!decoded) return fail(Errc::kCorrupt, fmt::format("votedDirectoryId in {} is no id", kQuorumStateFile));
    state.voted_directory_id = *decoded;
  }
  if (version == 0) {
    WEIR_TRY_ASSIGN(voters, voters_in(object));
    state.voters = std::move(voters);
  }
  return state;
}

}  // namespace weir::metadata
