#include "replica/partition_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/async/run_on.h"
#include "base/log.h"
#include "base/planted_bug.h"
#include "config/topic_settings.h"
#include "model/topic_name.h"
#include "replica/owned_partitions.h"
#include "replica/partition_rules.h"

namespace weir::replica {
namespace {

// One wrong character of an id's 22 changes at most this many bytes; ids drawn by chance differ in nearly all sixteen.
constexpr std::size_t kDamagedIdBytesMax = 2;

std::size_t differing_bytes(const Uuid& a, const Uuid& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) count += a.bytes[i] != b.bytes[i] ? 1 : 0;
  return count;
}

}  // namespace

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
  LogDir* dir;  // null: it is not here
  LeaderEpoch leader_epoch;
  PartitionRules rules;
  storage::LogOpenOptions options;

  bool is_new = false;  // its directory did not exist before, or only since an attempt that failed
  Result<void> outcome;
  std::unique_ptr<storage::Log> log;
  RestoredProducers producers;
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
  for (const auto& directory : ports_.directories) {
    const LogDir::Ports dir_ports{.files = directory.files,
                                  .id = directory.id,
                                  .commit = ports_.commit,
                                  .commit_helpers = directory.commit_helpers,
                                  .flushes_max = static_cast<std::uint32_t>(ports_.config.settings.weir_sync_threads),
                                  .shards = ports_.shards};
    dirs_.push_back(
        std::make_unique<LogDir>(dir_ports, [this](const LogDir& dir, const Error& why) { take_offline(dir, why); }));
  }
}

PartitionTable::~PartitionTable() = default;

Shard& PartitionTable::owner_of(const Uuid& topic_id, PartitionIndex index) const {
  // Neighbouring partitions of one topic land on different shards.
  const auto place = std::hash<Uuid>{}(topic_id) + static_cast<std::size_t>(index.value());
  return *ports_.shards[place % ports_.shards.size()];
}

LogDir* PartitionTable::find_dir(const Uuid& id) const {
  const auto found = std::ranges::find(dirs_, id, [](const auto& dir) { return dir->id(); });
  return found == dirs_.end() ? nullptr : found->get();
}

bool PartitionTable::has_unopened(const LogDir& dir) const {
  return std::ranges::any_of(failures_, [&dir](const auto& failure) { return failure.second.dir == &dir; });
}

Result<std::map<TopicPartition, std::vector<LogDir*>>> PartitionTable::read_directories() {
  std::map<TopicPartition, std::vector<LogDir*>> found;
  for (auto& dir : dirs_) {
    auto read = read_directory(*dir, found);
    if (read) continue;
    // What this device can't tell, it may tell after the next start. The others go on.
    if (!is_fatal(read.error())) return std::unexpected(std::move(read).error());
    dir->fail(read.error());
  }
  return found;
}

Result<void> PartitionTable::read_directory(LogDir& dir, std::map<TopicPartition, std::vector<LogDir*>>& found) {
  WEIR_TRY_ASSIGN(checkpoints, dir.files().read_checkpoints());
  WEIR_TRY_ASSIGN(partitions, dir.files().list_partitions());
  dir.durable = checkpoints.offsets;
  dir.unopened = std::move(checkpoints.offsets);
  dir.starts_known = checkpoints.starts_known;
  dir.is_checkpointed = checkpoints.agree;
  for (auto& name : partitions) found[std::move(name)].push_back(&dir);
  return {};
}

boost::asio::awaitable<Result<void>> PartitionTable::find_logs() {
  auto found = co_await run_on_helper(ports_.helpers, home(), [this] { return read_directories(); });
  if (!found) co_return std::unexpected(std::move(found).error());
  on_disk_ = *std::move(found);
  co_return Result<void>{};
}

