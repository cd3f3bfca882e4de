#include "record/control_batch.h"

#include <fmt/core.h>

#include <array>

namespace weir::record {

namespace {
constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kKeyBytes = 4;
constexpr std::size_t kMarkerBytes = 6;
}  // namespace

Result<ControlType> read_control_type(ByteView key) {
  if (key.size() < kKeyBytes) return fail(Errc::kCorrupt, fmt::format("a control key of {} bytes", key.size()));
  const auto version = load_be<std::int16_t>(key.data());
  if (version < 0) return fail(Errc::kCorrupt, fmt::format("a control key of version {}", version));
  const auto type = load_be<std::int16_t>(key.data() + kVersionBytes);
  if (type < 0 || type > static_cast<std::int16_t>(ControlType::kKraftVoters)) {
    return fail(Errc::kUnsupported, fmt::format("control records of type {}", type));
  }
  return static_cast<ControlType>(type);
}

Result<std::int32_t> read_marker_epoch(ByteView value) {
  if (value.size() < kMarkerBytes) return fail(Errc::kCorrupt, fmt::format("a marker of {} bytes", value.size()));
  const auto version = load_be<std::int16_t>(value.data());
  if (version < 0) return fail(Errc::kCorrupt, fmt::format("a marker of version {}", version));
  return load_be<std::int32_t>(value.data() + kVersionBytes);
}

Result<Bytes> build_control_batch(BatchOptions options, ControlType type, ByteView value, std::int64_t timestamp_ms) {
  const ControlEntry entry{type, Bytes(value.begin(), value.end())};
  return build_control_batch(options, {&entry, 1}, timestamp_ms);
}

Result<Bytes> build_control_batch(BatchOptions options, std::span<const ControlEntry> entries,
                                  std::int64_t timestamp_ms) {
  options.codec = Codec::kNone;
  options.control = true;
  BatchBuilder builder(options);
  for (const auto& entry : entries) {
    std::array<std::uint8_t, kKeyBytes> key{};
    store_be(key.data() + kVersionBytes, static_cast<std::int16_t>(entry.type));
    builder.append(
        NewRecord{.timestamp_ms = timestamp_ms, .key = ByteView(key), .value = ByteView(entry.value), .headers = {}});
  }
  return std::move(builder).build();
}

Result<Bytes> build_transaction_marker(BatchOptions options, ControlType type, std::int32_t coordinator_epoch,
                                       std::int64_t timestamp_ms) {
  options.transactional = true;
  std::array<std::uint8_t, kMarkerBytes> value{};
  store_be(value.data() + kVersionBytes, coordinator_epoch);
  return build_control_batch(options, type, value, timestamp_ms);
}

}  // namespace weir::record
