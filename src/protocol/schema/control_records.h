// Values of control records: who leads a quorum, a snapshot's ends, voters, the end of a transaction. Those of the
// metadata log open with their own version, which repeats the schema version that they are written in.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct LeaderChangeMessage {
  static constexpr Versions valid{0, 1};
  static constexpr Version first_flexible = 0;

  struct Voter {
    NodeId voter_id{};
    Uuid voter_directory_id{};
    static consteval auto fields() {
      using M = Voter;
      return std::tuple{field<&M::voter_id>(), field<&M::voter_directory_id>(since(1))};
    }
  };

  std::int16_t version = 0;
  NodeId leader_id{};
  std::vector<Voter> voters{};
  std::vector<Voter> granting_voters{};

  static consteval auto fields() {
    using M = LeaderChangeMessage;
    return std::tuple{field<&M::version>(), field<&M::leader_id>(), field<&M::voters>(), field<&M::granting_voters>()};
  }
};
static_assert(fields_complete<LeaderChangeMessage>);

struct SnapshotHeaderRecord {
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::int16_t version = 0;
  std::int64_t last_contained_log_timestamp = 0;

  static consteval auto fields() {
    using M = SnapshotHeaderRecord;
    return std::tuple{field<&M::version>(), field<&M::last_contained_log_timestamp>()};
  }
};
static_assert(fields_complete<SnapshotHeaderRecord>);

struct SnapshotFooterRecord {
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::int16_t version = 0;

  static consteval auto fields() {
    using M = SnapshotFooterRecord;
    return std::tuple{field<&M::version>()};
  }
};
static_assert(fields_complete<SnapshotFooterRecord>);

struct KRaftVersionRecord {
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::int16_t version = 0;
  std::int16_t k_raft_version = 0;

  static consteval auto fields() {
    using M = KRaftVersionRecord;
    return std::tuple{field<&M::version>(), field<&M::k_raft_version>()};
  }
};
static_assert(fields_complete<KRaftVersionRecord>);

struct VotersRecord {
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  struct Endpoint {
    std::string name{};
    std::string host{};
    std::uint16_t port = 0;
    static consteval auto fields() {
      using M = Endpoint;
      return std::tuple{field<&M::name>(), field<&M::host>(), field<&M::port>()};
    }
  };

  struct KRaftVersionFeature {
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    static consteval auto fields() {
      using M = KRaftVersionFeature;
      return std::tuple{field<&M::min_supported_version>(), field<&M::max_supported_version>()};
    }
  };

  struct Voter {
    NodeId voter_id{};
    Uuid voter_directory_id{};
    std::vector<Endpoint> endpoints{};
    KRaftVersionFeature k_raft_version_feature{};
    static consteval auto fields() {
      using M = Voter;
      return std::tuple{field<&M::voter_id>(), field<&M::voter_directory_id>(), field<&M::endpoints>(),
                        field<&M::k_raft_version_feature>()};
    }
  };

  std::int16_t version = 0;
  std::vector<Voter> voters{};

  static consteval auto fields() {
    using M = VotersRecord;
    return std::tuple{field<&M::version>(), field<&M::voters>()};
  }
};
static_assert(fields_complete<VotersRecord>);

struct EndTxnMarker {
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = kNeverFlexible;

  std::int32_t coordinator_epoch = 0;

  static consteval auto fields() {
    using M = EndTxnMarker;
    return std::tuple{field<&M::coordinator_epoch>()};
  }
};
static_assert(fields_complete<EndTxnMarker>);

}  // namespace weir::protocol
