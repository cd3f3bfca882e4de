#include "metadata/record_framing.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/codec.h"
#include "protocol/schema/control_records.h"
#include "record/batch_builder.h"
#include "record/record_reader.h"

namespace weir::metadata {
namespace {

// Length, attributes, two deltas, key length, value length and header count at their widest here.
constexpr std::uint64_t kRecordOverheadBytes = 32;
// A compressed batch is no business of Kafka's raft log, but well-formed; its records may inflate to this.
constexpr std::uint64_t kInflatedBytesMax = 64 * kMiB;
constexpr std::string_view kControllerListener = "CONTROLLER";

record::BatchOptions options_of(const BatchPlace& at) {
  record::BatchOptions options;
  options.base_offset = at.base_offset;
  options.leader_epoch = at.epoch;
  return options;
}

template <class T>
Result<Bytes> encode_control(const T& message) {
  protocol::WireWriter writer;
  WEIR_TRY(protocol::encode(writer, message, protocol::Version{0}));
  return writer.finish_bytes();
}

template <class T>
Result<Bytes> frame_control(record::ControlType type, const T& message, const BatchPlace& at) {
  WEIR_TRY_ASSIGN(value, encode_control(message));
  return record::build_control_batch(options_of(at), type, value, at.timestamp_ms);
}

Result<LogEntry> entry_of(const record::BatchHeader& header, const record::RecordView& record) {
  LogEntry entry;
  entry.offset = header.base_offset + record.offset_delta;
  entry.is_control = header.is_control();
  if (!record.value) return fail(Errc::kCorrupt, fmt::format("metadata record {} has no value", entry.offset.value()));
  entry.value = *record.value;
  if (entry.is_control) {
    if (!record.key) return fail(Errc::kCorrupt, fmt::format("control record {} has no key", entry.offset.value()));
    WEIR_TRY_ASSIGN(type, record::read_control_type(*record.key));
    entry.control = type;
  } else if (record.key) {
    return fail(Errc::kCorrupt, fmt::format("metadata record {} has a key", entry.offset.value()));
  }
  return entry;
}

}  // namespace

std::uint64_t framed_size_bytes(std::span<const Bytes> values) {
  std::uint64_t size = record::kBatchHeaderBytes;
  for (const auto& value : values) size += value.size() + kRecordOverheadBytes;
  return size;
}

Result<Bytes> frame_records(std::span<const Bytes> values, const BatchPlace& at) {
  record::BatchBuilder builder(options_of(at));
  for (const auto& value : values) {
    record::NewRecord record;
    record.timestamp_ms = at.timestamp_ms;
    record.value = ByteView(value);
    builder.append(record);
  }
  return std::move(builder).build(kBatchBytesMax);
}

Result<std::vector<Bytes>> frame_in_batches(std::span<const Bytes> values, BatchPlace at) {
  std::vector<Bytes> batches;
  while (!values.empty()) {
    std::size_t count = 1;
    std::uint64_t size_bytes = framed_size_bytes(values.first(1));
    for (; count < values.size(); ++count) {
      size_bytes += values[count].size() + kRecordOverheadBytes;
      if (size_bytes > kBatchBytesMax) break;
    }
    WEIR_TRY_ASSIGN(batch, frame_records(values.first(count), at));
    batches.push_back(std::move(batch));
    at.base_offset += static_cast<std::int64_t>(count);
    values = values.subspan(count);
  }
  return batches;
}

Result<Bytes> frame_leader_change(NodeId leader, std::span<const NodeId> voters, const BatchPlace& at) {
  protocol::LeaderChangeMessage message;
  message.leader_id = leader;
  for (const NodeId voter : voters) {
    protocol::LeaderChangeMessage::Voter entry;
    entry.voter_id = voter;
    message.voters.push_back(entry);
  }
  message.granting_voters = message.voters;
  return frame_control(record::ControlType::kLeaderChange, message, at);
}

Result<Bytes> frame_kraft_version(std::int16_t version, const BatchPlace& at) {
  protocol::KRaftVersionRecord message;
  message.k_raft_version = version;
  return frame_control(record::ControlType::kKraftVersion, message, at);
}

Result<Bytes> frame_voters(std::span<const Voter> voters, const BatchPlace& at) {
  protocol::VotersRecord message;
  for (const auto& voter : voters) {
    auto& entry = message.voters.emplace_back();
    entry.voter_id = voter.id;
    entry.voter_directory_id = voter.directory_id;
    auto& endpoint = entry.endpoints.emplace_back();
    endpoint.name = kControllerListener;
    endpoint.host = voter.host;
    endpoint.port = voter.port;
    entry.k_raft_version_feature.max_supported_version = 1;
  }
  return frame_control(record::ControlType::kKraftVoters, message, at);
}

Result<Bytes> frame_snapshot_head(std::int64_t last_log_timestamp_ms, std::int16_t kraft_version, ByteView voters,
                                  const BatchPlace& at) {
  protocol::SnapshotHeaderRecord header;
  header.last_contained_log_timestamp = last_log_timestamp_ms;
  std::vector<record::ControlEntry> entries;
  WEIR_TRY_ASSIGN(header_value, encode_control(header));
  entries.push_back({record::ControlType::kSnapshotHeader, std::move(header_value)});
  if (kraft_version > 0) {
    protocol::KRaftVersionRecord version;
    version.k_raft_version = kraft_version;
    WEIR_TRY_ASSIGN(version_value, encode_control(version));
    entries.push_back({record::ControlType::kKraftVersion, std::move(version_value)});
    if (!voters.empty()) {
      entries.push_back({record::ControlType::kKraftVoters, Bytes(voters.begin(), voters.end())});
    }
  }
  return record::build_control_batch(options_of(at), entries, at.timestamp_ms);
}

Result<Bytes> frame_snapshot_footer(const BatchPlace& at) {
  return frame_control(record::ControlType::kSnapshotFooter, protocol::SnapshotFooterRecord{}, at);
}

Result<record::BatchHeader> visit_batch(ByteView batch, const EntryVisitor& visit) {
  WEIR_TRY(record::check_batch(batch));
  record::RecordReader::Limits limits{.max_inflated_bytes = kInflatedBytesMax};
  WEIR_TRY_ASSIGN(reader, record::RecordReader::open(batch, limits));
  record::RecordView record;
  std::int32_t count = 0;
  for (;;) {
    WEIR_TRY_ASSIGN(more, reader.next(record));
    if (!more) break;
    if (record.offset_delta != count++) return fail(Errc::kCorrupt, "offsets in a metadata batch are not consecutive");
    WEIR_TRY_ASSIGN(entry, entry_of(reader.header(), record));
    WEIR_TRY(visit(entry));
  }
  if (count != reader.header().last_offset_delta + 1) return fail(Errc::kCorrupt, "a metadata batch lacks records");
  return reader.header();
}

}  // namespace weir::metadata
