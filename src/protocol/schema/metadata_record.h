// Any record of the metadata log as one type, and its value's bytes both ways. Holds every record type that Kafka 4.4
// has: an adopted log is understood whole or refused. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/schema/metadata/broker_records.h"
#include "protocol/schema/metadata/cluster_records.h"
#include "protocol/schema/metadata/security_records.h"
#include "protocol/schema/metadata/topic_records.h"

namespace weir::protocol {

using MetadataRecord =
    std::variant<RegisterBrokerRecord, UnregisterBrokerRecord, TopicRecord, PartitionRecord, ConfigRecord,
                 PartitionChangeRecord, FenceBrokerRecord, UnfenceBrokerRecord, RemoveTopicRecord,
                 DelegationTokenRecord, UserScramCredentialRecord, FeatureLevelRecord, ClientQuotaRecord,
                 ProducerIdsRecord, BrokerRegistrationChangeRecord, AccessControlEntryRecord,
                 RemoveAccessControlEntryRecord, NoOpRecord, ZkMigrationStateRecord, RemoveUserScramCredentialRecord,
                 BeginTransactionRecord, EndTransactionRecord, AbortTransactionRecord, RemoveDelegationTokenRecord,
                 RegisterControllerRecord, ClearElrRecord, UnregisterControllerRecord>;

// A record with the schema version that it is written in.
struct VersionedRecord {
  MetadataRecord record;
  Version version = 0;
};

// From a record's value. kUnsupported for a frame version, record type or record version that Kafka 4.4 has not.
[[nodiscard]] Result<VersionedRecord> decode_metadata_record(ByteView value);

// The value of a record. kUnsupported for a version that the record's type has not.
[[nodiscard]] Result<Bytes> encode_metadata_record(const MetadataRecord& record, Version version);

// "PartitionRecord".
[[nodiscard]] std::string_view metadata_record_name(const MetadataRecord& record);

// For logs and tests.
[[nodiscard]] std::string metadata_record_to_json(const MetadataRecord& record, Version version);

}  // namespace weir::protocol
