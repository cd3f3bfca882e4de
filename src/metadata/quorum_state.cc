#include "metadata/quorum_state.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>

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
  if (epoch < 0) return fail(Errc::kCorrupt, fmt::format("negative epoch in {}", kQuorumStateFile));
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
  return state;
}

}  // namespace weir::metadata
