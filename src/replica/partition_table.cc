#include "replica/partition_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/async/run_on.h"
#include "base/log.h"
#include "config/topic_settings.h"
#include "model/topic_name.h"
#include "replica/partition_rules.h"
#include "storage/removal.h"

namespace weir::replica {

ErrorCode TopicPartitions::reason_unserved(PartitionIndex index) const {
  const bool has_failed = std::ranges::find(failed, index) != failed.end();
  return has_failed ? ErrorCode::kKafkaStorageError : ErrorCode::kNotLeaderOrFollower;
}

const TopicPartitions* PartitionMap::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const TopicPartitions* PartitionMap::find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

std::size_t PartitionMap::partition_count() const {
  std::size_t count = 0;
  for (const auto& [id, topic] : by_id_) count += topic->partitions.size();
  return count;
}

void PartitionMap::put(std::shared_ptr<const TopicPartitions> topic) {
  erase(topic->id);
  by_name_.emplace(topic->name, topic);
  by_id_.emplace(topic->id, std::move(topic));
}

void PartitionMap::erase(const Uuid& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const auto topic = found->second;  // its name is the other map's key
  by_name_.erase(topic->name);
  by_id_.erase(found);
}

struct PartitionTable::Opening {
  TopicPartition name;
  Uuid topic_id;
  LeaderEpoch leader_epoch;
  PartitionRules rules;
  storage::LogOpenOptions options;

