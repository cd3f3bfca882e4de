#include "broker/broker.h"

#include <algorithm>
#include <utility>

#include "api/dispatcher.h"
#include "base/async/run_on.h"
#include "base/check.h"
#include "base/log.h"

namespace weir::broker {
namespace {

constexpr std::uint64_t kQuorumStateBytesMax = 64 * kKiB;
constexpr std::string_view kMetadataTopic = "__cluster_metadata";
constexpr Uuid kMetadataTopicId{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr Millis kSleepMax = std::chrono::hours{24 * 365};  // intervals may be set to "never"

storage::LogSettings metadata_log_settings(const config::BrokerSettings& settings) {
  storage::LogSettings log;
  log.segment_bytes = settings.internal_metadata_log_segment_bytes.value_or(settings.metadata_log_segment_bytes);
  log.segment_ms = settings.metadata_log_segment_ms;
  return log;
}

}  // namespace

Broker::Broker(const config::LoadedConfig& config, BrokerPorts ports)
    : config_(config),
      ports_(std::move(ports)),
      steadied_clock_(config.settings.weir_clock_jump_max_ms),
      tasks_(home()) {}

Broker::~Broker() = default;

Result<std::unique_ptr<Broker>> Broker::open(const config::LoadedConfig& config, BrokerPorts ports) {
  std::unique_ptr<Broker> broker(new Broker(config, std::move(ports)));
  WEIR_TRY(broker->open_directory());
  WEIR_TRY(broker->open_further_directories());
  WEIR_TRY(broker->open_metadata());
  for (const auto& dir : broker->log_dirs_) {
    const auto begun = dir.files.begin_changes();
    if (!begun && &dir.files == broker->directory_.get()) return std::unexpected(begun.error());
    if (!begun) broker->partitions_->find_dir(dir.id)->fail(begun.error());
  }
  return broker;
}

Result<void> Broker::open_directory() {
  WEIR_TRY_ASSIGN(directory, storage::LogDirectory::open(ports_.fs, config::metadata_directory(config_.settings)));
  directory_ = std::move(directory);
  WEIR_TRY_ASSIGN(identity, directory_->read_identity());
  const NodeId node_id{config_.settings.node_id};
  if (!identity) return make_identity(node_id);
  if (identity->node_id != node_id) {
    return fail(Errc::kInvalidArgument, fmt::format("{}/meta.properties: it belongs to node.id {}, this broker is "
                                                    "configured as {}; set node.id or point log.dirs "
                                                    "elsewhere",
                                                    directory_->path().string(), identity->node_id, node_id));
  }
  identity_ = *std::move(identity);
  // Kafka before 3.7 gave none. Written by start(), when the rest of the directory has proved to be readable.
  if (identity_.directory_id.is_zero()) {
    identity_.directory_id = Uuid::random(ports_.random);
    identity_.checked = false;
  }
  return {};
}

Result<void> Broker::make_identity(NodeId node_id) {
  // Made before the metadata log on a first start, so its absence beside one is a loss.
  WEIR_TRY_ASSIGN(has_metadata, ports_.fs.exists(directory_->path() / kMetadataDirectory));
  if (has_metadata) {
    return fail(Errc::kCorrupt,
                fmt::format("{}/meta.properties: it is missing, and {} beside it belongs to a cluster; restore it from "
                            "a copy of the directory",
                            directory_->path().native(), kMetadataDirectory));
  }
  identity_ = {.cluster_id = Uuid::random(ports_.random).to_string(),
               .node_id = node_id,
               .directory_id = Uuid::random(ports_.random),
               .checked = true};
  return directory_->write_identity(identity_);
}

void Broker::add_log_dir(storage::LogDirectory& files, const Uuid& id) {
  auto* const commit_helpers = ports_.commit_helpers[log_dirs_.size() % ports_.commit_helpers.size()];
  log_dirs_.push_back({.files = files, .id = id, .commit_helpers = *commit_helpers});
}

Result<void> Broker::open_further_directories() {
  add_log_dir(*directory_, identity_.directory_id);
  for (const auto& path : config::log_directories(config_.settings)) {
    if (path == directory_->path()) continue;
    auto opened = open_further_directory(path);
    if (opened) {
      add_log_dir(*further_directories_.back(), *opened);
      continue;
    }
    // What its device can't do, the others can. Anything else is a mistake of somebody who should hear of it.
    if (!replica::is_fatal(opened.error()) && opened.error().code != Errc::kNotFound) {
      return std::unexpected(std::move(opened).error());
    }
    log_error("log directory {} is offline until the broker is started again: {}", path, to_string(opened.error()));
    is_a_directory_missing_ = true;
  }
  return {};
}

Result<Uuid> Broker::open_further_directory(const std::string& path) {
  WEIR_TRY_ASSIGN(directory, storage::LogDirectory::open(ports_.fs, path));
  WEIR_TRY_ASSIGN(identity, directory->read_identity());
  if (identity && (identity->cluster_id != identity_.cluster_id || identity->node_id != identity_.node_id)) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("{}: belongs to node {} of cluster {}, {} to node {} of cluster {}; the metadata lies in the "
                    "first of log.dirs, or where metadata.log.dir says",
                    path, identity->node_id, identity->cluster_id, directory_->path().string(), identity_.node_id,
                    identity_.cluster_id));
  }
  const auto has_id = [&identity](const auto& dir) { return dir.id == identity->directory_id; };
  if (identity && std::ranges::any_of(log_dirs_, has_id)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}/meta.properties: another of log.dirs has the same directory.id, "
                            "{}: one is a copy of the other; take the copy out of log.dirs",
                            path, identity->directory_id));
  }
  if (!identity || identity->directory_id.is_zero() || !identity->checked) {
    const bool keeps_id = identity && !identity->directory_id.is_zero();
    const auto id = keeps_id ? identity->directory_id : Uuid::random(ports_.random);
    identity = identity_;
    identity->directory_id = id;
    identity->checked = true;
    WEIR_TRY(directory->write_identity(*identity));
  }
  further_directories_.push_back(std::move(directory));
  return identity->directory_id;
}

