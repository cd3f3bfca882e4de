#include "config/loader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace weir::config {
namespace {

LoadRequest with(std::vector<std::string> assignments) {
  LoadRequest request;
  for (auto& text : assignments) request.assignments.push_back({.text = std::move(text)});
  return request;
}

LoadErrors errors_of(std::string_view yaml, std::vector<std::string> assignments = {}) {
  auto loaded = load_config_text("weir.yaml", yaml, with(std::move(assignments)));
  return loaded.has_value() ? LoadErrors{} : loaded.error();
}

LoadedConfig loaded_from(std::string_view yaml, std::vector<std::string> assignments = {}) {
  auto loaded = load_config_text("weir.yaml", yaml, with(std::move(assignments)));
  if (loaded.has_value()) return *std::move(loaded);
  for (const auto& error : loaded.error()) ADD_FAILURE() << error;
  return {};
}

using Lines = std::vector<std::string>;

TEST(Loader, NothingGivenMeansDefaults) {
  const auto loaded = load_config({});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->settings.node_id, 1);
  EXPECT_EQ(loaded->listeners, (std::vector<Listener>{{"PLAINTEXT", {"127.0.0.1", 9092}}}));
  EXPECT_TRUE(loaded->advertised.empty());
  EXPECT_EQ(loaded->http, (HostPort{"127.0.0.1", 9644}));
  EXPECT_EQ(metadata_directory(loaded->settings), "./weir-data");
  EXPECT_EQ(loaded->settings.weir_durability, Durability::kFsync);
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_TRUE(loaded->explicit_keys.empty());
}

TEST(Loader, AssignmentsWinOverTheFileAndTheLastOneCounts) {
  const auto loaded = loaded_from("num.partitions: 3\nnode.id: 5\n", {"num.partitions=4", "num.partitions=6"});
  EXPECT_EQ(loaded.settings.num_partitions, 6);
  EXPECT_EQ(loaded.settings.node_id, 5);
  EXPECT_TRUE(loaded.is_explicit("num.partitions"));
  EXPECT_FALSE(loaded.is_explicit("log.dirs"));
  const auto& on_line = loaded.explicit_keys.find("num.partitions")->second;
  EXPECT_EQ(on_line.source, SettingSource::kCommandLine);
  EXPECT_EQ(on_line.place, "--set");
  EXPECT_EQ(on_line.text, "6");
  const auto& in_file = loaded.explicit_keys.find("node.id")->second;
  EXPECT_EQ(in_file.source, SettingSource::kFile);
  EXPECT_EQ(in_file.place, "weir.yaml:2:10");
}

TEST(Loader, ReadsEveryKindOfValue) {
  const auto loaded = loaded_from(
      "auto.create.topics.enable: false\n"
      "broker.rack: r1\n"
      "log: {roll.ms: 5, cleanup.policy: [compact, delete]}\n"
      "log.cleaner.min.cleanable.ratio: 0.25\n"
      "compression.type: zstd\n"
      "log.message.timestamp.type: LogAppendTime\n"
      "weir.durability: page-cache\n"
      "weir.log.level: debug\n"
      "weir.http.listen: off\n"
      "advertised.listeners: \"PLAINTEXT://broker.example:19092\"\n");
  EXPECT_FALSE(loaded.settings.auto_create_topics_enable);
  EXPECT_EQ(loaded.settings.broker_rack, "r1");
  EXPECT_EQ(loaded.settings.log_roll_ms, 5);
  EXPECT_EQ(loaded.settings.log_cleanup_policy, (CleanupPolicy{.compact = true, .delete_old = true}));
  EXPECT_EQ(loaded.settings.log_cleaner_min_cleanable_ratio, 0.25);
  EXPECT_EQ(loaded.settings.compression_type, CompressionType::kZstd);
  EXPECT_EQ(loaded.settings.log_message_timestamp_type, MessageTimestampType::kLogAppendTime);
  EXPECT_EQ(loaded.settings.weir_durability, Durability::kPageCache);
  EXPECT_EQ(loaded.settings.weir_log_level, LogLevel::kDebug);
  EXPECT_EQ(loaded.http, std::nullopt);
  EXPECT_EQ(loaded.advertised, (std::vector<Listener>{{"PLAINTEXT", {"broker.example", 19092}}}));
}