  bool is_new = false;  // its directory did not exist before
  Result<void> outcome;
  std::unique_ptr<storage::Log> log;
  ProducerStates producers;
};

struct PartitionTable::Change {
  std::shared_ptr<PartitionMap> map;  // as it is to be, new partitions null
  std::vector<Opening> openings;
  std::vector<std::shared_ptr<const TopicPartitions>> removed;
  std::vector<std::pair<std::shared_ptr<Partition>, PartitionRules>> rules_changed;
};

PartitionTable::PartitionTable(Ports ports)
    : ports_(std::move(ports)),
      map_(std::make_shared<const PartitionMap>()),
      reaper_(home(), ports_.helpers, ports_.fs),
      tasks_(home()) {
  const auto parallel_flushes = static_cast<std::uint32_t>(ports_.config.settings.weir_helper_threads);
  for (auto* shard : ports_.shards) {
    commit_loops_.push_back(
        std::make_unique<CommitLoop>(*shard, ports_.commit_helpers, ports_.commit, parallel_flushes));
  }
}

PartitionTable::~PartitionTable() = default;

Shard& PartitionTable::owner_of(const Uuid& topic_id, PartitionIndex index) const {
  // Neighbouring partitions of one topic land on different shards.
  const auto place = std::hash<Uuid>{}(topic_id) + static_cast<std::size_t>(index.value());
  return *ports_.shards[place % ports_.shards.size()];
}

boost::asio::awaitable<void> PartitionTable::open(std::shared_ptr<const metadata::Image> image,
                                                  LogOffsets checkpoints) {
  co_await apply(std::move(image), checkpoints);
  // A deletion that was cut short may have left directories and entries behind.
  const auto known = map();
  auto look_for_strays = [this, known] {
    set_strays_aside(*known);
    return ports_.directory.list_deleted();
  };
  auto deleted = co_await run_on_helper(ports_.helpers, home(), std::move(look_for_strays));
  if (deleted && !deleted->empty()) {
    reaper_.remove_later({.files = {}, .directories = *std::move(deleted), .segments = {}, .due = {}});
  }
  const bool has_stale_entry = std::ranges::any_of(
      checkpoints.recovery_points, [&known](const auto& entry) { return known->find(entry.first.topic) == nullptr; });
  if (!has_stale_entry) co_return;
  if (const auto written = co_await write_checkpoints(); !written) {
    log_error("checkpoints still name deleted partitions: {}", to_string(written.error()));
  }
}

void PartitionTable::set_strays_aside(const PartitionMap& known) const {
  auto& directory = ports_.directory;
  const auto present = directory.list_partitions();
  if (!present) {
    log_warn("{}: can't look for stray partitions: {}", directory.path().string(), to_string(present.error()));
    return;
  }
  for (const auto& name : *present) {
    if (name == TopicPartition{std::string(kMetadataTopic), PartitionIndex{0}}) continue;
    const auto* topic = known.find(name.topic);
    if (topic != nullptr && topic->has_partition(name.partition)) continue;
    const auto aside = directory.set_aside(name);
    if (aside) {
      log_warn("{}-{}: no topic claims this directory, it is {} now", name.topic, name.partition, aside->string());
    } else {
      log_warn("{}-{}: no topic claims this directory: {}", name.topic, name.partition, to_string(aside.error()));
    }
  }
}

void PartitionTable::note_failure(const Opening& opening) {
  const auto& error = opening.outcome.error();
  const bool may_pass = error.code == Errc::kNoSpace || error.code == Errc::kTooManyFiles;
  log_error("{}-{} is not served: {}", opening.name.topic, opening.name.partition, to_string(error));
  failures_[opening.name] = {.why = to_string(error), .may_pass = may_pass};
  if (opening.is_new) return;
  unopened_.recovery_points[opening.name] = opening.options.recovery_point;
  unopened_.log_starts[opening.name] = opening.options.log_start;
}

void PartitionTable::forget_failure(const TopicPartition& name) {
  failures_.erase(name);
  unopened_.recovery_points.erase(name);
  unopened_.log_starts.erase(name);
}

void PartitionTable::retry_failed() {
  if (following_) return;  // applied_ is old then, and the change under way tries as well
  const bool any = std::ranges::any_of(failures_, [](const auto& failure) { return failure.second.may_pass; });
  if (any) follow(applied_);
}

void PartitionTable::follow(std::shared_ptr<const metadata::Image> image) {
  next_ = std::move(image);
  if (following_ || closing_ || applied_ == nullptr) return;
  following_ = true;
  tasks_.start("follow metadata", follow_to_the_newest());
}

boost::asio::awaitable<void> PartitionTable::follow_to_the_newest() {
  while (next_ != nullptr && !closing_) {
    auto image = std::exchange(next_, nullptr);
    const auto checkpoints = unopened_;  // logs made after the start have none
    co_await apply(std::move(image), checkpoints);
  }
  following_ = false;
}

boost::asio::awaitable<void> PartitionTable::apply(std::shared_ptr<const metadata::Image> image,
                                                   const LogOffsets& checkpoints) {
  auto change = plan(*image, checkpoints);
  map_.publish(change.map);
  for (auto& [partition, rules] : change.rules_changed) {
    partition->owner().post([partition, rules] { partition->set_rules(rules); });
  }
  if (!change.removed.empty()) co_await remove_topics(std::move(change.removed));
  co_await open_logs(change.openings);

  std::unordered_map<Uuid, std::shared_ptr<TopicPartitions>> opened_topics;
  for (auto& opening : change.openings) {
    auto& topic = opened_topics[opening.topic_id];
    if (topic == nullptr) topic = std::make_shared<TopicPartitions>(*change.map->find(opening.topic_id));
    if (!opening.outcome) {
      note_failure(opening);
      topic->failed.push_back(opening.name.partition);
      continue;
    }
    forget_failure(opening.name);
    auto& owner = owner_of(opening.topic_id, opening.name.partition);
    topic->partitions[static_cast<std::size_t>(opening.name.partition.value())] = std::make_shared<Partition>(
        owner, ports_.clock, commit_loop(owner), Partition::Identity{opening.name, opening.topic_id},
        opening.leader_epoch, std::move(opening.rules), std::move(opening.log), std::move(opening.producers));
  }
  auto opened = std::make_shared<PartitionMap>(*change.map);
  for (auto& [id, topic] : opened_topics) opened->put(std::move(topic));
  map_.publish(std::move(opened));
  applied_ = std::move(image);
  end_applied_waits();
}

PartitionTable::Change PartitionTable::plan(const metadata::Image& image, const LogOffsets& checkpoints) const {
  static const metadata::Image kNothing;
  Change change{.map = std::make_shared<PartitionMap>(*map_.get()), .openings = {}, .removed = {}, .rules_changed = {}};
  const auto& before = applied_ == nullptr ? kNothing : *applied_;
  metadata::Image::for_each_changed_topic(before, image, [&](const auto& old, const auto& now) {
    if (now != nullptr) return plan_topic(change, *now, checkpoints);
    change.map->erase(old->id);
    if (const auto found = map_.get()->topics().find(old->id); found != map_.get()->topics().end()) {
      change.removed.push_back(found->second);
    }
  });
  std::set<std::string_view> retried;
  for (const auto& [name, failure] : failures_) {
    const auto topic = image.topic(name.topic);
    if (!failure.may_pass || topic == nullptr || !retried.insert(name.topic).second) continue;
    const bool planned = std::ranges::any_of(change.openings, [&](const Opening& o) { return o.name == name; });
    if (!planned) plan_topic(change, *topic, checkpoints);
  }
  return change;
}

void PartitionTable::plan_topic(Change& change, const metadata::Topic& topic, const LogOffsets& checkpoints) const {
  const auto& broker = ports_.config.settings;
  const config::TopicOverrides overrides(topic.configs->begin(), topic.configs->end());
  auto settings = config::resolve_topic_settings(broker, overrides);
  if (!settings) {
    log_error("topic {}: its configs don't resolve, the defaults hold: {}", topic.name, to_string(settings.error()));
    settings = config::topic_defaults(broker);
  }
  const auto rules = make_partition_rules(broker, *settings);

  auto planned = std::make_shared<TopicPartitions>();
  planned->name = topic.name;
  planned->id = topic.id;
  planned->is_internal = is_internal_topic(topic.name);
  if (const auto* known = change.map->find(topic.id); known != nullptr) planned->partitions = known->partitions;
  for (auto& partition : planned->partitions) {
    if (partition != nullptr) change.rules_changed.emplace_back(partition, rules);
  }
  planned->partitions.resize(std::max(planned->partitions.size(), topic.partitions.size()));
  // The new ones, and those whose log could not be opened before.
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    if (topic.partitions[i] == nullptr || planned->partitions[i] != nullptr) continue;
    Opening opening{.name = {topic.name, PartitionIndex(static_cast<std::int32_t>(i))},
                    .topic_id = topic.id,
                    .leader_epoch = topic.partitions[i]->leader_epoch,
                    .rules = rules,
                    .options = {.clean = ports_.directory.was_clean(), .on_batch = {}},
                    .is_new = false,
                    .outcome = {},
                    .log = nullptr,
                    .producers = {}};
    const auto offset_in = [&](const storage::OffsetCheckpoint& checkpoint) {
      const auto found = checkpoint.find(opening.name);
      return found == checkpoint.end() ? Offset{0} : found->second;
    };
    opening.options.recovery_point = offset_in(checkpoints.recovery_points);
    opening.options.log_start = offset_in(checkpoints.log_starts);
    change.openings.push_back(std::move(opening));
  }
  change.map->put(std::move(planned));
}

