#include "metadata/local_controller.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

#include "base/async/task_group.h"
#include "image_fixture.h"
#include "memory_metadata_log.h"
#include "memory_snapshot_store.h"
#include "metadata/record_framing.h"
#include "support/manual_clock.h"

namespace weir::metadata {
namespace {

using boost::asio::awaitable;

NewTopic topic_of(std::string name, std::int32_t partition_count = 1) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partition_count = partition_count;
  return topic;
}

template <class T>
awaitable<void> keep(awaitable<T> command, std::shared_ptr<std::optional<T>> answer) {
  *answer = co_await std::move(command);
}

// One life of a controller over a log that outlives it.
class Node {
 public:
  explicit Node(MemoryMetadataLog& of, MemorySnapshotStore* snapshots = nullptr, config::BrokerSettings with = {})
      : log(of),
        settings(std::move(with)),
        controller(shard, helpers, random, of, snapshots == nullptr ? own_snapshots : *snapshots, images, settings,
                   identity()) {
    log.use(shard);
  }

  static ControllerIdentity identity() { return {.node = NodeId(1), .directory_id = uuid_of(200)}; }
  static NodeRegistration registration() {
    NodeRegistration node;
    node.endpoints = {{.name = "PLAINTEXT", .host = "localhost", .port = 9092, .security_protocol = 0}};
    node.log_dirs = {uuid_of(200)};
    return node;
  }

  Result<void> load() {
    auto loaded = controller.load(quorum_state);
    if (loaded) quorum_state = controller.next_quorum_state();
    return loaded;
  }

  // What `command` answers once the shard has nothing left to do; nullopt while it waits.
  template <class T>
  std::shared_ptr<std::optional<T>> run(awaitable<T> command) {
    auto answer = std::make_shared<std::optional<T>>();
    tasks.start("command", keep(std::move(command), answer));
    step();
    return answer;
  }
  void step() {
    do shard.step();
    while (helpers.run_all());
  }
  Result<void> start() {
    WEIR_TRY(load());
    return **run(controller.start(registration()));
  }

  auto create(std::vector<std::string> names, Origin origin = {}) {
    CreateTopics command;
    for (auto& name : names) command.topics.push_back(topic_of(std::move(name)));
    return run(controller.create_topics(std::move(command), std::move(origin)));
  }
  auto remove(const Uuid& id) { return run(controller.delete_topics(DeleteTopics{.topic_ids = {id}}, Origin{})); }
  auto allocate() { return run(controller.allocate_producer_ids(Origin{})); }

  MemoryMetadataLog& log;
  ManualClock clock;
  Shard shard{0, clock};
  ManualHelpers helpers;
  SeededRandom random{7};
  MemorySnapshotStore own_snapshots;
  config::BrokerSettings settings;
  ImagePublisher images;
  std::optional<QuorumState> quorum_state;
  LocalController controller;
  TaskGroup tasks{shard};
};

std::shared_ptr<const Image> reloaded(const MemoryMetadataLog& log) {
  LogReplay replay;
  for (const auto& batch : log.batches) EXPECT_TRUE(replay.add_batch(batch).has_value());
  return replay.finish().image;
}

TEST(LocalController, TheFirstStartMakesACluster) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.load().has_value());
  EXPECT_TRUE(log.batches.empty());
  EXPECT_EQ(node.quorum_state->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(node.quorum_state->leader_id, NodeId(1));
  EXPECT_EQ(node.images.get(), nullptr);
  ASSERT_TRUE((**node.run(node.controller.start(Node::registration()))).has_value());
  EXPECT_EQ(log.append_count, 1);
  const auto image = node.images.get();
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->metadata_version(), 30);
  EXPECT_EQ(image->kraft_version, 1);
  EXPECT_FALSE(image->voters.empty());
  EXPECT_EQ(image->broker(NodeId(1))->epoch, 4);  // leader change, kraft version, voters, level, registration
  EXPECT_FALSE(image->broker(NodeId(1))->fenced);
  EXPECT_EQ(image->offset, Offset(5));
  EXPECT_EQ(image->epoch, LeaderEpoch(1));
  EXPECT_TRUE(*image == *reloaded(log));
  for (const auto& batch : log.batches) EXPECT_EQ(record::BatchHeader::read(batch.data()).leader_epoch, LeaderEpoch(1));
}