boost::asio::awaitable<metadata::MovedLogs> PartitionTable::moved_logs(const metadata::Image& image) {
  auto look = [this, &image] {
    metadata::MovedLogs moved;
    for (const auto& [name, dirs] : on_disk_) {
      const auto topic = image.topic(name.topic);
      if (topic == nullptr || topic->partition(name.partition) == nullptr) continue;
      if (is_where_it_should_be(name, dirs, image)) continue;
      // Another topic's of the same name is none of it. One that does not say whose it is may be the log itself, but
      // only while none can lie in a directory that is missing.
      const auto id = dirs.front()->files().read_partition_metadata(name);
      const bool says_whose = id && *id;
      if (!says_whose && is_a_directory_missing()) continue;
      const bool is_others = says_whose && differing_bytes(**id, topic->id) > kDamagedIdBytesMax;
      if (!is_others) moved.emplace(name, dirs.front()->id());
    }
    return moved;
  };
  co_return co_await run_on_helper(ports_.helpers, home(), std::move(look));
}

boost::asio::awaitable<void> PartitionTable::open(std::shared_ptr<const metadata::Image> image) {
  opened_ = make_one_shot<bool>(home());
  TaskGroup telling(home());
  telling.start("tell progress", tell_progress());
  is_starting_ = true;
  co_await apply(image);
  is_starting_ = false;
  serving_ = true;
  opened_->set(true);
  co_await telling.wait_until_empty();
  // A deletion that was cut short may have left directories and entries behind.
  auto look_for_strays = [this, image] {
    set_strays_aside(*image);
    std::vector<storage::Path> deleted;
    for (const auto& dir : dirs_) {
      auto left = dir->files().list_deleted();
      if (left) deleted.insert(deleted.end(), left->begin(), left->end());
    }
    return deleted;
  };
  auto deleted = co_await run_on_helper(ports_.helpers, home(), std::move(look_for_strays));
  if (!deleted.empty()) {
    reaper_.remove_later({.files = {}, .directories = std::move(deleted), .segments = {}, .due = {}});
  }
  std::erase_if(on_disk_, [&](const auto& entry) { return is_where_it_should_be(entry.first, entry.second, *image); });
  // What is left belongs to logs that could not be opened, or to topics that are no more.
  bool must_write = false;
  for (auto& dir : dirs_) {
    const auto is_stale = [this](const auto& entry) { return !failures_.contains(entry.first); };
    must_write = std::erase_if(dir->unopened.recovery_points, is_stale) != 0 || must_write;
    must_write = std::erase_if(dir->unopened.log_starts, is_stale) != 0 || must_write;
    must_write = (!dir->is_checkpointed && !dir->is_offline()) || must_write;
    dir->unopened.high_watermarks.clear();
    // What was recovered is durable, and few of the logs have an index entry that says so: one file says it of all.
    // A first start writes it too: without the copy no later one knows where a log begins.
    must_write = must_write || !dir->files().was_clean();
  }
  if (!must_write) co_return;
  if (const auto written = co_await write_checkpoints(); !written) {
    log_error("the checkpoints are those of the last run: {}", to_string(written.error()));
  }
}

boost::asio::awaitable<void> PartitionTable::tell_progress() {
  constexpr Millis kInterval{3000};
  for (;;) {
    const auto done = co_await opened_->wait(ports_.clock.steady() + kInterval);
    if (done) co_return;
    opened_ = make_one_shot<bool>(home());  // one that timed out can't be set any more
    log_info("starting: {}", opening_progress());
  }
}

std::string PartitionTable::opening_progress() const {
  return fmt::format("{} of {} partitions are open, {:.2f} GB of unclean tails read",
                     logs_opened_.load(std::memory_order_relaxed), logs_to_open_.load(std::memory_order_relaxed),
                     static_cast<double>(scanned_bytes_.load(std::memory_order_relaxed)) / 1e9);
}