boost::asio::awaitable<void> PartitionTable::open_logs(std::vector<Opening>& openings) {
  if (openings.empty()) co_return;
  const auto lanes =
      std::min(openings.size(), static_cast<std::size_t>(std::max(ports_.config.settings.weir_helper_threads, 1)));
  std::vector<std::vector<Opening*>> shares(lanes);
  for (std::size_t i = 0; i < openings.size(); ++i) shares[i % lanes].push_back(&openings[i]);
  TaskGroup lanes_running(home());
  for (auto& share : shares) lanes_running.start("open logs", open_some(std::move(share)));
  co_await lanes_running.wait_until_empty();

  // The partition directories' own names: durable before anything in them is acknowledged.
  const auto named = co_await run_on_helper(ports_.helpers, home(),
                                            [this] { return ports_.fs.sync_directory(ports_.directory.path()); });
  if (named) co_return;
  for (auto& opening : openings) opening.outcome = named;
}

boost::asio::awaitable<void> PartitionTable::open_some(std::vector<Opening*> openings) {
  auto work = [this, held = std::move(openings)] {
    for (auto* opening : held) opening->outcome = open_log(*opening);
    return true;
  };
  co_await run_on_helper(ports_.helpers, home(), std::move(work));
}

Result<void> PartitionTable::open_log(Opening& opening) const {
  WEIR_TRY_ASSIGN(is_new, prepare_directory(opening));
  opening.is_new = is_new;
  // Checkpoints go by name: what they say is of an earlier topic then.
  if (is_new) opening.options.recovery_point = opening.options.log_start = Offset{0};
  opening.options.on_batch = [&opening](const record::BatchHeader& batch) {
    opening.producers.remember(batch, batch.max_timestamp);
  };
  auto log = storage::Log::open(ports_.fs, ports_.clock, ports_.random, ports_.directory.partition_path(opening.name),
                                opening.rules.log, opening.options);
  if (!log) return std::unexpected(std::move(log).error());
  opening.log = *std::move(log);
  opening.producers.expire(ports_.clock.wall_ms() - ports_.config.settings.producer_id_expiration_ms);
  return {};
}

