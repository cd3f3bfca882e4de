// A YAML document as flat settings: "log: {segment.bytes: 1}" and "log.segment.bytes: 1" are the same. Knows YAML and
// nothing of what the keys mean. Pure; any thread.
//
// Always: time and memory stay bounded whatever the document holds (aliases within aliases, deep nesting).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

struct YamlSetting {
  std::string key;
  std::string text;       // a scalar as written, a list joined by commas
  bool is_null = false;   // a key without a value
  std::string key_place;  // "file:line:column", from 1
  std::string value_place;
};

struct YamlDocument {
  std::vector<YamlSetting> settings;  // in order
  std::vector<std::string> errors;    // "file:line:column: what is wrong"
};

[[nodiscard]] YamlDocument read_yaml(std::string_view file_name, std::string_view text);

}  // namespace weir::config