void PartitionTable::set_strays_aside(const metadata::Image& known) const {
  for (const auto& [name, dirs] : on_disk_) {
    if (name == TopicPartition{std::string(kMetadataTopic), PartitionIndex{0}}) continue;
    const auto topic = known.topic(name.topic);
    const auto* partition = topic == nullptr ? nullptr : topic->partition(name.partition);
    const auto* claimed = partition == nullptr ? nullptr : place_of(name, *partition);
    if (partition != nullptr && claimed == nullptr) continue;
    for (auto* dir : dirs) {
      if (dir == claimed) continue;
      const auto aside = dir->files().set_aside(name);
      if (aside) {
        log_warn("{}: no topic claims this directory, it is {} now", dir->files().partition_path(name).string(),
                 aside->string());
      } else if (aside.error().code != Errc::kNotFound) {
        log_warn("{}: no topic claims this directory: {}", dir->files().partition_path(name).string(),
                 to_string(aside.error()));
      }
    }
  }
}

LogDir* PartitionTable::place_of(const TopicPartition& name, const metadata::Partition& partition) const {
  // One that could not be opened stays where it was looked for: nowhere else is its log.
  if (const auto failed = failures_.find(name); failed != failures_.end()) return failed->second.dir;
  const auto assigned = partition.directory_of(NodeId{ports_.config.settings.node_id});
  auto* place = assigned ? find_dir(*assigned) : nullptr;
  const auto found = on_disk_.find(name);
  // The start has told the metadata where logs lie that were moved; but Kafka before 3.7 had no ids to tell.
  if (!assigned && found != on_disk_.end()) return found->second.front();
  const bool is_there = found != on_disk_.end() && std::ranges::find(found->second, place) != found->second.end();
  // It may lie in the one that is missing.
  if (is_starting_ && !is_there && is_a_directory_missing()) return nullptr;
  return place == nullptr && !assigned ? dirs_.front().get() : place;
}

bool PartitionTable::is_a_directory_missing() const {
  return ports_.is_a_directory_missing || std::ranges::any_of(dirs_, [](const auto& dir) { return dir->is_offline(); });
}

bool PartitionTable::is_where_it_should_be(const TopicPartition& name, const std::vector<LogDir*>& found,
                                           const metadata::Image& image) const {
  const auto topic = image.topic(name.topic);
  const auto* partition = topic == nullptr ? nullptr : topic->partition(name.partition);
  if (partition == nullptr) return true;  // a stray; it was set aside
  const auto assigned = partition->directory_of(NodeId{ports_.config.settings.node_id});
  return assigned && std::ranges::find(found, find_dir(*assigned)) != found.end();
}

void PartitionTable::take_offline(const LogDir& dir, const Error& why) {
  log_error("log directory {} is offline until the broker is started again: {}", dir.path().string(), to_string(why));
  publish(std::make_shared<PartitionMap>(*map_.get()));
  ports_.on_offline(dir.id(), why);
}

void PartitionTable::publish(std::shared_ptr<PartitionMap> map) {
  const auto is_lost = [](const auto& partition) { return partition != nullptr && partition->log_dir().is_offline(); };
  std::vector<std::shared_ptr<TopicPartitions>> changed;
  if (std::ranges::any_of(dirs_, [](const auto& dir) { return dir->is_offline(); })) {
    for (const auto& [id, topic] : map->topics()) {
      if (std::ranges::none_of(topic->partitions, is_lost)) continue;
      changed.push_back(std::make_shared<TopicPartitions>(*topic));
      auto& partitions = changed.back()->partitions;
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (!is_lost(partitions[i])) continue;
        partitions[i]->owner().post([lost = partitions[i]] { lost->fail(lost->log_dir().why_offline()); });
        partitions[i] = nullptr;
        changed.back()->failed.emplace_back(static_cast<std::int32_t>(i));
      }
    }
  }
  for (auto& topic : changed) map->put(std::move(topic));
  map_.publish(std::move(map));
}

