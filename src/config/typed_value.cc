#include "config/typed_value.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace weir::config {
namespace {

// Spelled as Kafka does, in the order of the enumerators.
constexpr std::array<std::string_view, 6> kCompressionTypes = {"producer", "uncompressed", "gzip",
                                                               "snappy",   "lz4",          "zstd"};
constexpr std::array<std::string_view, 2> kTimestampTypes = {"CreateTime", "LogAppendTime"};
constexpr std::array<std::string_view, 2> kDurabilities = {"fsync", "page-cache"};
constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warn", "error"};

template <class Enum, std::size_t N>
void enum_from(const Value& value, const std::array<std::string_view, N>& names, Enum& member) {
  const auto& name = std::get<std::string>(value);
  const auto found = std::ranges::find(names, name);
  CHECK(found != names.end(), "a rule let '{}' through", name);
  member = static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(CompressionType type) {
  return kCompressionTypes[static_cast<std::size_t>(type)];
}
std::string_view to_string(MessageTimestampType type) {
  return kTimestampTypes[static_cast<std::size_t>(type)];
}
std::string_view to_string(Durability durability) {
  return kDurabilities[static_cast<std::size_t>(durability)];
}
std::string_view to_string(LogLevel level) {
  return kLogLevels[static_cast<std::size_t>(level)];
}

void from_value(const Value& value, CleanupPolicy& member) {
  const auto& names = std::get<std::vector<std::string>>(value);
  member.compact = std::ranges::find(names, "compact") != names.end();
  member.delete_old = std::ranges::find(names, "delete") != names.end();
}

void from_value(const Value& value, CompressionType& member) {
  enum_from(value, kCompressionTypes, member);
}
void from_value(const Value& value, MessageTimestampType& member) {
  enum_from(value, kTimestampTypes, member);
}
void from_value(const Value& value, Durability& member) {
  enum_from(value, kDurabilities, member);
}
void from_value(const Value& value, LogLevel& member) {
  enum_from(value, kLogLevels, member);
}

Value to_value(CleanupPolicy member) {
  std::vector<std::string> names;
  if (member.compact) names.emplace_back("compact");
  if (member.delete_old) names.emplace_back("delete");
  return names;
}

}  // namespace weir::config