// Goal: a first start that a crash cut anywhere ends in the same cluster at the second.
TEST(LocalController, AFirstStartThatWasCutShortGoesOn) {
  MemoryMetadataLog whole;
  {
    Node node(whole);
    ASSERT_TRUE(node.start().has_value());
  }
  ASSERT_EQ(whole.batches.size(), 4u);
  for (std::size_t kept = 0; kept <= whole.batches.size(); ++kept) {
    MemoryMetadataLog log;
    log.batches.assign(whole.batches.begin(), whole.batches.begin() + static_cast<std::ptrdiff_t>(kept));
    Node node(log);
    ASSERT_TRUE(node.start().has_value()) << kept;
    const auto image = node.images.get();
    EXPECT_EQ(image->metadata_version(), 30) << kept;
    EXPECT_EQ(image->kraft_version, 1) << kept;
    EXPECT_FALSE(image->voters.empty()) << kept;
    EXPECT_NE(image->broker(NodeId(1)), nullptr) << kept;
    EXPECT_TRUE(*image == *reloaded(log)) << kept;
  }
}

TEST(LocalController, EveryStartRaisesEpochs) {
  MemoryMetadataLog log;
  std::int64_t broker_epoch = -1;
  for (int life = 1; life <= 4; ++life) {
    Node node(log);
    ASSERT_TRUE(node.start().has_value());
    EXPECT_EQ(node.quorum_state->leader_epoch, LeaderEpoch(life));
    const auto image = node.images.get();
    EXPECT_EQ(image->epoch, LeaderEpoch(life));
    EXPECT_GT(image->broker(NodeId(1))->epoch, broker_epoch);
    broker_epoch = image->broker(NodeId(1))->epoch;
    if (life == 1) {
      ASSERT_EQ((**node.create({"orders", "returns"})).front().error, ErrorCode::kNone);
      continue;
    }
    for (const auto* name : {"orders", "returns"}) {
      const auto* partition = image->topic(name)->partition(PartitionIndex(0));
      EXPECT_EQ(partition->leader_epoch, LeaderEpoch(life - 1)) << name;
      EXPECT_EQ(partition->partition_epoch, life - 1) << name;
      EXPECT_EQ(partition->leader, NodeId(1)) << name;
    }
  }
}

TEST(LocalController, TheEpochGoesOnFromTheLargerOfFileAndLog) {
  MemoryMetadataLog log;
  Node node(log);
  node.quorum_state.emplace();
  node.quorum_state->leader_epoch = LeaderEpoch(41);
  ASSERT_TRUE(node.start().has_value());
  EXPECT_EQ(node.images.get()->epoch, LeaderEpoch(42));
  Node second(log);  // its file was lost
  ASSERT_TRUE(second.start().has_value());
  EXPECT_EQ(second.images.get()->epoch, LeaderEpoch(43));
}

TEST(LocalController, AReloadedImageEqualsTheLiveOne) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  CreateTopics command;
  command.topics = {topic_of("a.b", 3), topic_of("c")};
  command.topics[0].configs = {{"retention.ms", "5"}};
  const auto made = node.run(node.controller.create_topics(command, Origin{}));
  ASSERT_EQ((**made)[0].error, ErrorCode::kNone);
  ASSERT_EQ((**node.allocate()).second.first, ProducerId(0));
  ASSERT_EQ((**node.allocate()).second.first, ProducerId(1000));
  ASSERT_EQ((**node.remove((**made)[1].topic_id)).front().error, ErrorCode::kNone);
  EXPECT_EQ(node.images.get()->topic_count(), 1u);
  EXPECT_TRUE(*node.images.get() == *reloaded(log));
  EXPECT_EQ(node.images.get()->offset, log.end() - 1);
}

TEST(LocalController, NothingIsVisibleOrAnsweredBeforeItIsDurable) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  log.hold = true;
  const auto answer = node.create({"orders"});
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(node.images.get()->topic("orders"), nullptr);
  log.release();
  node.shard.step();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer).front().error, ErrorCode::kNone);
  EXPECT_NE(node.images.get()->topic("orders"), nullptr);
}

TEST(LocalController, OfTwoThatCreateOneNameExactlyOneWins) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  log.hold = true;
  const auto first = node.create({"orders"});
  const auto second = node.create({"orders"});
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(second->has_value());  // its refusal rests on what is not durable yet
  log.hold = false;
  log.release();
  node.shard.step();
  EXPECT_EQ((**first).front().error, ErrorCode::kNone);
  EXPECT_EQ((**second).front().error, ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(node.images.get()->topic("orders")->id, (**first).front().topic_id);
}