void PartitionTable::note_failure(const Opening& opening) {
  const auto& error = opening.outcome.error();
  const bool may_pass = error.code == Errc::kNoSpace || error.code == Errc::kTooManyFiles;
  // What goes with its directory was told once, of that.
  if (opening.dir == nullptr || !opening.dir->is_offline()) {
    log_error("{}-{} is not served: {}", opening.name.topic, opening.name.partition, to_string(error));
  }
  if (opening.dir != nullptr) opening.dir->report(error);
  failures_[opening.name] = {
      .why = to_string(error), .dir = opening.dir, .may_pass = may_pass, .is_new = opening.is_new};
  if (opening.is_new) forget_checkpoints(opening.name);
}

void PartitionTable::forget_failure(const TopicPartition& name) {
  failures_.erase(name);
  forget_checkpoints(name);
}

void PartitionTable::forget_checkpoints(const TopicPartition& name) {
  for (auto& dir : dirs_) {
    dir->unopened.recovery_points.erase(name);
    dir->unopened.log_starts.erase(name);
  }
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
    co_await apply(std::move(image));
  }
  following_ = false;
}

boost::asio::awaitable<void> PartitionTable::apply(std::shared_ptr<const metadata::Image> image) {
  auto change = plan(*image);
  publish(change.map);
  for (auto& [partition, rules] : change.rules_changed) {
    partition->owner().post([partition, rules] { partition->set_rules(rules); });
  }
  if (!change.removed.empty()) co_await remove_topics(std::move(change.removed));
  co_await open_logs(change.openings);
  co_await forget_predecessors(change.openings);

  std::unordered_map<Uuid, std::shared_ptr<TopicPartitions>> opened_topics;
  for (auto& opening : change.openings) {
    auto& topic = opened_topics[opening.topic_id];
    if (topic == nullptr) topic = std::make_shared<TopicPartitions>(*change.map->find(opening.topic_id));
    std::erase(topic->failed, opening.name.partition);
    if (!opening.outcome) {
      note_failure(opening);
      topic->failed.push_back(opening.name.partition);
      continue;
    }
    forget_failure(opening.name);
    auto& owner = owner_of(opening.topic_id, opening.name.partition);
    topic->partitions[static_cast<std::size_t>(opening.name.partition.value())] = std::make_shared<Partition>(
        owner, ports_.clock, *opening.dir, Partition::Identity{opening.name, opening.topic_id}, opening.leader_epoch,
        std::move(opening.rules), std::move(opening.log), std::move(opening.producers));
  }
  auto opened = std::make_shared<PartitionMap>(*change.map);
  for (auto& [id, topic] : opened_topics) opened->put(std::move(topic));
  publish(std::move(opened));
  applied_ = std::move(image);
  end_applied_waits();
}

// The checkpoints go by name. A new log whose name they still hold would be taken for an older one's after a power cut.
boost::asio::awaitable<void> PartitionTable::forget_predecessors(std::vector<Opening>& openings) {
  const auto is_named = [](const Opening& opening) {
    if (!opening.outcome || !opening.is_new) return false;
    const auto& durable = opening.dir->durable;
    return !opening.dir->is_checkpointed || durable.recovery_points.contains(opening.name) ||
           durable.log_starts.contains(opening.name);
  };
  if (std::ranges::none_of(openings, is_named)) co_return;
  for (const auto& opening : openings) {
    if (is_named(opening)) forget_checkpoints(opening.name);
  }
  const auto written = co_await write_checkpoints();
  for (auto& opening : openings) {
    if (!is_named(opening)) continue;  // forgotten by now
    opening.outcome =
        written ? fail(Errc::kNoSpace, "the checkpoints still name its predecessor") : std::unexpected(written.error());
    opening.log = nullptr;
  }
}