TEST(Loader, ReportsEveryErrorWithItsPlace) {
  EXPECT_EQ(errors_of("node.id: x\n"
                      "log:\n"
                      "  segment.byte: 5\n"
                      "  segment.bytes: 5\n"
                      "num.partitions:\n"
                      "retention.ms: 5\n"
                      "complete.nonsense.without.likeness: 1\n",
                      {"min.insync.replicas=0", "nonsense", "=1", "listeners=PLAINTEXT://h"}),
            (Lines{
                "weir.yaml:5:1: num.partitions: there is no value; it takes a whole number from 1 to 2147483647",
                "--set: 'nonsense' is not of the form KEY=VALUE",
                "--set: '=1' is not of the form KEY=VALUE",
                "weir.yaml:1:10: node.id: 'x' is not a whole number from 0 to 2147483647",
                "weir.yaml:3:3: log.segment.byte: no such setting; did you mean log.segment.bytes?",
                "weir.yaml:4:18: log.segment.bytes: '5' is not a whole number from 1048576 to 2147483647",
                std::string("weir.yaml:6:1: retention.ms: no such setting; it is a topic's setting, ") +
                    "whose default for all topics is log.retention.ms",
                "weir.yaml:7:1: complete.nonsense.without.likeness: no such setting",
                "--set: min.insync.replicas: '0' is not a whole number from 1 to 2147483647",
                "--set: listeners: 'h' has no port; write HOST:PORT",
            }));
}

TEST(Loader, AnAssignmentDoesNotHideABadValueInTheFile) {
  EXPECT_EQ(errors_of("num.partitions: x\n", {"num.partitions=3"}).size(), 1u);
}

TEST(Loader, UnknownKeysWarnWhenAllowed) {
  LoadRequest request;
  request.allow_unknown = true;
  const auto loaded = load_config_text("weir.yaml", "num.partitoins: 2\n", request);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->warnings, Lines{"weir.yaml:1:1: num.partitoins: no such setting; did you mean num.partitions?"});
  EXPECT_FALSE(loaded->is_explicit("num.partitoins"));
  EXPECT_FALSE(load_config_text("weir.yaml", "num.partitions: x\n", request).has_value());
}

TEST(Loader, KafkaKeysWithoutEffectWarnOnceWithTheReason) {
  const auto loaded = loaded_from("num.network.threads: 3\n", {"num.network.threads=4"});
  EXPECT_EQ(loaded.warnings,
            Lines{"--set: num.network.threads has no effect: weir.shards and weir.helper.threads size the threads"});
  EXPECT_EQ(errors_of("num.network.threads: 0\n"),
            Lines{"weir.yaml:1:22: num.network.threads: '0' is not a whole number from 1 to 2147483647"});
}

TEST(Loader, KeysWithoutEffectStillGiveTopicDefaults) {
  const auto loaded = loaded_from("log.cleaner.delete.retention.ms: 1000\n");
  EXPECT_EQ(loaded.settings.log_cleaner_delete_retention_ms, 1000);
  EXPECT_EQ(loaded.warnings.size(), 1u);
}

struct RefusalCase {
  std::string_view yaml;
  std::string_view message;
};