Result<void> Broker::open_metadata() {
  const auto path = directory_->path() / kMetadataDirectory;
  // An unclean stop is recovered from the start of the log: it is small, and everything hangs on it.
  storage::LogOpenOptions options{.clean = directory_->was_clean()};
  auto log = storage::Log::open(ports_.fs, ports_.clock, ports_.random, path, metadata_log_settings(config_.settings),
                                options);
  if (!log) return std::unexpected(std::move(log).error());
  const auto& recovery = (*log)->recovery();
  for (const auto& range : recovery.damaged) {
    // What a snapshot covers is not read; what it does not cover is refused by the reading.
    log_warn("{}: the metadata log is damaged from offset {} to {}", path.native(), range.first, range.end);
  }
  metadata_log_ = std::make_shared<MetadataLogOnStorage>(home(), ports_.helpers, ports_.fs, *std::move(log));
  snapshots_ = std::make_unique<SnapshotFiles>(ports_.fs, path);

  partitions_ = std::make_unique<replica::PartitionTable>(replica::PartitionTable::Ports{
      .config = config_,
      .clock = ports_.clock,
      .random = ports_.random,
      .fs = ports_.fs,
      .directories = log_dirs_,
      .is_a_directory_missing = is_a_directory_missing_,
      .commit = ports_.commit,
      .helpers = ports_.helpers,
      .open_segments = ports_.open_segments,
      .recent_pages = ports_.recent_pages,
      .shards = ports_.shards,
      .on_offline = [this](const Uuid& id, const Error& why) { lose_directory(id, why); }});
  metadata_log_->use(partitions_->find_dir(identity_.directory_id)->commit_loop(home()));
  controller_ = std::make_unique<metadata::LocalController>(
      home(), ports_.helpers, ports_.random, *metadata_log_, *snapshots_, images_, config_.settings,
      metadata::ControllerIdentity{.node = identity_.node_id, .directory_id = identity_.directory_id});
  controller_->on_failure([this](const Error& error) {
    give_up("cluster metadata can't be written any more", error);
    partitions_->find_dir(identity_.directory_id)->report(error);  // no partition beside it can be trusted either
  });
  images_.subscribe([this](const auto& before, const auto& after) {
    if (before != nullptr) partitions_->follow(after);  // the first image is opened by start()
  });
  WEIR_TRY_ASSIGN(quorum_state, read_quorum_state());
  WEIR_TRY(controller_->load(quorum_state));
  for (const auto& dir : log_dirs_) dir.files.look_at_stamp(controller_->last_log_epoch());
  return {};
}