PartitionTable::Change PartitionTable::plan(const metadata::Image& image) const {
  static const metadata::Image kNothing;
  Change change{.map = std::make_shared<PartitionMap>(*map_.get()), .openings = {}, .removed = {}, .rules_changed = {}};
  const auto& before = applied_ == nullptr ? kNothing : *applied_;
  metadata::Image::for_each_changed_topic(before, image, [&](const auto& old, const auto& now) {
    if (now != nullptr) return plan_topic(change, *now);
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
    if (!planned) plan_topic(change, *topic);
  }
  return change;
}

void PartitionTable::plan_topic(Change& change, const metadata::Topic& topic) const {
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
  if (const auto* known = change.map->find(topic.id); known != nullptr) {
    planned->partitions = known->partitions;
    planned->failed = known->failed;  // until they are open
  }
  for (auto& partition : planned->partitions) {
    if (partition != nullptr) change.rules_changed.emplace_back(partition, rules);
  }
  planned->partitions.resize(std::max(planned->partitions.size(), topic.partitions.size()));
  // The new ones, and those whose log could not be opened before.
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    if (topic.partitions[i] == nullptr || planned->partitions[i] != nullptr) continue;
    const TopicPartition name{topic.name, PartitionIndex(static_cast<std::int32_t>(i))};
    auto* const dir = place_of(name, *topic.partitions[i]);
    const auto failed = failures_.find(name);
    Opening opening{.name = name,
                    .topic_id = topic.id,
                    .dir = dir,
                    .leader_epoch = topic.partitions[i]->leader_epoch,
                    .rules = rules,
                    .options = {.clean = dir != nullptr && dir->files().was_clean(),
                                .last_written_by_weir = dir == nullptr || dir->files().last_written_by_weir()},
                    .is_new = failed != failures_.end() && failed->second.is_new,
                    .outcome = {},
                    .log = nullptr,
                    .producers = {}};
    const auto offset_in = [&name](const storage::OffsetCheckpoint& checkpoint) {
      const auto found = checkpoint.find(name);
      return found == checkpoint.end() ? Offset{0} : found->second;
    };
    if (dir != nullptr) {
      opening.options.recovery_point = offset_in(dir->unopened.recovery_points);
      opening.options.log_start = offset_in(dir->unopened.log_starts);
      opening.options.knows_log_start = dir->starts_known;
    }
    change.openings.push_back(std::move(opening));
  }
  change.map->put(std::move(planned));
}

// Nearly all that opening and closing a crowd of logs takes is waiting for syncs, which share the file system's journal
// when many run at a time: before anything is served and after, the sync threads do it. In between they belong to acks.
Helpers& PartitionTable::lane_helpers(const LogDir* dir) const {
  return serving_ || dir == nullptr ? ports_.helpers : dir->commit_helpers();
}

std::size_t PartitionTable::lane_count() const {
  const auto& settings = ports_.config.settings;
  return static_cast<std::size_t>(std::max(serving_ ? settings.weir_helper_threads : settings.weir_sync_threads, 1));
}

namespace {

// At most `count` parts of about the same size.
template <class T>
std::vector<std::vector<T>> shares_of(const std::vector<T>& all, std::size_t count) {
  std::vector<std::vector<T>> shares(std::min(all.size(), count));
  for (std::size_t i = 0; i < all.size(); ++i) shares[i % shares.size()].push_back(all[i]);
  return shares;
}

}  // namespace

boost::asio::awaitable<void> PartitionTable::open_logs(std::vector<Opening>& openings) {
  if (openings.empty()) co_return;
  logs_to_open_.store(openings.size(), std::memory_order_relaxed);
  logs_opened_.store(0, std::memory_order_relaxed);
  // No directory waits for another's device.
  std::map<const LogDir*, std::vector<Opening*>> openings_by_dir;
  for (auto& opening : openings) openings_by_dir[opening.dir].push_back(&opening);
  TaskGroup lanes_running(home());
  for (const auto& [dir, here] : openings_by_dir) {
    for (auto& share : shares_of(here, lane_count())) {
      lanes_running.start("open logs", open_some(lane_helpers(dir), std::move(share)));
    }
  }
  co_await lanes_running.wait_until_empty();

  // The partition directories' own names: durable before anything in them is acknowledged.
  for (auto& dir : dirs_) {
    const auto is_here = [&dir](const Opening& opening) { return opening.dir == dir.get() && opening.outcome; };
    if (std::ranges::none_of(openings, is_here)) continue;
    const auto named =
        co_await run_on_helper(ports_.helpers, home(), [this, &dir] { return ports_.fs.sync_directory(dir->path()); });
    if (named) continue;
    for (auto& opening : openings) {
      if (is_here(opening)) opening.outcome = named;
    }
  }
}

