// The broker in one object: opens its directory, starts the controller and the partitions, answers frames, and stops
// cleanly. Everything nondeterministic is a port (design decision 11), so tests run several of them in one thread.
//
// Order of life: open() → start() → frames → stop(). start() and stop() run on shard 0; what they do that blocks
// runs on helpers. Nothing is answered before start() has returned.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/services.h"
#include "base/async/helpers.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "base/random.h"
#include "broker/metadata_log_on_storage.h"
#include "broker/snapshot_files.h"
#include "config/loader.h"
#include "metadata/local_controller.h"
#include "net/frame_handler.h"
#include "replica/partition_table.h"
#include "replica/producer_ids.h"
#include "replica/steadied_clock.h"
#include "storage/log_directory.h"

namespace weir::broker {

// What a broker stands on; outlives it.
struct BrokerPorts {
  storage::FileSystem& fs;
  storage::GroupCommit& commit;
  const Clock& clock;
  Random& random;  // used on every shard, and on helpers at start: safe for that
  Helpers& helpers;
  // For flushes alone: nothing that is slow may stand between a write and its ack. One for each of log.dirs, so that a
  // device that hangs holds up nobody's acks but its own; fewer are shared in turn.
  std::vector<Helpers*> commit_helpers;
  storage::OpenSegments* open_segments = nullptr;  // null: nothing limits how many are open
  storage::RecentPages* recent_pages = nullptr;    // null: the kernel decides what stays in the page cache
  std::vector<Shard*> shards;
};

class Broker {
 public:
  // Takes the directory's lock, reads its identity (or makes one: a new cluster), recovers and replays the metadata
  // log. Blocks; no shard needs to run yet. kBusy: another process has the directory, nothing was touched.
  static Result<std::unique_ptr<Broker>> open(const config::LoadedConfig& config, BrokerPorts ports);
  ~Broker();

  // Takes over the node's leadership in a new epoch and recovers every partition. `endpoints` are the advertised ones.
  boost::asio::awaitable<Result<void>> start(std::vector<metadata::Endpoint> endpoints);

  // After start(): answers the frames of connections on any of the shards.
  [[nodiscard]] net::FrameHandler frame_handler();

  // Clean stop: everything flushed, logs closed, checkpoints and the marker written. No request may start any more; the
  // waits of those that run end. An error: the marker is not there, the next start recovers.
  boost::asio::awaitable<Result<void>> stop();

  // Called on shard 0 when the broker can't go on (its metadata can't be written any more).
  void on_failure(std::function<void(const Error&)> listener);

  // Shard 0: why the broker should not get traffic; empty: it should.
  [[nodiscard]] std::vector<std::string> unready_reasons() const;
  [[nodiscard]] std::size_t partition_count() const { return partitions_->map()->partition_count(); }
  [[nodiscard]] const std::string& cluster_id() const { return identity_.cluster_id; }
  [[nodiscard]] const api::Services& services() const { return *services_; }

 private:
  Broker(const config::LoadedConfig& config, BrokerPorts ports);

  Result<void> open_directory();
  Result<void> make_identity(NodeId node_id);
  Result<void> open_metadata();
  Result<std::optional<metadata::QuorumState>> read_quorum_state() const;
  // Takes the next epoch on disk, and whatever else has to be there before anything is written in its name.
  Result<void> write_state() const;
  // Says of the directories that Kafka wrote last, and whose logs have been recovered, that they are Weir's.
  boost::asio::awaitable<void> stamp_recovered_directories();
  // Of log.dirs, all but that of the metadata. One whose device fails is left out.
  Result<void> open_further_directories();
  void add_log_dir(storage::LogDirectory& files, const Uuid& id);
  Result<Uuid> open_further_directory(const std::string& path);
  void lose_directory(const Uuid& id, const Error& why);
  // Tells the controller of the directories that are offline, unless it knows.
  boost::asio::awaitable<void> tell_of_lost_directories();
  // Tells whoever runs the broker that it can't go on.
  void give_up(std::string_view reason, const Error& why);
  boost::asio::awaitable<void> keep_checkpoints();
  boost::asio::awaitable<void> checkpoint();
  boost::asio::awaitable<void> keep_retention();
  // False: the broker stops.
  boost::asio::awaitable<bool> pause(Millis time);
  // Wall time for what is deleted by its age.
  [[nodiscard]] std::int64_t age_clock_ms();
  [[nodiscard]] std::int64_t broker_epoch() const;  // the offset of this process's registration
  [[nodiscard]] Shard& home() const { return *ports_.shards.front(); }

  const config::LoadedConfig& config_;
  BrokerPorts ports_;
  std::unique_ptr<storage::LogDirectory> directory_;  // of the metadata
  storage::DirectoryIdentity identity_;               // that directory's
  std::vector<std::unique_ptr<storage::LogDirectory>> further_directories_;
  std::vector<replica::PartitionTable::Directory> log_dirs_;  // all of them, as far as they could be opened
  bool is_a_directory_missing_ = false;
  std::shared_ptr<MetadataLogOnStorage> metadata_log_;
  std::unique_ptr<SnapshotFiles> snapshots_;
  metadata::ImagePublisher images_;
  std::unique_ptr<metadata::LocalController> controller_;
  std::unique_ptr<replica::PartitionTable> partitions_;
  std::unique_ptr<replica::ProducerIds> producer_ids_;
  std::unique_ptr<api::Services> services_;
  std::function<void(const Error&)> failure_listener_;
  std::atomic<bool> failed_ = false;
  std::string failure_reason_;
  replica::SteadiedClock steadied_clock_;
  bool reported_clock_ahead_ = false;
  std::set<std::shared_ptr<OneShot<bool>>> sleepers_;  // the background tasks between two rounds
  bool has_started_ = false;
  bool is_stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace weir::broker
