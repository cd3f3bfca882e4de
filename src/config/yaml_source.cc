#include "config/yaml_source.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <utility>

namespace weir::config {
namespace {

constexpr int kDepthMax = 16;
constexpr std::size_t kNodesMax = 10000;

class Flattener {
 public:
  Flattener(std::string_view file_name, YamlDocument& document) : file_name_(file_name), document_(document) {}

  void flatten(const YAML::Node& root) {
    if (root.IsNull()) return;
    if (!root.IsMap()) {
      complain(place(root.Mark()), "the file must hold KEY: VALUE lines");
      return;
    }
    add_map(root, "", 0);
  }

 private:
  [[nodiscard]] std::string place(const YAML::Mark& mark) const {
    if (mark.is_null()) return std::string(file_name_);
    return fmt::format("{}:{}:{}", file_name_, mark.line + 1, mark.column + 1);
  }

  void complain(const std::string& at, std::string_view what) {
    document_.errors.push_back(fmt::format("{}: {}", at, what));
  }

  // False, with one complaint, once the document is over the limit.
  bool count_node() {
    ++node_count_;
    if (node_count_ == kNodesMax + 1) complain(std::string(file_name_), "the file has over 10000 values");
    return node_count_ <= kNodesMax;
  }

  void add_map(const YAML::Node& map, const std::string& prefix, int depth) {
    for (const auto& entry : map) {
      if (!count_node()) return;
      const auto at = place(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        complain(at, "a key must be plain text");
        continue;
      }
      const std::string key = prefix + entry.first.Scalar();
      if (entry.second.IsMap()) {
        if (depth + 1 >= kDepthMax) {
          complain(at, "nested too deeply");
          continue;
        }
        add_map(entry.second, key + ".", depth + 1);
        continue;
      }
      add_value(key, at, entry.second);
    }
  }

  void add_value(const std::string& key, const std::string& key_place, const YAML::Node& node) {
    const auto [first, is_new] = first_places_.try_emplace(key, key_place);
    if (!is_new) {
      complain(key_place, fmt::format("{}: set twice, first at {}", key, first->second));
      return;
    }
    YamlSetting setting{.key = key, .text = {}, .is_null = node.IsNull(), .key_place = key_place, .value_place = {}};
    setting.value_place = node.IsNull() || node.Mark().is_null() ? key_place : place(node.Mark());
    if (node.IsScalar()) setting.text = node.Scalar();
    if (node.IsSequence() && !join(key, node, setting.text)) return;
    document_.settings.push_back(std::move(setting));
  }

  bool join(const std::string& key, const YAML::Node& sequence, std::string& text) {
    bool first = true;
    for (const auto& element : sequence) {
      if (!count_node()) return false;
      if (!element.IsScalar()) {
        complain(place(element.Mark()), fmt::format("{}: a list holds plain texts", key));
        return false;
      }
      if (!std::exchange(first, false)) text += ',';
      text += element.Scalar();
    }
    return true;
  }

  std::string_view file_name_;
  YamlDocument& document_;
  std::map<std::string, std::string, std::less<>> first_places_;
  std::size_t node_count_ = 0;
};

}  // namespace

YamlDocument read_yaml(std::string_view file_name, std::string_view text) {
  YamlDocument document;
  try {
    const auto roots = YAML::LoadAll(std::string(text));
    if (roots.size() > 1) {
      document.errors.push_back(fmt::format("{}: the file holds {} documents, not one", file_name, roots.size()));
      return document;
    }
    if (!roots.empty()) Flattener(file_name, document).flatten(roots.front());
  } catch (const YAML::Exception& error) {
    // yaml-cpp reports by exceptions; they end here.
    document.errors.push_back(
        error.mark.is_null()
            ? fmt::format("{}: not YAML: {}", file_name, error.msg)
            : fmt::format("{}:{}:{}: not YAML: {}", file_name, error.mark.line + 1, error.mark.column + 1, error.msg));
  }
  return document;
}

}  // namespace weir::config