// Each asks for a protection or a role that this version lacks.
constexpr RefusalCase kRefusals[] = {
    {"listeners: SSL://:9093\n",
     "weir.yaml:1:12: listeners: the listener SSL asks for SSL, which this version does not have; only PLAINTEXT is "
     "served"},
    {"listeners: SASL_PLAINTEXT://:9093\n",
     "weir.yaml:1:12: listeners: the listener SASL_PLAINTEXT asks for SASL_PLAINTEXT, which this version does not "
     "have; "
     "only PLAINTEXT is served"},
    {"listeners: IN://:9092\nlistener.security.protocol.map: IN:SASL_SSL\n",
     "weir.yaml:2:33: listener.security.protocol.map: the listener IN asks for SASL_SSL, which this version does not "
     "have; only PLAINTEXT is served"},
    {"listeners: IN://:9092\n", "default: listener.security.protocol.map: it names no protocol for the listener IN"},
    {"listener.security.protocol.map: PLAINTEXT:TLS\n",
     "weir.yaml:1:33: listener.security.protocol.map: 'TLS' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"},
    {"listeners: PLAINTEXT://:1,SSL://:2\n",
     "weir.yaml:1:12: listeners: the listener SSL asks for SSL, which this version does not have; only PLAINTEXT is "
     "served"},
    {"security.inter.broker.protocol: SSL\n",
     "weir.yaml:1:33: security.inter.broker.protocol: refused: no listener of this version speaks TLS"},
    {"ssl.client.auth: required\n", "weir.yaml:1:18: ssl.client.auth: refused: no listener of this version speaks TLS"},
    {"authorizer.class.name: org.apache.kafka.metadata.authorizer.StandardAuthorizer\n",
     "weir.yaml:1:24: authorizer.class.name: refused: this version checks no permissions, everybody who connects may "
     "do "
     "everything"},
    {"super.users: User:a\n",
     "weir.yaml:1:14: super.users: refused: this version checks no permissions, everybody who connects may do "
     "everything"},
    {"allow.everyone.if.no.acl.found: false\n",
     "weir.yaml:1:33: allow.everyone.if.no.acl.found: refused: this version checks no permissions, everybody who "
     "connects may do everything"},
    {"create.topic.policy.class.name: a.B\n",
     "weir.yaml:1:33: create.topic.policy.class.name: refused: it names Java classes, which Weir cannot load"},
    {"remote.log.storage.system.enable: true\n",
     "weir.yaml:1:35: remote.log.storage.system.enable: refused: there is no tiered storage in this version"},
    {"zookeeper.connect: zk:2181\n",
     "weir.yaml:1:20: zookeeper.connect: refused: neither Weir nor Kafka from 4.0 on works with ZooKeeper"},
    {"process.roles: broker\n",
     "weir.yaml:1:16: process.roles: this version is broker and controller in one process and cannot be one of them "
     "alone"},
    {"process.roles: controller\n",
     "weir.yaml:1:16: process.roles: this version is broker and controller in one process and cannot be one of them "
     "alone"},
    {"controller.quorum.voters: 1@a:1,2@b:1\n",
     "weir.yaml:1:27: controller.quorum.voters: '2@b:1' is another node than this one (node.id 1), and this version "
     "cannot join a quorum"},
    {"controller.quorum.bootstrap.servers: other:9093\n",
     "weir.yaml:1:38: controller.quorum.bootstrap.servers: 'other:9093' is another controller than the one in this "
     "process, and this version cannot join a quorum"},
    {"broker.id: 2\n", "weir.yaml:1:12: broker.id: 2 is not the number of node.id, 1"},
    {"metadata.log.dir: /elsewhere\n",
     "weir.yaml:1:19: metadata.log.dir: /elsewhere is not one of log.dirs; add it there"},
    {"log.dirs: [a, b, a]\n", "weir.yaml:1:11: log.dirs: a is listed twice"},
    {"inter.broker.listener.name: INTERNAL\n",
     "weir.yaml:1:29: inter.broker.listener.name: INTERNAL is not a name of listeners"},
};

TEST(Loader, RefusesWhatAsksForAProtectionOrARoleThatIsMissing) {
  for (const auto& test : kRefusals) {
    const auto errors = errors_of(test.yaml);
    ASSERT_FALSE(errors.empty()) << test.yaml;
    EXPECT_EQ(errors.front(), test.message);
  }
}

TEST(Loader, TheSameKeysWithHarmlessValuesPassSilently) {
  const auto loaded = loaded_from(
      "authorizer.class.name: \"\"\n"
      "allow.everyone.if.no.acl.found: true\n"
      "remote.log.storage.system.enable: false\n"
      "security.inter.broker.protocol: PLAINTEXT\n"
      "ssl.client.auth: none\n"
      "process.roles: [controller, broker]\n"
      "broker.id: 1\n"
      "metadata.log.dir: ./weir-data\n"
      "inter.broker.listener.name: PLAINTEXT\n"
      "controller.quorum.voters: 1@localhost:9093\n");
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front();
}

TEST(Loader, ALaterHarmlessValueLiftsARefusal) {
  EXPECT_EQ(errors_of("super.users: User:a\n", {"super.users="}), Lines{});
  EXPECT_EQ(errors_of("", {"super.users=", "super.users=User:a"}).size(), 1u);
}

// The lines of Kafka's own single-node file that touch addresses and roles.
TEST(Loader, TakesTheAddressesOfAStockKafkaFile) {
  const auto loaded = loaded_from(
      "process.roles: broker,controller\n"
      "node.id: 1\n"
      "controller.quorum.bootstrap.servers: localhost:9093\n"
      "listeners: PLAINTEXT://:9092,CONTROLLER://:9093\n"
      "inter.broker.listener.name: PLAINTEXT\n"
      "advertised.listeners: PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
      "controller.listener.names: CONTROLLER\n"
      "listener.security.protocol.map: "
      "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n");
  EXPECT_EQ(loaded.listeners, (std::vector<Listener>{{"PLAINTEXT", {"0.0.0.0", 9092}}}));
  EXPECT_EQ(loaded.advertised, (std::vector<Listener>{{"PLAINTEXT", {"localhost", 9092}}}));
  EXPECT_EQ(loaded.warnings, Lines{"weir.yaml:4:12: listeners: no port is opened for CONTROLLER: Weir's controller is "
                                   "part of this process"});
}