Result<std::optional<metadata::QuorumState>> Broker::read_quorum_state() const {
  const auto path = directory_->path() / kMetadataDirectory / metadata::kQuorumStateFile;
  WEIR_TRY_ASSIGN(exists, ports_.fs.exists(path));
  if (!exists) return std::nullopt;
  WEIR_TRY_ASSIGN(content, storage::read_whole_file(ports_.fs, path, kQuorumStateBytesMax));
  auto state = metadata::parse_quorum_state(as_text(content));
  if (!state) {
    auto error = std::move(state).error();
    error.context = fmt::format(
        "{}: {}; restore it from a copy, or, if this node is the only voter, move it away: the "
        "metadata log beside it knows the epoch too",
        path.native(), error.context);
    return std::unexpected(std::move(error));
  }
  return *std::move(state);
}

Result<void> Broker::write_state() const {
  if (!identity_.checked) WEIR_TRY(directory_->write_identity(identity_));
  const TopicPartition metadata{std::string(kMetadataTopic), PartitionIndex{0}};
  const auto topic_id = directory_->read_partition_metadata(metadata);
  if (!topic_id || *topic_id != kMetadataTopicId) {
    WEIR_TRY(directory_->write_partition_metadata(metadata, kMetadataTopicId));
  }
  WEIR_TRY(snapshots_->remove_leftovers());
  const auto quorum_state = controller_->next_quorum_state();
  // The epoch is Weir's before a stamp claims it: cut in between, nobody else leads in it.
  const auto path = directory_->path() / kMetadataDirectory / metadata::kQuorumStateFile;
  WEIR_TRY(storage::write_file_atomically(ports_.fs, path, as_bytes(metadata::to_json(quorum_state))));
  for (const auto& [files, id, commit_helpers] : log_dirs_) {
    if (!files.last_written_by_weir()) continue;
    const auto stamped = files.write_stamp(quorum_state.leader_epoch);
    if (!stamped && &files == directory_.get()) return stamped;
    if (!stamped) partitions_->find_dir(id)->report(stamped.error());
  }
  return {};
}

boost::asio::awaitable<void> Broker::stamp_recovered_directories() {
  std::vector<storage::LogDirectory*> recovered;
  for (const auto& [files, id, commit_helpers] : log_dirs_) {
    const auto* dir = partitions_->find_dir(id);
    if (files.last_written_by_weir() || dir->is_offline() || partitions_->has_unopened(*dir)) continue;
    recovered.push_back(&files);
  }
  if (recovered.empty()) co_return;
  // Kafka's may be empty, which Weir's never are.
  if (const auto written = co_await partitions_->write_checkpoints(); !written) co_return;
  auto stamp = [recovered = std::move(recovered), epoch = images_.get()->epoch]() -> Result<void> {
    for (auto* files : recovered) WEIR_TRY(files->write_stamp(epoch));
    return {};
  };
  const auto stamped = co_await run_on_helper(ports_.helpers, home(), std::move(stamp));
  if (!stamped) log_warn("after an unclean stop logs are taken for Kafka's: {}", to_string(stamped.error()));
}

