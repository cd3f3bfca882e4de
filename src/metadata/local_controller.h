// The controller of a single-node cluster: decides each command against the newest image, appends what was decided to
// the metadata log in groups, and publishes and answers once that is durable. Owned by one shard; its commands come
// from any.
//
// Always
//   1. One append is outstanding. Commands that come meanwhile are decided against the image that holds what is in
//      flight, and go out together in the next append, in the order of their decisions.
//   2. An image is published, and a command answered (a refusal too), only when all that its decision saw is durable.
//   3. A failed append refuses all that was decided since the last durable change, with KAFKA_STORAGE_ERROR. When the
//      volume is merely full the next command is tried; after any other failure every command is refused.
//
// Start: load(), write next_quorum_state() to its file, start().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/one_shot.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "base/random.h"
#include "config/broker_settings.h"
#include "metadata/controller.h"
#include "metadata/image_publisher.h"
#include "metadata/log_replay.h"
#include "metadata/machine.h"
#include "metadata/metadata_log.h"
#include "metadata/quorum_state.h"
#include "metadata/snapshot_keeper.h"
#include "metadata/snapshot_store.h"
#include "metadata/start_records.h"

namespace weir::metadata {

struct ControllerIdentity {
  NodeId node;
  Uuid directory_id;  // of the directory that holds the metadata log
};

class LocalController final : public Controller {
 public:
  using FailureListener = std::function<void(const Error&)>;

  // All references outlive the controller. `random` is used on `shard` only.
  LocalController(Shard& shard, Helpers& helpers, Random& random, MetadataLog& log, SnapshotStore& snapshots,
                  ImagePublisher& images, const config::BrokerSettings& settings, ControllerIdentity identity);

  // Called on the shard when an append has failed for good: the metadata directory is offline (design decision 8).
  void on_failure(FailureListener listener) { failure_listener_ = std::move(listener); }

  // Reads the newest snapshot and the log after it; `on_disk` is the quorum-state file's content, if there is one.
  // Blocks; before the shard runs. Writes nothing. kCorrupt, kUnsupported (a record type, metadata.version or ACLs that
  // are not served, a quorum with other voters than this node): don't start.
  Result<void> load(const std::optional<QuorumState>& on_disk);

  // After load(): the raft epoch of the last batch, or of the snapshot if none came after it; 0: there is neither.
  [[nodiscard]] LeaderEpoch last_log_epoch() const { return last_log_epoch_; }
  // After load(), before start(): what the last leader left.
  [[nodiscard]] const Image& loaded() const { return *newest_; }
  // After load(): what the quorum-state file must durably hold before start().
  [[nodiscard]] QuorumState next_quorum_state() const;

  // Appends this epoch's first batches (leader change; on a new log what a cluster begins with), registers the node and
  // raises the leader epochs of its partitions, then publishes the first image. On any shard; once. Commands before its
  // end are refused. Errors: the append's.
  boost::asio::awaitable<Result<void>> start(NodeRegistration registration);

  // Refuses new commands (NOT_CONTROLLER) and returns when those before are answered. On the controller's shard.
  boost::asio::awaitable<void> stop();

  boost::asio::awaitable<std::vector<CreatedTopic>> create_topics(CreateTopics command, Origin origin) override;
  boost::asio::awaitable<std::vector<DeletedTopic>> delete_topics(DeleteTopics command, Origin origin) override;
  boost::asio::awaitable<std::vector<ChangedTopicConfigs>> change_topic_configs(ChangeTopicConfigs command,
                                                                                Origin origin) override;
  boost::asio::awaitable<std::pair<ErrorCode, ProducerIdBlock>> allocate_producer_ids(Origin origin) override;
  boost::asio::awaitable<ErrorCode> lose_directories(std::vector<Uuid> lost, Origin origin) override;

 private:
  // A change that is decided but not durable, and who waits for it.
  struct Change {
    std::vector<Bytes> values;  // none: a command that only waits for what it saw
    std::shared_ptr<const Image> after;
    std::shared_ptr<OneShot<ErrorCode>> done;
  };

  boost::asio::awaitable<Result<void>> start_here(NodeRegistration registration);
  boost::asio::awaitable<std::vector<CreatedTopic>> create_here(CreateTopics command, Origin origin);
  boost::asio::awaitable<std::vector<DeletedTopic>> delete_here(DeleteTopics command, Origin origin);
  boost::asio::awaitable<std::vector<ChangedTopicConfigs>> change_configs_here(ChangeTopicConfigs command,
                                                                               Origin origin);
  boost::asio::awaitable<std::pair<ErrorCode, ProducerIdBlock>> allocate_here(Origin origin);
  boost::asio::awaitable<ErrorCode> lose_here(std::vector<Uuid> lost, Origin origin);

  // Why no command is taken now, or that the caller's time is up; kNone: go on.
  [[nodiscard]] ErrorCode refusal(const Origin& origin) const;
  // Queues `records` and returns when they are durable: kNone, or why not. After REQUEST_TIMED_OUT they may still be.
  boost::asio::awaitable<ErrorCode> commit(Records records, SteadyTime deadline);
  [[nodiscard]] Result<void> check_served(const ReplayedLog& replayed, const std::optional<QuorumState>& on_disk) const;
  void fail_for_good(const Error& error);
  Result<std::vector<Bytes>> quorum_batches(Offset first) const;
  Result<Bytes> registration_batch(const NodeRegistration& registration, Offset at);
  Result<std::vector<Bytes>> leadership_batches(const Image& image, const MovedLogs& moved, Offset first) const;
  // The batches of a start, all applied to the newest image.
  Result<Bytes> frame_start(const NodeRegistration& registration);
  boost::asio::awaitable<void> write_changes();
  std::vector<Change> next_group();
  boost::asio::awaitable<Result<void>> append_group(const std::vector<Change>& group);
  void give_up(const std::vector<Change>& group, const Error& error);

  Shard& shard_;
  Random& random_;
  MetadataLog& log_;
  SnapshotStore& snapshots_;
  ImagePublisher& images_;
  const config::BrokerSettings& settings_;
  const ControllerIdentity identity_;
  FailureListener failure_listener_;

  enum class State { kNew, kLoaded, kRunning, kFailed, kStopped };
  State state_ = State::kNew;
  LeaderEpoch last_log_epoch_{0};        // as it was loaded
  LeaderEpoch epoch_{0};                 // the raft epoch of this process
  Offset next_offset_{0};                // of the next record to be decided
  Offset append_offset_{0};              // of the next record to be appended
  LogReplay replay_;                     // from load() to start()
  std::vector<Bytes> bootstrap_;         // what a formatted directory begins with, from load() to start()
  bool open_transaction_ = false;        // of another node, in the log as it was loaded
  std::shared_ptr<const Image> newest_;  // with everything decided
  std::vector<Change> waiting_;          // decided, for the next append
  bool writing_ = false;
  SnapshotKeeper keeper_;
  TaskGroup tasks_;
};

}  // namespace weir::metadata
