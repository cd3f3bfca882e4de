#include "config/settings_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "config/loader.h"
#include "config/topic_settings.h"

namespace weir::config {
namespace {

std::vector<const SettingRow*> all_rows() {
  std::vector<const SettingRow*> rows;
  for (const auto sections : {applied_settings(), kafka_settings_without_effect()}) {
    for (const auto& section : sections) {
      for (const auto& row : section.rows) rows.push_back(&row);
    }
  }
  return rows;
}

TEST(SettingsTable, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const auto* row : all_rows()) {
    EXPECT_TRUE(names.insert(row->name).second) << row->name;
    if (row->name.ends_with(".*")) continue;
    EXPECT_EQ(find_setting(row->name), row) << row->name;
  }
  EXPECT_EQ(setting_names().size(), names.size());
  EXPECT_EQ(find_setting("no.such.key"), nullptr);
  EXPECT_EQ(find_setting(""), nullptr);
}

TEST(SettingsTable, FindsTheKeysOfAFamily) {
  ASSERT_NE(find_setting("listener.name.internal.ssl.keystore.location"), nullptr);
  EXPECT_EQ(find_setting("listener.name.internal.ssl.keystore.location")->name, "listener.name.*");
  EXPECT_EQ(find_setting("zookeeper.connect")->effect, Effect::kRefused);
  EXPECT_EQ(find_setting("zookeeper.session.timeout.ms")->effect, Effect::kWithout);
  EXPECT_EQ(find_setting("listener.name."), nullptr);
}

TEST(SettingsTable, DefaultTextsParseAndEqualTheInitialisers) {
  const BrokerSettings untouched;
  for (const auto* row : all_rows()) {
    if (!row->default_text.has_value()) {
      const auto text = value_text(*row, untouched);
      EXPECT_TRUE(!text.has_value() || text->empty()) << row->name;
      continue;
    }
    const auto value = parse_value(row->rule, *row->default_text);
    ASSERT_TRUE(value.has_value()) << row->name << ": " << value.error().context;
    BrokerSettings assigned;
    assign(*row, *value, assigned);
    EXPECT_EQ(value_text(*row, assigned), value_text(*row, untouched)) << row->name;
    if (row->member.index() == 0) continue;
    EXPECT_EQ(value_text(*row, untouched), to_text(*value)) << row->name;
  }
}

TEST(SettingsTable, EveryMemberTakesItsValue) {
  // A value that differs from the default must come back, or the row points to the wrong member.
  std::set<std::string> seen;
  for (const auto* row : all_rows()) {
    if (row->member.index() == 0) continue;
    std::string text = "7";
    if (row->rule.type == ValueType::kBoolean) text = row->default_text == "true" ? "false" : "true";
    if (row->rule.type == ValueType::kInt || row->rule.type == ValueType::kLong) {
      text = std::to_string(std::max<std::int64_t>(row->rule.low, 7));
    }
    if (row->rule.type == ValueType::kDouble) text = "0.25";
    if (!row->rule.choices.empty()) {
      const auto last = row->rule.choices.substr(row->rule.choices.rfind('|') + 1);
      const auto first = row->rule.choices.substr(0, row->rule.choices.find('|'));
      text = std::string(last == row->default_text ? first : last);
    }
    const auto value = parse_value(row->rule, text);
    ASSERT_TRUE(value.has_value()) << row->name << ": " << value.error().context;
    BrokerSettings settings;
    assign(*row, *value, settings);
    EXPECT_EQ(value_text(*row, settings), to_text(*value)) << row->name;
    for (const auto* other : all_rows()) {
      if (other == row || other->member.index() == 0) continue;
      EXPECT_EQ(value_text(*other, settings), value_text(*other, BrokerSettings{}))
          << row->name << " and " << other->name;
    }
  }
}

TEST(SettingsTable, EveryRowSaysWhatItDoesOrWhyNot) {
  for (const auto* row : all_rows()) EXPECT_FALSE(row->text.empty()) << row->name;
}

TEST(SettingsTable, RefusedKeysHaveAHarmlessDefault) {
  for (const auto* row : all_rows()) {
    if (row->effect != Effect::kRefused || !row->default_text.has_value()) continue;
    EXPECT_EQ(row->harmless, *row->default_text) << row->name;
  }
}

TEST(SettingsTable, UnitsAreNamedWhereTheKeyDoesNotTell) {
  for (const auto* row : all_rows()) {
    const bool milliseconds = row->name.ends_with(".ms");
    EXPECT_EQ(row->unit == "ms", milliseconds || row->name.ends_with(".millis")) << row->name;
  }
}

TEST(SettingsTable, TheFileInConfigIsTheTemplate) {
  std::ifstream file("config/weir.yaml");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, settings_template()) << "write it anew: weir config template > config/weir.yaml";
}

TEST(SettingsTable, TheTemplateUncommentedIsTheDefaults) {
  // Every "#key: value" line made active must load without a word.
  std::string active;
  std::size_t begin = 0;
  std::size_t count = 0;
  const std::string text = settings_template();
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    const auto line = text.substr(begin, end - begin);
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
      active += line.substr(1) + '\n';
      ++count;
    }
    EXPECT_LE(line.size(), 120u) << line;
    begin = end + 1;
  }
  std::size_t applied_count = 0;
  for (const auto& section : applied_settings()) applied_count += section.rows.size();
  EXPECT_EQ(count, applied_count);
  const auto loaded = load_config_text("template", active, {});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().front();
  EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front();
  const BrokerSettings untouched;
  for (const auto* row : all_rows()) {
    EXPECT_EQ(value_text(*row, loaded->settings), value_text(*row, untouched)) << row->name;
  }
}

TEST(SettingsTable, EveryTopicSynonymIsABrokerKey) {
  for (const auto& row : topic_settings_table()) {
    std::string_view rest = row.synonyms;
    while (!rest.empty()) {
      const auto blank = rest.find(' ');
      EXPECT_NE(find_setting(rest.substr(0, blank)), nullptr) << row.name;
      rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
    }
  }
}

}  // namespace
}  // namespace weir::config
