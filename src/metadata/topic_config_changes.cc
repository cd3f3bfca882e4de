// What a change of topics' configs leads to: Kafka's ConfigurationControlManager.incrementalAlterConfigs.
#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <string_view>
#include <utility>

#include "config/topic_settings.h"
#include "metadata/machine.h"
#include "model/topic_name.h"

namespace weir::metadata {
namespace {

constexpr std::size_t kValueBytesMax = 32767;

struct Refusal {
  ErrorCode error;
  std::string message;
};

const config::TopicSettingRow* find_list_row(std::string_view key, std::int16_t metadata_version) {
  if (!config::topic_key_known(key, metadata_version)) return nullptr;
  const auto table = config::topic_settings_table();
  const auto row = std::ranges::find(table, key, &config::TopicSettingRow::name);
  return row->rule.type == config::ValueType::kList ? &*row : nullptr;
}

// As Java's String.split: empty parts at the end don't count, though a text without commas is one part.
std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

// The list that the topic has, or that a topic has by default, with parts added or taken away.
std::string changed_list(std::string_view present, const ConfigChange& change) {
  auto list = split_at_commas(present);
  std::erase(list, "");
  for (auto& part : split_at_commas(*change.value)) {
    const auto found = std::ranges::find(list, part);
    if (change.operation == ConfigChange::Operation::kAppend) {
      if (found == list.end()) list.push_back(std::move(part));
    } else if (found != list.end()) {
      list.erase(found);
    }
  }
  return fmt::format("{}", fmt::join(list, ","));
}

std::expected<std::optional<std::string>, Refusal> value_after(const ConfigChange& change,
                                                               const std::optional<std::string>& present,
                                                               std::int16_t metadata_version) {
  using enum ConfigChange::Operation;
  if (change.operation == kSet) return change.value;
  if (change.operation == kDelete) return std::nullopt;
  const auto* row = find_list_row(change.key, metadata_version);
  if (row == nullptr) {
    const auto* verb = change.operation == kAppend ? "append to" : "subtract from";
    return std::unexpected(
        Refusal{ErrorCode::kInvalidConfig, fmt::format("Can't {} {}: it is not a list", verb, change.key)});
  }
  return changed_list(present ? std::string_view(*present) : row->default_text, change);
}

// In Kafka's order: the name, the configs as they would be, then whether there is such a topic.
std::optional<Refusal> check(const std::string& topic, const config::TopicOverrides& after, const Image& image,
                             const config::BrokerSettings& settings) {
  if (topic.empty()) return Refusal{ErrorCode::kInvalidRequest, "There are no defaults of all topics to change"};
  if (auto problem = topic_name_problem(topic)) return Refusal{ErrorCode::kInvalidTopicException, std::move(*problem)};
  for (const auto& [key, value] : after) {
    if (!config::topic_key_known(key, image.metadata_version())) {
      return Refusal{ErrorCode::kInvalidConfig, fmt::format("Unknown topic config name: {}", key)};
    }
  }
  if (auto resolved = config::resolve_topic_settings(settings, after); !resolved) {
    return Refusal{ErrorCode::kInvalidConfig, std::move(resolved.error().context)};
  }
  if (image.topic(topic) == nullptr) {
    return Refusal{ErrorCode::kUnknownTopicOrPartition, fmt::format("The topic '{}' does not exist.", topic)};
  }
  return std::nullopt;
}

std::expected<Records, Refusal> change_topic(const TopicConfigChanges& asked, const Image& image,
                                             const config::BrokerSettings& settings) {
  const auto topic = image.topic(asked.topic);
  config::TopicOverrides after;
  if (topic != nullptr) after.insert(topic->configs->begin(), topic->configs->end());
  Records records;
  bool has_long_value = false;
  for (const auto& change : asked.changes) {
    const auto found = after.find(change.key);
    const auto present = found == after.end() ? std::nullopt : std::optional(found->second);
    auto value = value_after(change, present, image.metadata_version());
    if (!value) return std::unexpected(std::move(value).error());
    if (*value == present) continue;
    has_long_value = has_long_value || (*value && (*value)->size() > kValueBytesMax);
    protocol::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(ConfigResourceType::kTopic);
    record.resource_name = asked.topic;
    record.name = change.key;
    record.value = *value;
    records.emplace_back(std::move(record));
    if (*value) {
      after.insert_or_assign(change.key, **value);
    } else {
      after.erase(change.key);
    }
  }
  if (has_long_value) {
    return std::unexpected(
        Refusal{ErrorCode::kInvalidConfig, fmt::format("A value may have {} bytes at most", kValueBytesMax)});
  }
  if (auto refusal = check(asked.topic, after, image, settings)) return std::unexpected(std::move(*refusal));
  return records;
}

}  // namespace

std::vector<ChangedTopicConfigs> refuse_all(const ChangeTopicConfigs& command, ErrorCode error,
                                            const std::string& message) {
  std::vector<ChangedTopicConfigs> answers;
  for (const auto& topic : command.topics) {
    answers.push_back({.topic = topic.topic, .error = error, .message = message});
  }
  return answers;
}

Decision<std::vector<ChangedTopicConfigs>> decide(const ChangeTopicConfigs& command, const Image& image,
                                                  const config::BrokerSettings& settings) {
  Decision<std::vector<ChangedTopicConfigs>> decision;
  for (const auto& topic : command.topics) {
    auto records = change_topic(topic, image, settings);
    if (!records) {
      auto refusal = std::move(records).error();
      decision.answer.push_back({.topic = topic.topic, .error = refusal.error, .message = std::move(refusal.message)});
      continue;
    }
    decision.answer.push_back({.topic = topic.topic, .error = ErrorCode::kNone, .message = std::nullopt});
    decision.records.insert(decision.records.end(), std::move_iterator(records->begin()),
                            std::move_iterator(records->end()));
  }
  if (decision.records.size() > kConfigRecordsMax) {
    decision.records.clear();
    decision.answer = refuse_all(command, ErrorCode::kPolicyViolation,
                                 fmt::format("One request may change {} configs at most", kConfigRecordsMax));
  }
  if (command.validate_only) decision.records.clear();
  return decision;
}

}  // namespace weir::metadata