TEST(Loader, ANamedListenerMayBeMappedToPlaintext) {
  const auto loaded = loaded_from("listeners: IN://:9092\nlistener.security.protocol.map: in:plaintext\n");
  EXPECT_EQ(loaded.listeners.front().name, "IN");
}

TEST(Loader, RefusesAddressesThatCannotWork) {
  EXPECT_EQ(errors_of("listeners: PLAINTEXT://:1,PLAINTEXT://:2\n"),
            (Lines{"weir.yaml:1:12: listeners: the name PLAINTEXT is there twice",
                   "weir.yaml:1:12: listeners: this version has one listener, not 2"}));
  EXPECT_EQ(errors_of("advertised.listeners: PLAINTEXT://0.0.0.0:9092\n"),
            Lines{"weir.yaml:1:23: advertised.listeners: a client cannot connect to 0.0.0.0 or ::; name the address "
                  "that it reaches"});
  EXPECT_EQ(errors_of("advertised.listeners: PLAINTEXT://h:0\n"),
            Lines{"weir.yaml:1:23: advertised.listeners: a client cannot connect to port 0"});
  EXPECT_EQ(errors_of("advertised.listeners: OTHER://h:9092\n"),
            Lines{"weir.yaml:1:23: advertised.listeners: OTHER is not a name of listeners"});
  EXPECT_EQ(errors_of("weir.http.listen: 9644\n"),
            Lines{"weir.yaml:1:19: weir.http.listen: '9644' has no port; write HOST:PORT, nor the word off"});
  EXPECT_EQ(errors_of("listeners: []\n"), Lines{"weir.yaml:1:12: listeners: there is nothing to listen on"});
}

TEST(Loader, RefusesValuesThatContradictEachOther) {
  EXPECT_EQ(errors_of("log.cleaner.min.compaction.lag.ms: 10\nlog.cleaner.max.compaction.lag.ms: 5\n"),
            Lines{"weir.yaml:1:36: log.cleaner.min.compaction.lag.ms: 10 is more than "
                  "log.cleaner.max.compaction.lag.ms, 5"});
  EXPECT_EQ(errors_of("log.retention.ms: 0\n"),
            Lines{"weir.yaml:1:19: log.retention.ms: 0 would keep nothing at all; -1 keeps for ever"});
}

TEST(Loader, AKeyWithoutValueLeavesAnOptionalOneUnset) {
  const auto loaded = loaded_from("broker.rack:\nadvertised.listeners: ~\n");
  EXPECT_EQ(loaded.settings.broker_rack, std::nullopt);
  EXPECT_FALSE(loaded.is_explicit("broker.rack"));
}

TEST(Loader, NeverRepeatsAPassword) {
  const auto loaded = loaded_from("ssl.key.password: sesame\n");
  EXPECT_EQ(loaded.explicit_keys.find("ssl.key.password")->second.text, "");
  for (const auto& warning : loaded.warnings) EXPECT_EQ(warning.find("sesame"), std::string::npos) << warning;
}

TEST(Loader, ReadsAFileFromDisk) {
  const std::string path = testing::TempDir() + "weir-loader-test-" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path) << "node.id: 9\n";
  LoadRequest request;
  request.file = path;
  const auto loaded = load_config(request);
  std::remove(path.c_str());
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->settings.node_id, 9);
  EXPECT_EQ(loaded->explicit_keys.find("node.id")->second.place, path + ":1:10");
}

TEST(Loader, SaysWhyAFileCannotBeReadAndWhatElseIsWrong) {
  auto request = with({"node.id=x"});
  request.file = "/nonexistent/weir.yaml";
  const auto missing = load_config(request);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error(), (Lines{"/nonexistent/weir.yaml: cannot be read: No such file or directory",
                                    "--set: node.id: 'x' is not a whole number from 0 to 2147483647"}));
  request.file = testing::TempDir();
  const auto directory = load_config(request);
  ASSERT_FALSE(directory.has_value());
  EXPECT_EQ(directory.error().front(), testing::TempDir() + ": cannot be read: Is a directory");
}

TEST(Loader, RefusesAnEndlessFile) {
  LoadRequest request;
  request.file = "/dev/zero";
  const auto loaded = load_config(request);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error(), Lines{"/dev/zero: larger than 1 MiB"});
}

}  // namespace
}  // namespace weir::config