void Broker::lose_directory(const Uuid& id, const Error& why) {
  if (id == identity_.directory_id) return give_up("the directory of the cluster's metadata is offline", why);
  const bool any_left =
      std::ranges::any_of(log_dirs_, [this](const auto& dir) { return !partitions_->find_dir(dir.id)->is_offline(); });
  if (!any_left) return give_up("every log directory is offline", why);
  // One that is lost during the start is told of at its end.
  if (has_started_ && !is_stopping_) tasks_.start("tell of lost directories", tell_of_lost_directories());
}

boost::asio::awaitable<void> Broker::tell_of_lost_directories() {
  constexpr Millis kPatience{30'000};
  std::vector<Uuid> lost;
  for (const auto& dir : log_dirs_) {
    if (partitions_->find_dir(dir.id)->is_offline()) lost.push_back(dir.id);
  }
  if (lost.empty()) co_return;
  metadata::Origin origin;
  origin.deadline = ports_.clock.steady() + kPatience;
  const auto told = co_await controller_->lose_directories(std::move(lost), std::move(origin));
  if (told != ErrorCode::kNone) {
    log_warn("the metadata still names leaders for what lies in directories that are offline: {}", to_string(told));
  }
}

void Broker::give_up(std::string_view reason, const Error& why) {
  if (failed_.exchange(true, std::memory_order_acq_rel)) return;
  log_error("{}: {}", reason, to_string(why));
  failure_reason_ = reason;
  if (failure_listener_) failure_listener_(why);
}

boost::asio::awaitable<Result<void>> Broker::start(std::vector<metadata::Endpoint> endpoints) {
  auto found = co_await partitions_->find_logs();
  if (!found) co_return found;
  auto written = co_await run_on_helper(ports_.helpers, home(), [this] { return write_state(); });
  if (!written) co_return written;
  metadata::NodeRegistration registration;
  registration.endpoints = std::move(endpoints);
  registration.rack = config_.settings.broker_rack;
  for (const auto& dir : log_dirs_) {
    if (!partitions_->find_dir(dir.id)->is_offline()) registration.log_dirs.push_back(dir.id);
  }
  registration.moved = co_await partitions_->moved_logs(controller_->loaded());
  auto started = co_await controller_->start(std::move(registration));
  if (!started) co_return started;

  co_await partitions_->open(images_.get());
  co_await stamp_recovered_directories();

  producer_ids_ = std::make_unique<replica::ProducerIds>(home(), *controller_);
  services_ = std::make_unique<api::Services>(api::Services{.config = config_,
                                                            .clock = ports_.clock,
                                                            .helpers = ports_.helpers,
                                                            .image = images_,
                                                            .controller = *controller_,
                                                            .partitions = *partitions_,
                                                            .producer_ids = *producer_ids_,
                                                            .cluster_id = identity_.cluster_id,
                                                            .node_id = identity_.node_id});
  static_cast<void>(age_clock_ms());  // jumps are told by what it was at the start
  tasks_.start("checkpoints", keep_checkpoints());
  has_started_ = true;
  tasks_.start("retention", keep_retention());
  tasks_.start("tell of lost directories", tell_of_lost_directories());
  co_return Result<void>{};
}

net::FrameHandler Broker::frame_handler() {
  return api::frame_handler(*services_);
}

boost::asio::awaitable<void> Broker::keep_checkpoints() {
  // Kafka takes 0 for "all the time"; once in this many milliseconds is as good.
  constexpr std::int32_t kIntervalMsMin = 100;
  const Millis interval{std::max(config_.settings.log_flush_offset_checkpoint_interval_ms, kIntervalMsMin)};
  while (co_await pause(interval)) co_await checkpoint();
}

boost::asio::awaitable<void> Broker::keep_retention() {
  auto until_next = Millis{config_.settings.log_initial_task_delay_ms};
  while (co_await pause(until_next)) {
    const auto applied = co_await partitions_->apply_retention(age_clock_ms());
    if (!applied) log_warn("what retention no longer keeps stays for now: {}", to_string(applied.error()));
    until_next = Millis{config_.settings.log_retention_check_interval_ms};
  }
}

boost::asio::awaitable<bool> Broker::pause(Millis time) {
  if (is_stopping_) co_return false;
  const auto woken = make_one_shot<bool>(home());
  sleepers_.insert(woken);
  co_await woken->wait(ports_.clock.steady() + std::min(time, kSleepMax));
  sleepers_.erase(woken);
  co_return !is_stopping_;
}

std::int64_t Broker::age_clock_ms() {
  const auto wall_ms = ports_.clock.wall_ms();
  const auto now_ms = steadied_clock_.now_ms(wall_ms, ports_.clock.steady());
  if (steadied_clock_.is_ahead() && !reported_clock_ahead_) {
    log_error(
        "the machine's clock has jumped ahead by {} s: nothing is deleted for its age until it has stood for a day",
        (wall_ms - now_ms) / 1000);
  }
  reported_clock_ahead_ = steadied_clock_.is_ahead();
  return now_ms;
}

boost::asio::awaitable<void> Broker::checkpoint() {
  co_await tell_of_lost_directories();
  partitions_->retry_failed();
  co_await partitions_->flush_all();  // what page-cache durability left to later
  co_await partitions_->expire_producers(age_clock_ms() - config_.settings.producer_id_expiration_ms);
  const auto written = co_await partitions_->write_checkpoints();
  if (!written) log_warn("checkpoints could not be written: {}", to_string(written.error()));
}

boost::asio::awaitable<Result<void>> Broker::stop() {
  is_stopping_ = true;
  for (const auto& sleeper : sleepers_) sleeper->set(true);
  co_await tasks_.wait_until_empty();
  co_await controller_->stop();
  co_await metadata_log_->finish_removals();
  auto outcome = co_await partitions_->close();
  if (!outcome) co_return outcome;
  const auto checkpointed = co_await partitions_->write_checkpoints();
  outcome = co_await run_on_helper(ports_.helpers, home(), [this]() -> Result<void> {
    WEIR_TRY(metadata_log_->close());
    if (failed_.load(std::memory_order_acquire)) return fail(Errc::kIo, "cluster metadata could not be written");
    for (const auto& [files, id, commit_helpers] : log_dirs_) {
      const auto* dir = partitions_->find_dir(id);
      // What was never opened was never recovered: the next start must not take it for clean.
      if (dir->is_offline() || !dir->is_checkpointed || partitions_->has_unopened(*dir)) continue;
      WEIR_TRY(files.write_clean_marker(broker_epoch()));
    }
    return {};
  });
  co_return outcome ? checkpointed : outcome;
}

void Broker::on_failure(std::function<void(const Error&)> listener) {
  failure_listener_ = std::move(listener);
}

std::int64_t Broker::broker_epoch() const {
  const auto registered = images_.get()->broker(identity_.node_id);
  return registered == nullptr ? -1 : registered->epoch;
}

std::vector<std::string> Broker::unready_reasons() const {
  std::vector<std::string> reasons;
  if (!has_started_) reasons.push_back("starting: " + partitions_->opening_progress());
  if (failed_.load(std::memory_order_acquire)) reasons.emplace_back(failure_reason_);
  for (const auto& [name, failure] : partitions_->failures()) {
    if (failure.dir == nullptr || failure.dir->is_offline()) continue;  // one directory less is no reason to go away
    reasons.push_back(fmt::format("partition {}-{} is not served: {}", name.topic, name.partition, failure.why));
  }
  return reasons;
}

}  // namespace weir::broker
