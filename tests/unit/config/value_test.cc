#include "config/value.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

constexpr ValueRule kInt{.type = ValueType::kInt};
constexpr ValueRule kLong{.type = ValueType::kLong, .low = -1};
constexpr ValueRule kPolicy{.type = ValueType::kList, .choices = "compact|delete"};
constexpr ValueRule kReplicas{.type = ValueType::kList, .replica_list = true};
constexpr ValueRule kRatio{.type = ValueType::kDouble, .low = 0, .high = 1};
constexpr ValueRule kGzipLevel{.type = ValueType::kInt, .low = 1, .high = 9, .or_minus_one = true};
constexpr ValueRule kBoolean{.type = ValueType::kBoolean};
constexpr ValueRule kCodec{.type = ValueType::kString, .choices = "gzip|zstd"};

struct Case {
  ValueRule rule;
  std::string_view text;
  std::string_view expected;  // the value as text, or "!" when it is refused
};

// What Apache Kafka 4.4's own parser (ConfigDef, LogConfig.validate) answered for the same texts.
constexpr Case kCases[] = {
    {kLong, "+5", "5"},
    {kLong, " 5 ", "5"},
    {kLong, "-0", "0"},
    {kLong, "-1", "-1"},
    {kLong, "-2", "!"},
    {kLong, "5L", "!"},
    {kLong, "0x5", "!"},
    {kLong, "1e3", "!"},
    {kLong, "1_000", "!"},
    {kLong, "", "!"},
    {kLong, "+", "!"},
    {kLong, "+-5", "!"},
    {kLong, "9223372036854775807", "9223372036854775807"},
    {kLong, "9223372036854775808", "!"},
    {kInt, "2147483647", "2147483647"},
    {kInt, "2147483648", "!"},
    {kInt, "-2147483649", "!"},
    {kGzipLevel, "-1", "-1"},
    {kGzipLevel, "0", "!"},
    {kGzipLevel, "1", "1"},
    {kGzipLevel, "9", "9"},
    {kGzipLevel, "10", "!"},
    {kBoolean, "TRUE", "true"},
    {kBoolean, " false", "false"},
    {kBoolean, "yes", "!"},
    {kBoolean, "", "!"},
    {kRatio, ".5", "0.5"},
    {kRatio, "5e-1", "0.5"},
    {kRatio, "1", "1.0"},
    {kRatio, "1.1", "!"},
    {kRatio, "-0.1", "!"},
    {kRatio, "", "!"},
    {kRatio, "inf", "!"},
    {kCodec, " gzip ", "gzip"},
    {kCodec, "GZIP", "!"},
    {kCodec, "none", "!"},
    {kCodec, "", "!"},
    {kPolicy, "", ""},
    {kPolicy, "  ", ""},
    {kPolicy, " delete , compact ", "delete,compact"},
    {kPolicy, "delete,delete", "delete"},
    {kPolicy, ",", "!"},
    {kPolicy, "delete,", "!"},
    {kPolicy, "Delete", "!"},
    {kReplicas, "*", "*"},
    {kReplicas, "0:1, 1:2", "0:1,1:2"},
    {kReplicas, "0:1,0:1", "0:1,0:1"},
    {kReplicas, "", ""},
    {kReplicas, "0:1,", "0:1"},
    {kReplicas, "none", "!"},
    {kReplicas, "a:b", "!"},
    {kReplicas, "-1:1", "!"},
    {kReplicas, "*,0:1", "!"},
    {kReplicas, "0:", "!"},
};

TEST(Value, ParsesAsKafkaDoes) {
  for (const auto& test : kCases) {
    const auto value = parse_value(test.rule, test.text);
    EXPECT_EQ(value.has_value() ? to_text(*value) : "!", test.expected) << "'" << test.text << "'";
  }
}

TEST(Value, RefusesJavaOnlyNotationsOfDoubles) {
  for (const auto* text : {"0.5d", "NaN", "nan", "0x1p-1"}) {
    EXPECT_FALSE(parse_value(kRatio, text).has_value()) << text;
  }
}

TEST(Value, SaysWhatWouldBeRight) {
  const auto context = [](const ValueRule& rule, std::string_view text) {
    return parse_value(rule, text).error().context;
  };
  EXPECT_EQ(context(kGzipLevel, "x"), "'x' is not a whole number from 1 to 9 or -1");
  EXPECT_EQ(context(kLong, "x"), "'x' is not a whole number from -1 up");
  EXPECT_EQ(context({.type = ValueType::kInt, .low = 1}, "x"), "'x' is not a whole number from 1 to 2147483647");
  EXPECT_EQ(context(kRatio, "2"), "'2' is not a number from 0 to 1");
  EXPECT_EQ(context(kCodec, "lz5"), "'lz5' is not one of gzip, zstd");
  EXPECT_EQ(context(kBoolean, "maybe"), "'maybe' is not true or false");
  EXPECT_EQ(context(kPolicy, "x"), "'x' is not a list of compact, delete");
  EXPECT_EQ(context(kReplicas, "x"), "'x' is not '*' or a list of PARTITION:BROKER pairs");
}

TEST(Value, MatchesChoicesInAnyCaseWhereTheRuleSaysSo) {
  const ValueRule rule{.type = ValueType::kString, .choices = "UPGRADE|DOWNGRADE", .any_case = true};
  EXPECT_EQ(to_text(*parse_value(rule, "upgrade")), "UPGRADE");
  EXPECT_FALSE(parse_value(rule, "up").has_value());
}

TEST(Value, KeepsAShortWithinSixteenBits) {
  EXPECT_TRUE(parse_value({.type = ValueType::kShort}, "32767").has_value());
  EXPECT_FALSE(parse_value({.type = ValueType::kShort}, "32768").has_value());
}

TEST(Value, SplitsListsAtCommasOnly) {
  EXPECT_EQ(split_list("a, b c ,,d"), (std::vector<std::string>{"a", "b c", "", "d"}));
  EXPECT_TRUE(split_list(" \t").empty());
}

}  // namespace
}  // namespace weir::config