Result<bool> PartitionTable::prepare_directory(const Opening& opening) const {
  const auto path = ports_.directory.partition_path(opening.name);
  WEIR_TRY_ASSIGN(exists, ports_.fs.exists(path));
  if (exists) {
    WEIR_TRY_ASSIGN(id, ports_.directory.read_partition_metadata(opening.name));
    if (id == opening.topic_id) return false;
    if (id.has_value()) {
      // A topic of the same name whose deletion was cut short, or metadata that is not this directory's.
      const auto aside = ports_.directory.set_aside(opening.name);
      if (!aside) return std::unexpected(aside.error());
      log_warn("{} belongs to topic {}, not to {}: it is {} now", path.string(), *id, opening.topic_id,
               aside->string());
      exists = false;
    }
  }
  if (!exists) WEIR_TRY(ports_.fs.create_directory(path));
  WEIR_TRY(ports_.directory.write_partition_metadata(opening.name, opening.topic_id));
  return !exists;
}

boost::asio::awaitable<void> PartitionTable::remove_topics(std::vector<std::shared_ptr<const TopicPartitions>> topics) {
  std::vector<TopicPartition> names;
  std::vector<std::shared_ptr<storage::Segment>> segments;
  for (const auto& topic : topics) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      names.push_back({topic->name, PartitionIndex(static_cast<std::int32_t>(i))});
      forget_failure(names.back());
      const auto& partition = topic->partitions[i];  // null when its log could not be opened
      if (partition == nullptr) continue;
      partition->owner().post([partition] { partition->close(); });
      const auto view = partition->view();
      segments.insert(segments.end(), view->segments().begin(), view->segments().end());
    }
  }
  if (const auto written = co_await write_checkpoints(); !written) {
    log_error("checkpoints still name deleted partitions: {}", to_string(written.error()));
  }
  // Renamed before anything else is applied, so that a topic of the same name finds the place free. The files go in
  // the background; readers hold them open as long as they need.
  auto rename_all = [this, names = std::move(names)] {
    std::vector<storage::Path> renamed;
    for (const auto& name : names) {
      auto moved = ports_.directory.mark_deleted(name);
      if (moved) {
        renamed.push_back(*std::move(moved));
      } else if (moved.error().code != Errc::kNotFound) {
        log_error("{}-{}: can't be marked deleted: {}", name.topic, name.partition, to_string(moved.error()));
      }
    }
    return renamed;
  };
  auto renamed = co_await run_on_helper(ports_.helpers, home(), std::move(rename_all));
  if (renamed.empty()) co_return;
  reaper_.remove_later({.files = {},
                        .directories = std::move(renamed),
                        .segments = std::move(segments),
                        .due = ports_.clock.steady() + Millis(ports_.config.settings.log_segment_delete_delay_ms)});
}

