#include "metadata/record.h"

namespace weir::metadata {
namespace {

constexpr std::int16_t kZkMigrationLevel = 8;           // 3.4-IV0
constexpr std::int16_t kDirectoryAssignmentLevel = 17;  // 3.7-IV2
constexpr std::int16_t kEligibleReplicasLevel = 23;     // 4.0-IV1
constexpr std::int16_t kCordonedDirectoriesLevel = 30;  // 4.3-IV0

protocol::Version partition_version(std::int16_t level) {
  if (level >= kEligibleReplicasLevel) return 2;
  return level >= kDirectoryAssignmentLevel ? 1 : 0;
}

protocol::Version registration_version(std::int16_t level) {
  if (level >= kCordonedDirectoriesLevel) return 4;
  if (level >= kDirectoryAssignmentLevel) return 3;
  return level >= kZkMigrationLevel ? 2 : 1;
}

// The lowest that carries what changed.
protocol::Version registration_change_version(const protocol::BrokerRegistrationChangeRecord& record) {
  if (record.cordoned_log_dirs) return 3;
  if (!record.log_dirs.empty()) return 2;
  return record.in_controlled_shutdown != 0 ? 1 : 0;
}

}  // namespace

protocol::Version record_version(const Record& record, std::int16_t metadata_version) {
  if (std::holds_alternative<protocol::PartitionRecord>(record)) return partition_version(metadata_version);
  if (std::holds_alternative<protocol::PartitionChangeRecord>(record)) return partition_version(metadata_version);
  if (std::holds_alternative<protocol::RegisterBrokerRecord>(record)) return registration_version(metadata_version);
  if (const auto* change = std::get_if<protocol::BrokerRegistrationChangeRecord>(&record)) {
    return registration_change_version(*change);
  }
  return 0;
}

bool level_has_directories(std::int16_t metadata_version) {
  return metadata_version >= kDirectoryAssignmentLevel;
}

Result<Bytes> encode_record(const Record& record, std::int16_t metadata_version) {
  return protocol::encode_metadata_record(record, record_version(record, metadata_version));
}

}  // namespace weir::metadata