TEST(LocalController, CommandsThatComeDuringAnAppendShareTheNext) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  log.hold = true;
  const auto before = log.append_count;
  const auto first = node.create({"t0"});
  std::vector<decltype(node.create({"t"}))> others;
  for (int i = 1; i < 20; ++i) others.push_back(node.create({"t" + std::to_string(i)}));
  const auto block = node.allocate();
  log.hold = false;
  log.release();
  node.shard.step();
  EXPECT_EQ(log.append_count - before, 2);
  EXPECT_EQ((**first).front().error, ErrorCode::kNone);
  for (const auto& other : others) EXPECT_EQ((**other).front().error, ErrorCode::kNone);
  EXPECT_EQ((**block).first, ErrorCode::kNone);
  EXPECT_EQ(node.images.get()->topic_count(), 20u);
  EXPECT_TRUE(*node.images.get() == *reloaded(log));
}

TEST(LocalController, AFailedAppendEndsAllChanges) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  std::optional<Errc> heard;
  node.controller.on_failure([&heard](const Error& error) { heard = error.code; });
  log.hold = true;
  const auto first = node.create({"a"});
  const auto second = node.create({"b"});
  const auto refusal = node.create({"a"});
  log.fail_with = Errc::kIo;
  log.release();
  node.shard.step();
  for (const auto& answer : {first, second, refusal}) {
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((**answer).front().error, ErrorCode::kKafkaStorageError);
    EXPECT_TRUE((**answer).front().topic_id.is_zero());
  }
  EXPECT_EQ(heard, Errc::kIo);
  EXPECT_EQ(node.images.get()->topic_count(), 0u);
  const auto appends = log.append_count;
  log.hold = false;
  log.fail_with.reset();
  EXPECT_EQ((**node.create({"c"})).front().error, ErrorCode::kKafkaStorageError);
  EXPECT_EQ((**node.allocate()).first, ErrorCode::kKafkaStorageError);
  EXPECT_EQ((**node.remove(uuid_of(1))).front().error, ErrorCode::kKafkaStorageError);
  EXPECT_EQ(log.append_count, appends);
}

TEST(LocalController, WhatPassesRefusesUntilItHasPassed) {
  for (const auto code : {Errc::kNoSpace, Errc::kTooManyFiles}) {
    MemoryMetadataLog log;
    Node node(log);
    ASSERT_TRUE(node.start().has_value());
    log.fail_with = code;
    EXPECT_EQ((**node.create({"a"})).front().error, ErrorCode::kKafkaStorageError);
    EXPECT_EQ((**node.create({"a"})).front().error, ErrorCode::kKafkaStorageError);
    log.fail_with.reset();
    EXPECT_EQ((**node.create({"a"})).front().error, ErrorCode::kNone);
    EXPECT_TRUE(*node.images.get() == *reloaded(log));
  }
}

TEST(LocalController, AStartThatCannotAppendFails) {
  MemoryMetadataLog log;
  log.fail_with = Errc::kIo;
  Node node(log);
  const auto started = node.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Errc::kIo);
  EXPECT_EQ(node.images.get(), nullptr);
  EXPECT_EQ((**node.create({"a"})).front().error, ErrorCode::kKafkaStorageError);
}

TEST(LocalController, DeadlinesAreKept) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  Origin late;
  late.deadline = node.clock.steady();
  EXPECT_EQ((**node.create({"late"}, late)).front().error, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(node.images.get()->topic("late"), nullptr);

  log.hold = true;
  Origin soon;
  soon.deadline = node.clock.steady() + Millis(100);
  const auto answer = node.create({"slow"}, soon);
  EXPECT_FALSE(answer->has_value());
  node.clock.advance(Millis(100));
  node.shard.step();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer).front().error, ErrorCode::kRequestTimedOut);
  log.release();
  node.shard.step();
  EXPECT_NE(node.images.get()->topic("slow"), nullptr);  // it was under way
}

