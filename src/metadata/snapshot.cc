#include "metadata/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "metadata/image_builder.h"
#include "metadata/image_records.h"
#include "metadata/record_framing.h"
#include "protocol/codec.h"
#include "protocol/schema/control_records.h"

namespace weir::metadata {
namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::size_t kEpochDigits = 10;

template <class T>
std::optional<T> parse_digits(std::string_view text) {
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  T value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

Result<void> visit_batches(ByteView content, const EntryVisitor& visit) {
  Offset next{0};
  bool ended = false;
  const auto on_entry = [&](const LogEntry& entry) -> Result<void> {
    if (ended) return fail(Errc::kCorrupt, "records behind the footer");
    const bool is_header = entry.is_control && entry.control == record::ControlType::kSnapshotHeader;
    if (is_header != (entry.offset == Offset(0))) return fail(Errc::kCorrupt, "a header is missing or misplaced");
    if (is_header) return {};
    ended = entry.is_control && entry.control == record::ControlType::kSnapshotFooter;
    return ended ? Result<void>{} : visit(entry);
  };
  while (!content.empty()) {
    WEIR_TRY_ASSIGN(header, record::check_batch(content));
    if (header.base_offset != next) {
      return fail(Errc::kCorrupt, fmt::format("a batch at {} where {} is due", header.base_offset, next));
    }
    WEIR_TRY(visit_batch(content.first(header.size_bytes()), on_entry));
    next = header.next_offset();
    content = content.subspan(header.size_bytes());
  }
  if (!ended) return fail(Errc::kCorrupt, "the footer is missing");
  return {};
}

// Everything between the ends, in order. kCorrupt: an end is missing, something follows the footer, or a batch is not
// whole; whatever else is wrong is damage too, but for what is well-formed and not known here (kUnsupported).
Result<void> visit_body(ByteView content, const EntryVisitor& visit) {
  auto visited = visit_batches(content, visit);
  if (!visited && visited.error().code != Errc::kUnsupported) visited.error().code = Errc::kCorrupt;
  return visited;
}

Result<void> apply_control(const LogEntry& entry, std::int16_t& kraft_version, Bytes& voters) {
  if (entry.control == record::ControlType::kKraftVersion) {
    WEIR_TRY_ASSIGN(message, protocol::decode_const<protocol::KRaftVersionRecord>(entry.value, 0));
    kraft_version = message.k_raft_version;
  } else if (entry.control == record::ControlType::kKraftVoters) {
    WEIR_TRY(protocol::decode_const<protocol::VotersRecord>(entry.value, 0));
    voters.assign(entry.value.begin(), entry.value.end());
  }
  return {};
}

}  // namespace

std::string snapshot_file_name(const SnapshotId& id) {
  return fmt::format("{:020}-{:010}{}", id.end.value(), id.epoch.value(), kSnapshotSuffix);
}

std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name) {
  if (name.size() != kOffsetDigits + 1 + kEpochDigits + kSnapshotSuffix.size()) return std::nullopt;
  if (!name.ends_with(kSnapshotSuffix) || name[kOffsetDigits] != '-') return std::nullopt;
  const auto end = parse_digits<std::int64_t>(name.substr(0, kOffsetDigits));
  const auto epoch = parse_digits<std::int32_t>(name.substr(kOffsetDigits + 1, kEpochDigits));
  if (!end || !epoch) return std::nullopt;
  return SnapshotId{Offset(*end), LeaderEpoch(*epoch)};
}

SnapshotId snapshot_id_of(const Image& image) {
  return {image.offset + 1, image.epoch};
}

Result<Bytes> encode_snapshot(const Image& image, std::int64_t last_log_timestamp_ms, std::int64_t now_ms) {
  BatchPlace at{.base_offset = Offset(0), .epoch = image.epoch, .timestamp_ms = now_ms};
  WEIR_TRY_ASSIGN(all, frame_snapshot_head(last_log_timestamp_ms, image.kraft_version, image.voters, at));
  at.base_offset = record::BatchHeader::read(all.data()).next_offset();
  WEIR_TRY_ASSIGN(values, records_of(image));
  WEIR_TRY_ASSIGN(batches, frame_in_batches(values, at));
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  at.base_offset += static_cast<std::int64_t>(values.size());
  WEIR_TRY_ASSIGN(footer, frame_snapshot_footer(at));
  all.insert(all.end(), footer.begin(), footer.end());
  return all;
}

Result<std::shared_ptr<const Image>> read_snapshot(ByteView content, const SnapshotId& id) {
  ImageBuilder builder(nullptr);
  std::int16_t kraft_version = 0;
  Bytes voters;
  WEIR_TRY(visit_body(content, [&](const LogEntry& entry) -> Result<void> {
    if (entry.is_control) return apply_control(entry, kraft_version, voters);
    WEIR_TRY_ASSIGN(decoded, protocol::decode_metadata_record(entry.value));
    return builder.apply(decoded.record, entry.value);
  }));
  builder.set_kraft_version(kraft_version);
  builder.set_voters(std::move(voters));
  builder.advance(id.end - 1, id.epoch);
  return builder.finish();
}

Result<Bootstrap> read_bootstrap(ByteView content) {
  Bootstrap bootstrap;
  const auto keep = [&bootstrap](const LogEntry& entry) -> Result<void> {
    if (entry.is_control) return apply_control(entry, bootstrap.kraft_version, bootstrap.voters);
    WEIR_TRY(protocol::decode_metadata_record(entry.value));
    bootstrap.records.emplace_back(entry.value.begin(), entry.value.end());
    return {};
  };
  WEIR_TRY(visit_body(content, keep));
  return bootstrap;
}

}  // namespace weir::metadata
