#include "cli/commands.h"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <vector>

#include "config/settings_table.h"

namespace weir::cli {
namespace {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
  std::optional<config::LoadedConfig> served;
};

// Runs a command line against a broker that only remembers what it was given, and ends with `serve_code`.
Outcome run_line(std::vector<const char*> words, int serve_code = 0) {
  words.insert(words.begin(), "weir");
  Outcome outcome;
  std::ostringstream out;
  std::ostringstream err;
  const auto serve = [&](const config::LoadedConfig& config) {
    outcome.served = config;
    return serve_code;
  };
  outcome.code = run(static_cast<int>(words.size()), words.data(), {.out = out, .err = err, .serve = serve});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

TEST(Commands, ServeWithoutAnythingServesTheDefaults) {
  const auto outcome = run_line({"serve"});
  EXPECT_EQ(outcome.code, 0);
  ASSERT_TRUE(outcome.served.has_value());
  EXPECT_EQ(config::to_string(outcome.served->listeners.front().address), "127.0.0.1:9092");
  EXPECT_EQ(outcome.out, "");
}

TEST(Commands, ServeReturnsTheBrokersCode) {
  EXPECT_EQ(run_line({"serve"}, 1).code, 1);
}

TEST(Commands, OptionsOfServeBecomeSettings) {
  const auto outcome = run_line({"serve", "--set", "num.partitions=3", "--data", "/d", "--listen", "[::1]:0", "--http",
                                 "off", "--set=log.dirs=/other", "--set", "num.partitions=4"});
  ASSERT_TRUE(outcome.served.has_value()) << outcome.err;
  EXPECT_EQ(outcome.served->settings.num_partitions, 4);
  EXPECT_EQ(config::metadata_directory(outcome.served->settings), "/d");
  EXPECT_EQ(config::to_string(outcome.served->listeners.front().address), "[::1]:0");
  EXPECT_EQ(outcome.served->http, std::nullopt);
  EXPECT_TRUE(outcome.served->is_explicit("weir.http.listen"));
  EXPECT_EQ(outcome.served->explicit_keys.find("log.dirs")->second.place, "--data");
}

TEST(Commands, AValueInBracketsStaysAsItIs) {
  const auto outcome = run_line({"serve", "--set", "broker.rack=[a,b]"});
  ASSERT_TRUE(outcome.served.has_value()) << outcome.err;
  EXPECT_EQ(outcome.served->settings.broker_rack, "[a,b]");
}

TEST(Commands, AWrongConfigurationFailsWithOneLineAnError) {
  const auto outcome = run_line({"serve", "--listen", "nowhere", "--set", "num.partitoins=1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_FALSE(outcome.served.has_value());
  EXPECT_EQ(outcome.err,
            "--set: num.partitoins: no such setting; did you mean num.partitions?\n"
            "--listen: listeners: 'nowhere' has no port; write HOST:PORT\n");
}

TEST(Commands, UnknownSettingsPassWhenAllowed) {
  const auto outcome = run_line({"serve", "--allow-unknown", "--set", "num.partitoins=1"});
  EXPECT_EQ(outcome.code, 0);
  ASSERT_TRUE(outcome.served.has_value());
  EXPECT_EQ(outcome.served->warnings.size(), 1u);
}

TEST(Commands, AWrongCommandLineIsAUsageError) {
  struct Case {
    std::vector<const char*> words;
    std::string_view says;
  };
  const Case cases[] = {
      {{"serv"}, "there is no command 'weir serv'; did you mean 'weir serve'?"},
      {{"config", "chekc"}, "there is no command 'weir config chekc'; did you mean 'weir config check'?"},
      {{"frobnicate"}, "there is no command 'weir frobnicate'\n"},
      {{}, "subcommand"},
      {{"config"}, "subcommand"},
      {{"serve", "--nonsense"}, "--nonsense"},
      {{"serve", "--set"}, "--set"},
      {{"serve", "extra"}, "extra"},
      {{"serve", "--data", ""}, "--data: a directory is missing"},
      {{"config", "check"}, "--config"},
  };
  for (const auto& test : cases) {
    const auto outcome = run_line(test.words);
    EXPECT_EQ(outcome.code, 2) << test.says;
    EXPECT_NE(outcome.err.find(test.says), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(outcome.served.has_value());
  }
}

TEST(Commands, HelpStartsWithExamples) {
  const std::vector<std::vector<const char*>> lines = {{"--help"},
                                                       {"serve", "--help"},
                                                       {"version", "--help"},
                                                       {"config", "--help"},
                                                       {"config", "template", "--help"},
                                                       {"config", "check", "--help"}};
  for (const auto& words : lines) {
    const auto outcome = run_line(words);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_TRUE(outcome.out.starts_with("Examples:\n  weir ")) << outcome.out;
    EXPECT_EQ(outcome.out.find("Examples:", 1), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_NE(run_line({"serve", "--help"}).out.find("Exit codes: 0 "), std::string::npos);
  EXPECT_NE(run_line({"--help"}).out.find("Run the broker"), std::string::npos);
}

TEST(Commands, VersionIsOneLine) {
  const auto outcome = run_line({"version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(outcome.out.starts_with("weir ")) << outcome.out;
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1);
  EXPECT_EQ(run_line({"--version"}).out, outcome.out);
}

TEST(Commands, ConfigTemplateIsTheWholeOutput) {
  const auto outcome = run_line({"config", "template"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, config::settings_template());
}

TEST(Commands, ConfigCheckTellsWhatServeWouldSay) {
  const auto good = run_line({"config", "check", "--config", "config/weir.yaml"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "config/weir.yaml: ok\n");
  EXPECT_EQ(good.err, "");
  const auto warned = run_line({"config", "check", "--config", "config/weir.yaml", "--set", "num.io.threads=8"});
  EXPECT_EQ(warned.code, 0);
  EXPECT_EQ(warned.err,
            "warning: --set: num.io.threads has no effect: weir.shards and weir.helper.threads size the threads\n");
  const auto bad = run_line({"config", "check", "--config", "config/weir.yaml", "--set", "node.id=-1"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(bad.out, "");
  EXPECT_EQ(bad.err, "--set: node.id: '-1' is not a whole number from 0 to 2147483647\n");
}

}  // namespace
}  // namespace weir::cli
