// Metadata log records about who may do what: ACLs, SCRAM credentials, delegation tokens.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/descriptor.h"

namespace weir::protocol {

struct AccessControlEntryRecord {
  static constexpr std::uint32_t record_type = 18;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  Uuid id{};
  std::int8_t resource_type = 0;
  std::string resource_name{};
  std::int8_t pattern_type = 0;
  std::string principal{};
  std::string host{};
  std::int8_t operation = 0;
  std::int8_t permission_type = 0;

  static consteval auto fields() {
    using M = AccessControlEntryRecord;
    return std::tuple{field<&M::id>(),           field<&M::resource_type>(),  field<&M::resource_name>(),
                      field<&M::pattern_type>(), field<&M::principal>(),      field<&M::host>(),
                      field<&M::operation>(),    field<&M::permission_type>()};
  }
};
static_assert(fields_complete<AccessControlEntryRecord>);

struct RemoveAccessControlEntryRecord {
  static constexpr std::uint32_t record_type = 19;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  Uuid id{};

  static consteval auto fields() {
    using M = RemoveAccessControlEntryRecord;
    return std::tuple{field<&M::id>()};
  }
};
static_assert(fields_complete<RemoveAccessControlEntryRecord>);

struct UserScramCredentialRecord {
  static constexpr std::uint32_t record_type = 11;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string name{};
  std::int8_t mechanism = 0;
  Bytes salt{};
  Bytes stored_key{};
  Bytes server_key{};
  std::int32_t iterations = 0;

  static consteval auto fields() {
    using M = UserScramCredentialRecord;
    return std::tuple{field<&M::name>(),       field<&M::mechanism>(),  field<&M::salt>(),
                      field<&M::stored_key>(), field<&M::server_key>(), field<&M::iterations>()};
  }
};
static_assert(fields_complete<UserScramCredentialRecord>);

struct RemoveUserScramCredentialRecord {
  static constexpr std::uint32_t record_type = 22;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string name{};
  std::int8_t mechanism = 0;

  static consteval auto fields() {
    using M = RemoveUserScramCredentialRecord;
    return std::tuple{field<&M::name>(), field<&M::mechanism>()};
  }
};
static_assert(fields_complete<RemoveUserScramCredentialRecord>);

struct DelegationTokenRecord {
  static constexpr std::uint32_t record_type = 10;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string owner{};
  std::string requester{};
  std::vector<std::string> renewers{};
  std::int64_t issue_timestamp = 0;
  std::int64_t max_timestamp = 0;
  std::int64_t expiration_timestamp = 0;
  std::string token_id{};

  static consteval auto fields() {
    using M = DelegationTokenRecord;
    return std::tuple{field<&M::owner>(),           field<&M::requester>(),     field<&M::renewers>(),
                      field<&M::issue_timestamp>(), field<&M::max_timestamp>(), field<&M::expiration_timestamp>(),
                      field<&M::token_id>()};
  }
};
static_assert(fields_complete<DelegationTokenRecord>);

struct RemoveDelegationTokenRecord {
  static constexpr std::uint32_t record_type = 26;
  static constexpr Versions valid{0, 0};
  static constexpr Version first_flexible = 0;

  std::string token_id{};

  static consteval auto fields() {
    using M = RemoveDelegationTokenRecord;
    return std::tuple{field<&M::token_id>()};
  }
};
static_assert(fields_complete<RemoveDelegationTokenRecord>);

}  // namespace weir::protocol
