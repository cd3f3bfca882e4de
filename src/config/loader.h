// From a YAML file and --set assignments to BrokerSettings: defaults, then the file, then --set. Everything that is
// wrong is reported at once, each with its place and, for a key nobody knows, the nearest known one.
//
// Called once, at start, on the main thread; reads the file with blocking calls.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_settings.h"
#include "config/listener.h"

namespace weir::config {

enum class SettingSource : std::uint8_t { kDefault, kFile, kCommandLine };

// Where somebody set a key.
struct SettingOrigin {
  SettingSource source = SettingSource::kDefault;
  std::string place;  // of the value: "weir.yaml:12:3" (line and column from 1), "--set"
  std::string text;   // the value as it was written; empty for a password
};

// One setting from the command line.
struct Assignment {
  std::string text;             // "key=value"
  std::string place = "--set";  // the option that it came from
};

struct LoadRequest {
  std::optional<std::string> file;      // none: defaults and assignments only
  std::vector<Assignment> assignments;  // in order; the last of a key counts
  bool allow_unknown = false;           // unknown keys warn
};

struct LoadedConfig {
  BrokerSettings settings;
  std::vector<Listener> listeners;    // what to listen on, without the controller's; one entry in this version
  std::vector<Listener> advertised;   // by listener name; empty: answer with the address that the client reached
  std::optional<HostPort> http;       // nullopt: weir.http.listen is off
  std::vector<std::string> warnings;  // one line each, in order of appearance
  std::map<std::string, SettingOrigin, std::less<>> explicit_keys;  // what the file or --set named and Weir knows

  // Whether the file or --set named `key`.
  [[nodiscard]] bool is_explicit(std::string_view key) const { return explicit_keys.contains(key); }
};

// One line each, "PLACE: KEY: what is wrong"; PLACE is where the value stands, or the key when nobody knows it.
using LoadErrors = std::vector<std::string>;

[[nodiscard]] std::expected<LoadedConfig, LoadErrors> load_config(const LoadRequest& request);

// The same with the file's text given; `file_name` stands in the places.
[[nodiscard]] std::expected<LoadedConfig, LoadErrors> load_config_text(std::string_view file_name,
                                                                       std::string_view yaml,
                                                                       const LoadRequest& request);

}  // namespace weir::config
