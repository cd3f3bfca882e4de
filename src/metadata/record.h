// The records of the metadata log as values, and the version that each is written in. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/schema/metadata_record.h"

namespace weir::metadata {

using Record = protocol::MetadataRecord;
using Records = std::vector<Record>;

// The record version that Kafka's controller writes at this finalized level (MetadataVersion.java).
[[nodiscard]] protocol::Version record_version(const Record& record, std::int16_t metadata_version);

// Whether records of this level name log directories (registrations and partitions).
[[nodiscard]] bool level_has_directories(std::int16_t metadata_version);

// A record's value in that version. kInvalidArgument: a field that the format can't carry (a string over 32767 bytes).
[[nodiscard]] Result<Bytes> encode_record(const Record& record, std::int16_t metadata_version);

}  // namespace weir::metadata