boost::asio::awaitable<bool> PartitionTable::wait_applied(Offset offset, SteadyTime deadline) {
  co_return co_await run_on(home(), wait_applied_here(offset, deadline));
}

boost::asio::awaitable<bool> PartitionTable::wait_applied_here(Offset offset, SteadyTime deadline) {
  if (applied_ != nullptr && applied_->offset >= offset) co_return true;
  if (closing_) co_return false;
  auto applied = make_one_shot<bool>(home());
  applied_waits_.emplace_back(offset, applied);
  const auto reached = co_await applied->wait(deadline);
  co_return reached.value_or(false);
}

void PartitionTable::end_applied_waits() {
  std::erase_if(applied_waits_, [this](const auto& wait) {
    if (wait.second->is_done()) return true;  // timed out
    if (!closing_ && applied_->offset < wait.first) return false;
    wait.second->set(applied_->offset >= wait.first);
    return true;
  });
}

namespace {

// Calls `visit` for every open partition that `owner` holds. Runs there.
template <class Visit>
boost::asio::awaitable<void> visit_owned(std::shared_ptr<const PartitionMap> map, const Shard& owner, Visit visit) {
  for (const auto& [id, topic] : map->topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition != nullptr && &partition->owner() == &owner) visit(*partition);
    }
  }
  co_return;
}

}  // namespace

boost::asio::awaitable<LogOffsets> PartitionTable::collect_offsets(std::vector<StartMove>& unsettled) {
  LogOffsets offsets;
  const auto collect = [&](Partition& partition) {
    const auto start = partition.start_to_checkpoint();
    offsets.recovery_points[partition.name()] = partition.log().recovery_point();
    offsets.log_starts[partition.name()] = start;
    offsets.high_watermarks[partition.name()] = partition.high_watermark();
    if (partition.is_start_unsettled()) unsettled.push_back({partition.shared_from_this(), start});
  };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, collect));
  co_return offsets;
}

boost::asio::awaitable<Result<void>> PartitionTable::write_checkpoints() {
  while (writing_checkpoints_) {
    auto turn = make_one_shot<bool>(home());
    checkpoint_turns_.push_back(turn);
    co_await turn->wait();
  }
  writing_checkpoints_ = true;
  // Asked within the turn: an older answer must not overwrite a newer one.
  std::vector<StartMove> unsettled;
  auto current = co_await collect_offsets(unsettled);
  current.recovery_points.insert(unopened_.recovery_points.begin(), unopened_.recovery_points.end());
  current.log_starts.insert(unopened_.log_starts.begin(), unopened_.log_starts.end());
  auto written = co_await run_on_helper(ports_.helpers, home(), [this, &current]() -> Result<void> {
    WEIR_TRY(ports_.directory.write_checkpoint(storage::kRecoveryPointFile, current.recovery_points));
    WEIR_TRY(ports_.directory.write_checkpoint(storage::kLogStartFile, current.log_starts));
    return ports_.directory.write_checkpoint(storage::kHighWatermarkFile, current.high_watermarks);
  });
  if (written) co_await settle_starts(std::move(unsettled));
  writing_checkpoints_ = false;
  if (!checkpoint_turns_.empty()) {
    checkpoint_turns_.front()->set(true);
    checkpoint_turns_.pop_front();
  }
  co_return written;
}

