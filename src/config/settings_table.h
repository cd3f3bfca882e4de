// The one table of broker settings: what each key is called, may be and does. It drives the loader's checks,
// config/weir.yaml (a test compares) and later DescribeConfigs. Constant; any thread.
//
// Always: names are unique; a row's default text parses under its own rule, and where the row has a member, equals that
// member's initialiser (tests hold both).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "config/broker_settings.h"
#include "config/value.h"

namespace weir::config {

// What a key does in this version. Said honestly: kApplied only where code acts on it.
enum class Effect : std::uint8_t {
  kApplied,
  kMustDescribeWeir,  // accepted where it states what Weir is anyway (settings_checks.h), otherwise refused
  kWithout,           // a Kafka key that changes nothing here: one warning with the reason
  kRefused,           // asks for protection or a role that Weir lacks: any value but the harmless ones stops the start
};

struct SettingRow {
  using Member =
      std::variant<std::monostate, bool BrokerSettings::*, std::int32_t BrokerSettings::*,
                   std::int64_t BrokerSettings::*, double BrokerSettings::*, std::string BrokerSettings::*,
                   std::optional<std::int32_t> BrokerSettings::*, std::optional<std::int64_t> BrokerSettings::*,
                   std::optional<std::string> BrokerSettings::*, std::vector<std::string> BrokerSettings::*,
                   CleanupPolicy BrokerSettings::*, CompressionType BrokerSettings::*,
                   MessageTimestampType BrokerSettings::*, Durability BrokerSettings::*, LogLevel BrokerSettings::*>;

  std::string_view name;
  Effect effect = Effect::kApplied;
  ValueRule rule;
  std::optional<std::string_view> default_text;  // as a file would spell it; nullopt: unset
  std::string_view unit = {};                    // "bytes", "ms", ...; empty: a bare number or no number
  bool reloadable = false;                       // Kafka lets it change while the broker runs
  std::string_view harmless = {};                // kRefused: "a|b", the values that ask for nothing; the default is one
  std::string_view text = {};                    // kApplied, kMustDescribeWeir: what it does; else the reason why not
  Member member = std::monostate{};
};

// A run of rows with a heading, as config/weir.yaml shows them.
struct SettingSection {
  std::string_view title;
  std::span<const SettingRow> rows;
};

// Keys with an effect, in the order of config/weir.yaml.
[[nodiscard]] std::span<const SettingSection> applied_settings();

// Kafka's other broker keys, by subject; defined in kafka_keys_table.cc.
[[nodiscard]] std::span<const SettingSection> kafka_settings_without_effect();

// Null when no row has that name. Keys of a family (listener.name.*) are found by their prefix.
[[nodiscard]] const SettingRow* find_setting(std::string_view name);

// Every row's name, families included ("listener.name.*").
[[nodiscard]] std::vector<std::string_view> setting_names();

// Sets the row's member. `value` came from parse_value with the row's rule. Nothing happens for a row without a member.
void assign(const SettingRow& row, const Value& value, BrokerSettings& settings);

// The row's value in `settings` as text; nullopt when unset. A row without a member has its default.
[[nodiscard]] std::optional<std::string> value_text(const SettingRow& row, const BrokerSettings& settings);

// config/weir.yaml: every key with an effect as a comment with its default, then the names of the others.
[[nodiscard]] std::string settings_template();

}  // namespace weir::config
