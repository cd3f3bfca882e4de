#include "config/loader.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>

#include "config/settings_checks.h"
#include "config/settings_table.h"
#include "config/suggest.h"
#include "config/topic_settings.h"
#include "config/yaml_source.h"

namespace weir::config {
namespace {

constexpr std::size_t kFileBytesMax = 1048576;

// A key with its text, from wherever.
struct RawSetting {
  std::string key;
  std::string text;
  SettingSource source;
  std::string key_place;
  std::string value_place;
};

// What `--set` and `weir.yaml` can't know better: the setting that was meant.
std::string hint_for(std::string_view key) {
  for (const auto& row : topic_settings_table()) {
    if (row.name != key || row.synonyms.empty()) continue;
    const auto synonym = row.synonyms.substr(0, row.synonyms.find(' '));
    return fmt::format("; it is a topic's setting, whose default for all topics is {}", synonym);
  }
  const auto names = setting_names();
  const auto meant = nearest(key, names);
  return meant.has_value() ? fmt::format("; did you mean {}?", *meant) : std::string();
}

bool is_harmless(const SettingRow& row, const std::string& text) {
  std::string_view rest = row.harmless;
  while (true) {
    const auto bar = rest.find('|');
    if (rest.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) return false;
    rest.remove_prefix(bar + 1);
  }
}

class Loader {
 public:
  explicit Loader(bool allow_unknown) : allow_unknown_(allow_unknown) {}

  void read_file(std::string_view file_name, std::string_view yaml) {
    auto document = read_yaml(file_name, yaml);
    for (auto& error : document.errors) errors_.push_back(std::move(error));
    for (auto& setting : document.settings) {
      if (setting.is_null) {
        on_null(setting);
        continue;
      }
      raw_.push_back({.key = std::move(setting.key),
                      .text = std::move(setting.text),
                      .source = SettingSource::kFile,
                      .key_place = std::move(setting.key_place),
                      .value_place = std::move(setting.value_place)});
    }
  }

  void read_assignment(const Assignment& assignment) {
    const auto equals = assignment.text.find('=');
    if (equals == std::string::npos || equals == 0) {
      errors_.push_back(fmt::format("{}: '{}' is not of the form KEY=VALUE", assignment.place, assignment.text));
      return;
    }
    raw_.push_back({.key = std::string(trimmed(std::string_view(assignment.text).substr(0, equals))),
                    .text = assignment.text.substr(equals + 1),
                    .source = SettingSource::kCommandLine,
                    .key_place = assignment.place,
                    .value_place = assignment.place});
  }

  std::expected<LoadedConfig, LoadErrors> finish() && {
    // The last one of a key has the effect; the ones before it must be right all the same.
    std::map<std::string, const RawSetting*, std::less<>> last;
    for (const auto& raw : raw_) last.insert_or_assign(raw.key, &raw);
    for (const auto& raw : raw_) take(raw, last.find(raw.key)->second == &raw);
    check_together();
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return std::move(loaded_);
  }

 private:
  void refuse(const std::string& place, std::string_view key, std::string_view what) {
    errors_.push_back(fmt::format("{}: {}: {}", place, key, what));
    bad_keys_.emplace(key);
  }

  void on_null(const YamlSetting& setting) {
    const auto* row = find_setting(setting.key);
    if (row == nullptr) {
      on_unknown(setting.key, setting.key_place);
      return;
    }
    // No value where none is the default: nothing was said.
    if (!row->default_text.has_value() || row->default_text->empty()) return;
    refuse(setting.key_place, setting.key, fmt::format("there is no value; it takes {}", describe(row->rule)));
  }

  void on_unknown(const std::string& key, const std::string& place) {
    const auto line = fmt::format("{}: {}: no such setting{}", place, key, hint_for(key));
    if (allow_unknown_) {
      loaded_.warnings.push_back(line);
    } else {
      errors_.push_back(line);
    }
  }

  void take(const RawSetting& raw, bool is_last) {
    const auto* row = find_setting(raw.key);
    if (row == nullptr) {
      on_unknown(raw.key, raw.key_place);
      return;
    }
    const auto value = parse_value(row->rule, raw.text);
    if (!value.has_value()) {
      refuse(raw.value_place, raw.key, value.error().context);
      return;
    }
    if (!is_last) return;
    if (row->effect == Effect::kRefused && !is_harmless(*row, to_text(*value))) {
      refuse(raw.value_place, raw.key, fmt::format("refused: {}", row->text));
      return;
    }
    if (row->effect == Effect::kWithout) {
      loaded_.warnings.push_back(fmt::format("{}: {} has no effect: {}", raw.key_place, raw.key, row->text));
    }
    assign(*row, *value, loaded_.settings);
    const bool secret = row->rule.type == ValueType::kPassword;
    loaded_.explicit_keys.insert_or_assign(
        raw.key, SettingOrigin{.source = raw.source, .place = raw.value_place, .text = secret ? "" : raw.text});
  }

  void check_together() {
    auto outcome = check_settings(loaded_.settings);
    for (const auto& error : outcome.errors) {
      // A key that is wrong by itself has its default here, which proves nothing.
      if (bad_keys_.contains(error.key)) continue;
      errors_.push_back(fmt::format("{}: {}: {}", place_of(error.key), error.key, error.text));
    }
    for (const auto& warning : outcome.warnings) {
      loaded_.warnings.push_back(fmt::format("{}: {}: {}", place_of(warning.key), warning.key, warning.text));
    }
    loaded_.listeners = std::move(outcome.listeners);
    loaded_.advertised = std::move(outcome.advertised);
    loaded_.http = std::move(outcome.http);
  }

  [[nodiscard]] std::string place_of(std::string_view key) const {
    const auto found = loaded_.explicit_keys.find(key);
    return found == loaded_.explicit_keys.end() ? "default" : found->second.place;
  }

  bool allow_unknown_;
  std::vector<RawSetting> raw_;
  std::set<std::string, std::less<>> bad_keys_;
  LoadErrors errors_;
  LoadedConfig loaded_;
};

std::expected<std::string, std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || !file.is_open() || (file.fail() && !file.eof())) {
    return std::unexpected(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) return std::unexpected(fmt::format("{}: larger than 1 MiB", path));
  return text;
}

}  // namespace

std::expected<LoadedConfig, LoadErrors> load_config_text(std::string_view file_name, std::string_view yaml,
                                                         const LoadRequest& request) {
  Loader loader(request.allow_unknown);
  loader.read_file(file_name, yaml);
  for (const auto& assignment : request.assignments) loader.read_assignment(assignment);
  return std::move(loader).finish();
}

std::expected<LoadedConfig, LoadErrors> load_config(const LoadRequest& request) {
  if (!request.file.has_value()) return load_config_text("", "", request);
  const auto text = read_text(*request.file);
  if (text.has_value()) return load_config_text(*request.file, *text, request);
  // What --set got wrong is told as well.
  LoadErrors errors = {text.error()};
  if (auto rest = load_config_text("", "", request); !rest.has_value()) {
    errors.insert(errors.end(), rest.error().begin(), rest.error().end());
  }
  return std::unexpected(std::move(errors));
}

}  // namespace weir::config