boost::asio::awaitable<void> PartitionTable::settle_starts(std::vector<StartMove> moves) {
  for (auto& move : moves) {
    std::vector<std::shared_ptr<storage::Segment>> gone;
    std::int64_t delay_ms = 0;
    auto settle = [](StartMove& of, std::vector<std::shared_ptr<storage::Segment>>& to,
                     std::int64_t& delay) -> boost::asio::awaitable<void> {
      to = of.partition->settle_start(of.start);
      delay = of.partition->rules().file_delete_delay_ms;
      co_return;
    };
    co_await run_on(move.partition->owner(), settle(move, gone, delay_ms));
    if (gone.empty()) continue;
    auto rename_all = [this, &gone]() -> Result<std::vector<storage::Path>> {
      std::vector<storage::Path> marked;
      for (const auto& segment : gone) {
        WEIR_TRY_ASSIGN(files, storage::mark_deleted(ports_.fs, *segment));
        marked.insert(marked.end(), files.begin(), files.end());
      }
      WEIR_TRY(ports_.fs.sync_directory(gone.front()->path().parent_path()));
      return marked;
    };
    auto marked = co_await run_on_helper(ports_.helpers, home(), std::move(rename_all));
    if (!marked) {
      // They lie below the log's start: the next start finds them and tries again.
      log_warn("{}-{}: deleted segments keep their names: {}", move.partition->name().topic,
               move.partition->name().partition, to_string(marked.error()));
      continue;
    }
    reaper_.remove_later({.files = *std::move(marked),
                          .directories = {},
                          .segments = std::move(gone),
                          .due = ports_.clock.steady() + Millis(delay_ms)});
  }
}

boost::asio::awaitable<Result<void>> PartitionTable::apply_retention(std::int64_t now_ms) {
  bool any = false;
  const auto apply = [now_ms, &any](Partition& partition) {
    partition.apply_retention(now_ms);
    any = any || partition.is_start_unsettled();
  };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, apply));
  if (any) co_return co_await write_checkpoints();
  co_return Result<void>{};
}

boost::asio::awaitable<void> PartitionTable::expire_producers(std::int64_t before_ms) {
  const auto expire = [before_ms](Partition& partition) { partition.expire_producers(before_ms); };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, expire));
}

boost::asio::awaitable<void> PartitionTable::flush_all() {
  const auto flush = [](Partition& partition) { partition.flush_soon(); };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, flush));
}

boost::asio::awaitable<void> PartitionTable::close_some(std::vector<std::shared_ptr<Partition>> partitions,
                                                        Result<void>& outcome) {
  auto close_all = [held = std::move(partitions)]() -> Result<void> {
    Result<void> first;
    for (const auto& partition : held) {
      if (auto log_closed = partition->close_log(); !log_closed && first) first = std::move(log_closed);
    }
    return first;
  };
  auto closed = co_await run_on_helper(ports_.helpers, home(), std::move(close_all));
  if (!closed && outcome) outcome = std::move(closed);
}

boost::asio::awaitable<Result<void>> PartitionTable::close() {
  closing_ = true;
  co_await tasks_.wait_until_empty();
  co_await reaper_.stop();
  end_applied_waits();
  const auto end_service = [](Partition& partition) { partition.close(); };
  for (auto* shard : ports_.shards) {
    co_await run_on(*shard, visit_owned(map(), *shard, end_service));
    co_await run_on(*shard, commit_loop(*shard).wait_until_idle());
  }

  const auto lanes = static_cast<std::size_t>(std::max(ports_.config.settings.weir_helper_threads, 1));
  std::vector<std::vector<std::shared_ptr<Partition>>> shares(lanes);
  std::size_t next_lane = 0;
  const auto last = map();
  for (const auto& [id, topic] : last->topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition != nullptr) shares[next_lane++ % lanes].push_back(partition);
    }
  }
  Result<void> outcome;
  TaskGroup lanes_running(home());
  for (auto& share : shares) {
    if (!share.empty()) lanes_running.start("close logs", close_some(std::move(share), outcome));
  }
  co_await lanes_running.wait_until_empty();
  co_return outcome;
}

}  // namespace weir::replica