TEST(LocalController, SubscribersHearOfEachImageBeforeTheAnswer) {
  MemoryMetadataLog log;
  Node node(log);
  std::vector<std::pair<std::size_t, std::size_t>> heard;
  node.images.subscribe([&heard](const auto& before, const auto& after) {
    heard.emplace_back(before == nullptr ? 99 : before->topic_count(), after->topic_count());
  });
  ASSERT_TRUE(node.start().has_value());
  ASSERT_EQ((**node.create({"a", "b"})).front().error, ErrorCode::kNone);
  ASSERT_EQ((**node.create({"a"})).front().error, ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(heard, (std::vector<std::pair<std::size_t, std::size_t>>{{99, 0}, {0, 2}}));
}

TEST(LocalController, WhatDoesNotFitABatchIsRefused) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  CreateTopics command;
  std::string replicas;
  while (replicas.size() < 30'000) replicas += "0:1,";
  replicas += "0:1";
  for (int i = 0; i < 300; ++i) {
    command.topics.push_back(topic_of("t" + std::to_string(i)));
    command.topics.back().configs = {{"leader.replication.throttled.replicas", replicas}};
  }
  EXPECT_EQ((**node.run(node.controller.create_topics(command, Origin{}))).front().error, ErrorCode::kPolicyViolation);
  command.topics.resize(1);
  command.topics[0].configs[0].second = replicas + "," + replicas;
  EXPECT_EQ((**node.run(node.controller.create_topics(command, Origin{}))).front().error, ErrorCode::kInvalidRequest);
  EXPECT_EQ(node.images.get()->topic_count(), 0u);
  command.topics[0].configs[0].second = replicas;
  EXPECT_EQ((**node.run(node.controller.create_topics(command, Origin{}))).front().error, ErrorCode::kNone);
}

// Goal: leader epochs of more partitions than a batch holds are still raised as one: method: a log in which the last
// batches of the start are missing.
TEST(LocalController, RaisingVeryManyEpochsIsATransaction) {
  MemoryMetadataLog log;
  {
    Node node(log);
    ASSERT_TRUE(node.start().has_value());
    for (int i = 0; i < 16; ++i) {
      CreateTopics command;
      command.topics.push_back(topic_of("t" + std::to_string(i), 10'000));
      ASSERT_EQ((**node.run(node.controller.create_topics(command, Origin{}))).front().error, ErrorCode::kNone);
    }
  }
  const auto before = log.batches.size();
  {
    Node node(log);
    ASSERT_TRUE(node.start().has_value());
    EXPECT_TRUE(*node.images.get() == *reloaded(log));
    EXPECT_EQ(node.images.get()->topic("t3")->partitions[9'999]->leader_epoch, LeaderEpoch(1));
  }
  ASSERT_GT(log.batches.size() - before, 3u);
  log.batches.pop_back();
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  EXPECT_EQ(node.images.get()->topic("t3")->partitions[9'999]->leader_epoch, LeaderEpoch(1));
  EXPECT_EQ(node.images.get()->topic("t3")->partitions[0]->leader_epoch, LeaderEpoch(1));
  EXPECT_TRUE(*node.images.get() == *reloaded(log));
}

TEST(LocalController, ALogWithAclsRefusesToStart) {
  MemoryMetadataLog log;
  protocol::AccessControlEntryRecord acl;
  acl.id = uuid_of(1);
  const std::vector<Bytes> values{*encode_record(feature("metadata.version", 30), 30), *encode_record(acl, 30)};
  log.batches.push_back(*frame_records(values, {.base_offset = Offset(0), .epoch = LeaderEpoch(1), .timestamp_ms = 1}));
  Node node(log);
  const auto loaded = node.load();
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, Errc::kUnsupported);
  EXPECT_NE(loaded.error().context.find("authorizer.class.name"), std::string::npos);
  EXPECT_EQ(log.append_count, 0);
}

// Goal: a life that begins with a snapshot sees what one that reads the whole log sees, also when the log's beginning
// is gone.
TEST(LocalController, SnapshotsStandForTheLog) {
  MemoryMetadataLog log;
  MemorySnapshotStore snapshots;
  std::shared_ptr<const Image> last;
  config::BrokerSettings settings;
  settings.metadata_log_max_record_bytes_between_snapshots = 1;
  {
    Node node(log, &snapshots, settings);
    ASSERT_TRUE(node.start().has_value());
    EXPECT_EQ(snapshots.files.size(), 1u);
    for (int i = 0; i < 5; ++i) ASSERT_EQ((**node.create({fmt::format("t{}", i)})).front().error, ErrorCode::kNone);
    ASSERT_EQ((**node.allocate()).second.first, ProducerId(0));
    EXPECT_EQ(snapshots.files.size(), 2u);
    last = node.images.get();
  }
  const auto& [id, content] = *snapshots.files.rbegin();
  EXPECT_EQ(id.end, log.end());
  EXPECT_TRUE(**read_snapshot(content, id) == *last);
  // What two snapshots stand for was released.
  EXPECT_EQ(log.log_start(), snapshots.files.begin()->first.end);
  EXPECT_GT(log.log_start(), Offset(6));

  Node next(log, &snapshots, settings);
  ASSERT_TRUE(next.start().has_value());
  const auto image = next.images.get();
  EXPECT_EQ(image->topic_count(), 5u);
  EXPECT_EQ(image->next_producer_id, 1000);
  EXPECT_FALSE(image->voters.empty());
  EXPECT_EQ(image->voters, last->voters);
  EXPECT_EQ(image->kraft_version, 1);
  EXPECT_EQ(image->epoch, LeaderEpoch(2));
  EXPECT_EQ(image->topic("t0")->partition(PartitionIndex(0))->leader_epoch, LeaderEpoch(1));
}

// Goal: a directory that Kafka has formatted begins with what it was formatted with, in one batch before the
// registration, and is given no other features.
TEST(LocalController, AFormattedDirectoryBeginsWithItsBootstrapRecords) {
  MemoryMetadataLog log;
  MemorySnapshotStore snapshots;
  const auto image =
      apply_all(nullptr, {feature(std::string(kMetadataVersionFeature), 29), feature("group.version", 1)});
  snapshots.bootstrap = *encode_snapshot(*image, 0, 0);
  Node node(log, &snapshots);
  ASSERT_TRUE(node.start().has_value());
  EXPECT_EQ(node.images.get()->features, image->features);
  EXPECT_EQ(node.images.get()->kraft_version, 0);  // formatted without voters: a static quorum
  EXPECT_TRUE(node.images.get()->voters.empty());
  EXPECT_EQ(node.images.get()->broker(NodeId(1))->epoch, 3);  // leader change, two features, registration
  EXPECT_TRUE(*node.images.get() == *reloaded(log));

  log.batches.resize(1);  // cut after the leader change: the next start begins with them all the same
  Node again(log, &snapshots);
  ASSERT_TRUE(again.start().has_value());
  EXPECT_EQ(again.images.get()->features, image->features);
}

TEST(LocalController, RefusesAQuorumOfOthers) {
  const Voter self{.id = NodeId(1), .directory_id = uuid_of(200), .host = "h", .port = 1};
  const Voter other{.id = NodeId(2), .directory_id = uuid_of(201), .host = "h", .port = 1};
  const Voter moved{.id = NodeId(1), .directory_id = uuid_of(202), .host = "h", .port = 1};
  const auto load_with = [](const std::vector<Voter>& voters) {
    MemoryMetadataLog log;
    log.batches.push_back(*frame_voters(voters, {.base_offset = Offset(0), .epoch = LeaderEpoch(1)}));
    Node node(log);
    return node.load();
  };
  EXPECT_TRUE(load_with({self}).has_value());
  EXPECT_EQ(load_with({other}).error().code, Errc::kUnsupported);
  EXPECT_EQ(load_with({self, other}).error().code, Errc::kUnsupported);
  const auto elsewhere = load_with({moved});
  ASSERT_FALSE(elsewhere.has_value());
  EXPECT_NE(elsewhere.error().context.find("directory.id"), std::string::npos) << elsewhere.error().context;

  MemoryMetadataLog log;
  Node node(log);
  node.quorum_state.emplace();
  node.quorum_state->voters = {NodeId(1), NodeId(2), NodeId(3)};
  const auto refused = node.load();
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().context.find("quorum-state"), std::string::npos) << refused.error().context;
}

TEST(LocalController, AStopWaitsForWhatIsUnderWay) {
  MemoryMetadataLog log;
  Node node(log);
  ASSERT_TRUE(node.start().has_value());
  log.hold = true;
  const auto answer = node.create({"a"});
  auto stopped = std::make_shared<bool>(false);
  struct Stop {
    static awaitable<void> run(LocalController& controller, std::shared_ptr<bool> done) {
      co_await controller.stop();
      *done = true;
    }
  };
  node.tasks.start("stop", Stop::run(node.controller, stopped));
  node.shard.step();
  EXPECT_FALSE(*stopped);
  EXPECT_EQ((**node.create({"b"})).front().error, ErrorCode::kNotController);
  log.release();
  node.shard.step();
  EXPECT_TRUE(*stopped);
  EXPECT_EQ((**answer).front().error, ErrorCode::kNone);
}

}  // namespace
}  // namespace weir::metadata