boost::asio::awaitable<void> PartitionTable::open_some(Helpers& helpers, std::vector<Opening*> openings) {
  auto work = [this, held = std::move(openings)] {
    for (auto* opening : held) {
      opening->options.scanned_bytes = &scanned_bytes_;
      opening->options.open_segments = ports_.open_segments;
      opening->options.recent_pages = ports_.recent_pages;
      opening->outcome = open_log(*opening);
      logs_opened_.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
  };
  co_await run_on_helper(helpers, home(), std::move(work));
}

Result<void> PartitionTable::open_log(Opening& opening) const {
  if (opening.dir == nullptr) {
    return fail(Errc::kNotFound,
                "it is in none of the log directories that could be opened; one that is missing or offline may hold "
                "it: start again with that one");
  }
  if (opening.dir->is_offline()) return fail(Errc::kIo, fmt::format("{} is offline", opening.dir->path().string()));
  WEIR_TRY_ASSIGN(is_new, prepare_directory(opening));
  opening.is_new = opening.is_new || is_new;
  // Checkpoints go by name: what they say is of an earlier topic then.
  if (opening.is_new) opening.options.recovery_point = opening.options.log_start = Offset{0};
  auto log = storage::Log::open(ports_.fs, ports_.clock, ports_.random,
                                opening.dir->files().partition_path(opening.name), opening.rules.log, opening.options);
  if (!log) return std::unexpected(std::move(log).error());
  opening.log = *std::move(log);
  auto producers = restore_producers(ports_.fs, *opening.log, opening.options.clean);
  if (!producers) return std::unexpected(std::move(producers).error());
  opening.producers = *std::move(producers);
  if (is_planted(PlantedBug::kProducersForgotten)) opening.producers.states = {};
  opening.producers.states.expire(ports_.clock.wall_ms() - ports_.config.settings.producer_id_expiration_ms);
  return {};
}

Result<bool> PartitionTable::prepare_directory(const Opening& opening) const {
  auto& directory = opening.dir->files();
  const auto path = directory.partition_path(opening.name);
  WEIR_TRY_ASSIGN(exists, ports_.fs.exists(path));
  if (exists) {
    WEIR_TRY_ASSIGN(id, directory.read_partition_metadata(opening.name));
    if (id == opening.topic_id) return false;
    if (id.has_value() && differing_bytes(*id, opening.topic_id) <= kDamagedIdBytesMax) {
      return fail(Errc::kCorrupt,
                  fmt::format("{}/partition.metadata names topic {}, which is {} but for a character: to "
                              "repair, write the latter into it",
                              path.string(), *id, opening.topic_id));
    }
    if (id.has_value()) {
      // A topic of the same name whose deletion was cut short, or metadata that is not this directory's.
      const auto aside = directory.set_aside(opening.name);
      if (!aside) return std::unexpected(aside.error());
      log_warn("{} belongs to topic {}, not to {}: it is {} now", path.string(), *id, opening.topic_id,
               aside->string());
      exists = false;
    }
  }
  if (!exists) WEIR_TRY(ports_.fs.create_directory(path));
  WEIR_TRY(directory.write_partition_metadata(opening.name, opening.topic_id));
  return !exists;
}

boost::asio::awaitable<void> PartitionTable::remove_topics(std::vector<std::shared_ptr<const TopicPartitions>> topics) {
  struct Removed {
    TopicPartition name;
    LogDir* dir;  // null: look in all
  };
  std::vector<Removed> removed;
  std::vector<std::shared_ptr<storage::Segment>> segments;
  std::vector<std::shared_ptr<Partition>> closed;
  for (const auto& topic : topics) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const TopicPartition name{topic->name, PartitionIndex(static_cast<std::int32_t>(i))};
      forget_failure(name);
      on_disk_.erase(name);
      const auto& partition = topic->partitions[i];  // null when its log could not be opened
      removed.push_back({name, partition == nullptr ? nullptr : &partition->log_dir()});
      if (partition == nullptr) continue;
      closed.push_back(partition);
    }
  }
  // A flush goes by names here and there: none runs while they change, or it would meet a later topic's files.
  for (const auto& partition : closed) {
    co_await run_on(partition->owner(), partition->end_service());
    const auto view = partition->view();
    segments.insert(segments.end(), view->segments().begin(), view->segments().end());
  }
  if (const auto written = co_await write_checkpoints(); !written) {
    log_error("checkpoints still name deleted partitions: {}", to_string(written.error()));
  }
  // Renamed before anything else is applied, so that a topic of the same name finds the place free. The files go in
  // the background; readers hold them open as long as they need.
  for (const auto& segment : segments) segment->retire();
  auto rename_all = [this, held = std::move(removed)] {
    std::vector<storage::Path> renamed;
    for (const auto& [name, in] : held) {
      for (const auto& dir : dirs_) {
        if (dir->is_offline() || (in != nullptr && in != dir.get())) continue;
        auto moved = dir->files().mark_deleted(name);
        if (moved) {
          renamed.push_back(*std::move(moved));
        } else if (moved.error().code != Errc::kNotFound) {
          dir->report(moved.error());
          log_error("{}: can't be marked deleted: {}", dir->files().partition_path(name).string(),
                    to_string(moved.error()));
        }
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

boost::asio::awaitable<void> PartitionTable::expire_producers(std::int64_t before_ms) {
  const auto expire = [before_ms](Partition& partition) { partition.expire_producers(before_ms); };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, expire));
}

boost::asio::awaitable<void> PartitionTable::flush_all() {
  const auto flush = [](Partition& partition) { partition.flush_soon(); };
  for (auto* shard : ports_.shards) co_await run_on(*shard, visit_owned(map(), *shard, flush));
}

boost::asio::awaitable<void> PartitionTable::close_some(Helpers& helpers,
                                                        std::vector<std::shared_ptr<Partition>> partitions,
                                                        Result<void>& outcome) {
  auto close_all = [this, held = std::move(partitions)]() -> Result<void> {
    Result<void> first;
    for (const auto& partition : held) {
      if (auto log_closed = partition->close_log(ports_.fs); !log_closed && first) first = std::move(log_closed);
    }
    return first;
  };
  auto closed = co_await run_on_helper(helpers, home(), std::move(close_all));
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
    for (auto& dir : dirs_) co_await run_on(*shard, dir->commit_loop(*shard).wait_until_idle());
  }

  serving_ = false;
  std::map<const LogDir*, std::vector<std::shared_ptr<Partition>>> partitions_by_dir;
  const auto last = map();
  for (const auto& [id, topic] : last->topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition != nullptr) partitions_by_dir[&partition->log_dir()].push_back(partition);
    }
  }
  Result<void> outcome;
  TaskGroup lanes_running(home());
  for (const auto& [dir, here] : partitions_by_dir) {
    for (auto& share : shares_of(here, lane_count())) {
      lanes_running.start("close logs", close_some(lane_helpers(dir), std::move(share), outcome));
    }
  }
  co_await lanes_running.wait_until_empty();
  co_return outcome;
}

}  // namespace weir::replica
