#include "config/yaml_source.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

std::vector<std::string> errors_of(std::string_view text) {
  return read_yaml("f", text).errors;
}

TEST(YamlSource, FlattensNestedKeysAndKeepsPlaces) {
  const auto document = read_yaml("weir.yaml",
                                  "# a comment\n"
                                  "node.id: 7\n"
                                  "log:\n"
                                  "  segment:\n"
                                  "    bytes: 1048576\n"
                                  "  dirs: [a, \"b\"]\n"
                                  "weir.http.listen: off\n"
                                  "broker.rack:\n");
  ASSERT_TRUE(document.errors.empty()) << document.errors.front();
  ASSERT_EQ(document.settings.size(), 5u);
  EXPECT_EQ(document.settings[0].key, "node.id");
  EXPECT_EQ(document.settings[0].text, "7");
  EXPECT_EQ(document.settings[0].key_place, "weir.yaml:2:1");
  EXPECT_EQ(document.settings[0].value_place, "weir.yaml:2:10");
  EXPECT_EQ(document.settings[1].key, "log.segment.bytes");
  EXPECT_EQ(document.settings[1].key_place, "weir.yaml:5:5");
  EXPECT_EQ(document.settings[1].value_place, "weir.yaml:5:12");
  EXPECT_EQ(document.settings[2].text, "a,b");
  EXPECT_EQ(document.settings[3].text, "off");
  EXPECT_TRUE(document.settings[4].is_null);
  EXPECT_EQ(document.settings[4].value_place, "weir.yaml:8:1");
}

TEST(YamlSource, AnEmptyFileSaysNothing) {
  for (const auto* text : {"", "\n# nothing\n", "---\n", "{}"}) {
    const auto document = read_yaml("f", text);
    EXPECT_TRUE(document.errors.empty()) << text;
    EXPECT_TRUE(document.settings.empty()) << text;
  }
}

TEST(YamlSource, ReportsTwiceSetKeysHoweverSpelled) {
  EXPECT_EQ(
      errors_of("a.b: 1\na: {b: 2}\na.b: 3\n"),
      (std::vector<std::string>{"f:2:5: a.b: set twice, first at f:1:1", "f:3:1: a.b: set twice, first at f:1:1"}));
}

TEST(YamlSource, ReportsWhatIsNotALineOfKeyAndValue) {
  EXPECT_EQ(errors_of("just text"), std::vector<std::string>{"f:1:1: the file must hold KEY: VALUE lines"});
  EXPECT_EQ(errors_of("- a\n"), std::vector<std::string>{"f:1:1: the file must hold KEY: VALUE lines"});
  EXPECT_EQ(errors_of("a: [1, {b: 2}]\n"), std::vector<std::string>{"f:1:8: a: a list holds plain texts"});
  EXPECT_EQ(errors_of("? [a]\n: 1\n"), std::vector<std::string>{"f:1:3: a key must be plain text"});
  EXPECT_EQ(errors_of("a: 1\n---\nb: 2\n"), std::vector<std::string>{"f: the file holds 2 documents, not one"});
}

TEST(YamlSource, ReportsSyntaxErrorsWithTheirPlace) {
  const auto errors = errors_of("a: 1\nb: [1\nc: 2\n");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_TRUE(errors.front().starts_with("f:3:2: not YAML: ")) << errors.front();
}

TEST(YamlSource, BoundsAliasesAndNesting) {
  // Each line doubles what the one before it means: 2^40 values if they were all visited.
  std::string bomb = "a0: &a0 {x: 1, y: 2}\n";
  for (int i = 1; i <= 14; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {";
    for (int k = 0; k < 8; ++k) {
      bomb += (k == 0 ? "" : ", ") + std::string(1, static_cast<char>('a' + k)) + ": *a" + std::to_string(i - 1);
    }
    bomb += "}\n";
  }
  const auto document = read_yaml("f", bomb);
  ASSERT_FALSE(document.errors.empty());
  EXPECT_EQ(document.errors.front(), "f: the file has over 10000 values");
  EXPECT_LE(document.settings.size(), 10000u);

  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{a: ";
  deep += "1";
  for (int i = 0; i < 40; ++i) deep += "}";
  EXPECT_EQ(errors_of(deep).size(), 1u);
  EXPECT_TRUE(errors_of(deep).front().ends_with("nested too deeply"));
}

TEST(YamlSource, SurvivesAnAliasOfItself) {
  const auto document = read_yaml("f", "a: &a {b: *a}\n");
  EXPECT_FALSE(document.errors.empty());
}

}  // namespace
}  // namespace weir::config
