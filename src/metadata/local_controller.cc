#include "metadata/local_controller.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <utility>

#include "base/async/run_on.h"
#include "base/check.h"
#include "base/log.h"
#include "metadata/image_builder.h"
#include "metadata/metadata_loader.h"
#include "metadata/record.h"
#include "metadata/record_framing.h"
#include "protocol/codec.h"
#include "protocol/schema/control_records.h"

namespace weir::metadata {
namespace {

using boost::asio::awaitable;

constexpr std::int16_t kKraftVersionOfNewClusters = 1;
// What the voter set says of a node that no other controller can reach: Kafka puts its own listener there.
constexpr std::string_view kVoterHost = "localhost";
constexpr std::uint16_t kVoterPort = 9093;

constexpr std::string_view kStorageMessage = "The metadata log can't be written";

// The quorum is this node alone, or it is not ours to write for. `where` is what says who belongs to it; none: it says
// nothing.
Result<void> check_voters(const std::vector<NodeId>& voters, NodeId node, std::string_view where) {
  if (voters.empty() || (voters.size() == 1 && voters.front() == node)) return {};
  std::string names;
  for (const NodeId voter : voters) names += fmt::format("{}{}", names.empty() ? "" : ", ", voter);
  return fail(Errc::kUnsupported,
              fmt::format("{} names the metadata quorum's voters: {}; this node, {}, can only be a quorum of its own",
                          where, names, node));
}

void append_bytes(Bytes& to, const Bytes& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::string_view message_for(ErrorCode error) {
  switch (error) {
    case ErrorCode::kKafkaStorageError: return kStorageMessage;
    case ErrorCode::kRequestTimedOut: return "The time given for the request was over";
    case ErrorCode::kPolicyViolation: return "The change takes more room in the metadata log than one batch has";
    case ErrorCode::kInvalidRequest: return "A text in the request is longer than the metadata log can hold";
    default: return "The controller takes no commands now";
  }
}

}  // namespace

LocalController::LocalController(Shard& shard, Helpers& helpers, Random& random, MetadataLog& log,
                                 SnapshotStore& snapshots, ImagePublisher& images,
                                 const config::BrokerSettings& settings, ControllerIdentity identity)
    : shard_(shard),
      random_(random),
      log_(log),
      snapshots_(snapshots),
      images_(images),
      settings_(settings),
      identity_(identity),
      keeper_(shard, helpers, snapshots,
              {.record_bytes_max = settings.metadata_log_max_record_bytes_between_snapshots,
               .interval_max = Millis(settings.metadata_log_max_snapshot_interval_ms)}),
      tasks_(shard) {
  keeper_.on_failure([this](const Error& error) { fail_for_good(error); });
  keeper_.on_covered([this](Offset end) { log_.release_before(end); });
}

Result<void> LocalController::load(const std::optional<QuorumState>& on_disk) {
  CHECK(state_ == State::kNew, "loaded twice");
  WEIR_TRY_ASSIGN(loaded, load_metadata(log_, snapshots_));
  replay_ = std::move(loaded.replay);
  bootstrap_ = std::move(loaded.bootstrap);
  keeper_.loaded(std::move(loaded.snapshots), loaded.bytes_after_snapshot);
  auto replayed = replay_.finish();
  WEIR_TRY(check_served(replayed, on_disk));
  newest_ = std::move(replayed.image);
  next_offset_ = replayed.next_offset;
  append_offset_ = replayed.next_offset;
  open_transaction_ = replayed.open_transaction;
  last_log_epoch_ = replayed.last_epoch;
  epoch_ = replayed.last_epoch;
  if (on_disk && on_disk->leader_epoch > epoch_) epoch_ = on_disk->leader_epoch;
  ++epoch_;
  state_ = State::kLoaded;
  return {};
}

Result<void> LocalController::check_served(const ReplayedLog& replayed,
                                           const std::optional<QuorumState>& on_disk) const {
  const auto acl_count = replayed.image->kept_record_count(protocol::AccessControlEntryRecord::record_type);
  if (acl_count != 0) {
    return fail(Errc::kUnsupported,
                fmt::format("the metadata log holds {} ACLs and no authorizer is served (authorizer.class.name): "
                            "what they protect would lie open",
                            acl_count));
  }
  if (on_disk) WEIR_TRY(check_voters(on_disk->voters, identity_.node, kQuorumStateFile));
  if (replayed.image->voters.empty()) return {};
  WEIR_TRY_ASSIGN(record, protocol::decode_const<protocol::VotersRecord>(replayed.image->voters, 0));
  std::vector<NodeId> voters;
  for (const auto& voter : record.voters) voters.push_back(voter.voter_id);
  WEIR_TRY(check_voters(voters, identity_.node, "the metadata log"));
  const auto& directory = record.voters.front().voter_directory_id;
  if (directory != identity_.directory_id) {
    return fail(Errc::kInvalidArgument,
                fmt::format("meta.properties: directory.id is {}, in the metadata log beside it voter {} has {}; put "
                            "the one back that belongs to the other",
                            identity_.directory_id.to_string(), identity_.node, directory.to_string()));
  }
  return {};
}

QuorumState LocalController::next_quorum_state() const {
  CHECK(state_ == State::kLoaded, "asked for before load() or after start()");
  QuorumState state;
  state.leader_id = identity_.node;
  state.leader_epoch = epoch_;
  return state;
}

// --- start

awaitable<Result<void>> LocalController::start(NodeRegistration registration) {
  co_return co_await run_on(shard_, start_here(std::move(registration)));
}

awaitable<Result<void>> LocalController::start_here(NodeRegistration registration) {
  CHECK(state_ == State::kLoaded, "start() without load()");
  auto batches = frame_start(registration);
  if (!batches) co_return std::unexpected(std::move(batches.error()));
  const auto size_bytes = batches->size();
  auto appended = co_await log_.append_durably(std::move(*batches));
  if (!appended) {
    state_ = State::kFailed;
    co_return appended;
  }
  append_offset_ = next_offset_;
  state_ = State::kRunning;
  images_.publish(newest_);
  keeper_.on_durable(newest_, size_bytes, shard_.clock().wall_ms());
  co_return appended;
}

// The leader change opens the epoch. The rest is written because the image lacks it, not because the log is empty: a
// first start that was cut short goes on where it was.
Result<std::vector<Bytes>> LocalController::quorum_batches(Offset first) const {
  BatchPlace at{.base_offset = first, .epoch = epoch_, .timestamp_ms = shard_.clock().wall_ms()};
  std::vector<Bytes> batches;
  const NodeId voters[] = {identity_.node};
  WEIR_TRY_ASSIGN(leader_change, frame_leader_change(identity_.node, voters, at));
  batches.push_back(std::move(leader_change));
  // A directory that was formatted without voters belongs to a static quorum, kraft.version 0.
  if (newest_->metadata_version() != 0 || !newest_->voters.empty() || !bootstrap_.empty()) return batches;

  ++at.base_offset;
  WEIR_TRY_ASSIGN(kraft_version, frame_kraft_version(kKraftVersionOfNewClusters, at));
  batches.push_back(std::move(kraft_version));
  ++at.base_offset;
  const Voter self[] = {{.id = identity_.node,
                         .directory_id = identity_.directory_id,
                         .host = std::string(kVoterHost),
                         .port = kVoterPort}};
  WEIR_TRY_ASSIGN(voter_set, frame_voters(self, at));
  batches.push_back(std::move(voter_set));
  return batches;
}

Result<Bytes> LocalController::registration_batch(const NodeRegistration& registration, Offset at) {
  const auto records =
      registration_records(*newest_, identity_.node, registration, Uuid::random(random_), at, open_transaction_);
  const auto level = newest_->metadata_version() == 0 ? kMetadataVersionOfNewClusters : newest_->metadata_version();
  std::vector<Bytes> values;
  for (const auto& record : records) {
    WEIR_TRY_ASSIGN(value, encode_record(record, level));
    values.push_back(std::move(value));
  }
  return frame_records(values, {.base_offset = at, .epoch = epoch_, .timestamp_ms = shard_.clock().wall_ms()});
}

// One batch, or a transaction of several when one can't hold them.
Result<std::vector<Bytes>> LocalController::leadership_batches(const Image& image, const MovedLogs& moved,
                                                               Offset first) const {
  const auto level = image.metadata_version();
  std::vector<Bytes> values;
  for (const auto& record : leadership_records(image, identity_.node, moved)) {
    WEIR_TRY_ASSIGN(value, encode_record(record, level));
    values.push_back(std::move(value));
  }
  if (framed_size_bytes(values) > kBatchBytesMax && level >= kMetadataTransactionLevel) {
    protocol::BeginTransactionRecord begin;
    begin.name = "Leader epochs of a start";
    WEIR_TRY_ASSIGN(begin_value, encode_record(begin, level));
    WEIR_TRY_ASSIGN(end_value, encode_record(protocol::EndTransactionRecord{}, level));
    values.insert(values.begin(), std::move(begin_value));
    values.push_back(std::move(end_value));
  }
  return frame_in_batches(values, {.base_offset = first, .epoch = epoch_, .timestamp_ms = shard_.clock().wall_ms()});
}

Result<Bytes> LocalController::frame_start(const NodeRegistration& registration) {
  Bytes all;
  const auto take = [&](const Bytes& batch) -> Result<void> {
    append_bytes(all, batch);
    WEIR_TRY(replay_.add_batch(batch));
    next_offset_ = record::BatchHeader::read(batch.data()).next_offset();
    return {};
  };
  WEIR_TRY_ASSIGN(quorum, quorum_batches(next_offset_));
  for (const auto& batch : quorum) WEIR_TRY(take(batch));
  if (!bootstrap_.empty()) {
    const BatchPlace at{.base_offset = next_offset_, .epoch = epoch_, .timestamp_ms = shard_.clock().wall_ms()};
    WEIR_TRY_ASSIGN(formatted, frame_records(std::exchange(bootstrap_, {}), at));
    WEIR_TRY(take(formatted));
    newest_ = replay_.finish().image;
  }
  WEIR_TRY_ASSIGN(registered, registration_batch(registration, next_offset_));
  WEIR_TRY(take(registered));
  newest_ = replay_.finish().image;
  WEIR_TRY_ASSIGN(leadership, leadership_batches(*newest_, registration.moved, next_offset_));
  for (const auto& batch : leadership) WEIR_TRY(take(batch));
  newest_ = replay_.finish().image;
  return all;
}

awaitable<void> LocalController::stop() {
  if (state_ != State::kFailed) state_ = State::kStopped;
  co_await tasks_.wait_until_empty();
  co_await keeper_.stop();
}

// --- commands

ErrorCode LocalController::refusal(const Origin& origin) const {
  if (state_ == State::kFailed) return ErrorCode::kKafkaStorageError;
  if (state_ != State::kRunning) return ErrorCode::kNotController;
  return shard_.clock().steady() >= origin.deadline ? ErrorCode::kRequestTimedOut : ErrorCode::kNone;
}

awaitable<std::vector<CreatedTopic>> LocalController::create_topics(CreateTopics command, Origin origin) {
  co_return co_await run_on(shard_, create_here(std::move(command), std::move(origin)));
}

awaitable<std::vector<CreatedTopic>> LocalController::create_here(CreateTopics command, Origin origin) {
  auto error = refusal(origin);
  if (error == ErrorCode::kNone) {
    auto decision = decide(command, *newest_, settings_, random_);
    error = co_await commit(std::move(decision.records), origin.deadline);
    if (error == ErrorCode::kNone) co_return std::move(decision.answer);
  }
  co_return refuse_all(command, error, std::string(message_for(error)));
}

awaitable<std::vector<DeletedTopic>> LocalController::delete_topics(DeleteTopics command, Origin origin) {
  co_return co_await run_on(shard_, delete_here(std::move(command), std::move(origin)));
}

awaitable<std::vector<DeletedTopic>> LocalController::delete_here(DeleteTopics command, Origin origin) {
  auto error = refusal(origin);
  if (error == ErrorCode::kNone) {
    auto decision = decide(command, *newest_);
    error = co_await commit(std::move(decision.records), origin.deadline);
    if (error == ErrorCode::kNone) co_return std::move(decision.answer);
  }
  co_return refuse_all(command, error);
}

awaitable<std::vector<ChangedTopicConfigs>> LocalController::change_topic_configs(ChangeTopicConfigs command,
                                                                                  Origin origin) {
  co_return co_await run_on(shard_, change_configs_here(std::move(command), std::move(origin)));
}

awaitable<std::vector<ChangedTopicConfigs>> LocalController::change_configs_here(ChangeTopicConfigs command,
                                                                                 Origin origin) {
  auto error = refusal(origin);
  if (error == ErrorCode::kNone) {
    auto decision = decide(command, *newest_, settings_);
    error = co_await commit(std::move(decision.records), origin.deadline);
    if (error == ErrorCode::kNone) co_return std::move(decision.answer);
  }
  co_return refuse_all(command, error, std::string(message_for(error)));
}

awaitable<std::pair<ErrorCode, ProducerIdBlock>> LocalController::allocate_producer_ids(Origin origin) {
  co_return co_await run_on(shard_, allocate_here(std::move(origin)));
}

awaitable<std::pair<ErrorCode, ProducerIdBlock>> LocalController::allocate_here(Origin origin) {
  std::pair<ErrorCode, ProducerIdBlock> answer;
  answer.first = refusal(origin);
  if (answer.first != ErrorCode::kNone) co_return answer;
  auto decision = metadata::allocate_producer_ids(*newest_, identity_.node);
  answer.first = co_await commit(std::move(decision.records), origin.deadline);
  if (answer.first == ErrorCode::kNone) answer = decision.answer;
  co_return answer;
}

awaitable<ErrorCode> LocalController::lose_directories(std::vector<Uuid> lost, Origin origin) {
  co_return co_await run_on(shard_, lose_here(std::move(lost), std::move(origin)));
}

awaitable<ErrorCode> LocalController::lose_here(std::vector<Uuid> lost, Origin origin) {
  // Every round takes some of what is left, until there is nothing.
  for (;;) {
    auto error = refusal(origin);
    if (error != ErrorCode::kNone) co_return error;
    auto records = offline_records(*newest_, identity_.node, lost);
    const bool is_last = records.empty();
    error = co_await commit(std::move(records), origin.deadline);
    if (is_last || error != ErrorCode::kNone) co_return error;
  }
}

// --- the log

awaitable<ErrorCode> LocalController::commit(Records records, SteadyTime deadline) {
  Change change;
  const auto level = newest_->metadata_version();
  for (const auto& record : records) {
    auto value = encode_record(record, level);
    if (!value) co_return ErrorCode::kInvalidRequest;
    change.values.push_back(std::move(*value));
  }
  if (framed_size_bytes(change.values) > kBatchBytesMax) co_return ErrorCode::kPolicyViolation;
  if (change.values.empty() && !writing_) co_return ErrorCode::kNone;  // all that it saw is durable

  if (!records.empty()) {
    ImageBuilder builder(newest_);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto applied = builder.apply(records[i], change.values[i]);
      CHECK(applied.has_value(), "a decision against its own image: {}", to_string(applied.error()));
    }
    next_offset_ += static_cast<std::int64_t>(records.size());
    builder.advance(next_offset_ - 1, epoch_);
    newest_ = builder.finish();
  }
  change.after = newest_;
  change.done = make_one_shot<ErrorCode>(shard_);
  const auto done = change.done;
  waiting_.push_back(std::move(change));
  if (!writing_) {
    writing_ = true;
    tasks_.start("metadata log writer", write_changes());
  }
  const auto outcome = co_await done->wait(deadline);
  co_return outcome.value_or(ErrorCode::kRequestTimedOut);
}

// As many of the waiting changes, in order, as one batch holds: an append is whole or not at all.
std::vector<LocalController::Change> LocalController::next_group() {
  std::size_t count = 0;
  std::uint64_t size_bytes = 0;
  for (; count < waiting_.size(); ++count) {
    size_bytes += framed_size_bytes(waiting_[count].values);
    if (count > 0 && size_bytes > kBatchBytesMax) break;
  }
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<Change> group(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return group;
}

awaitable<Result<void>> LocalController::append_group(const std::vector<Change>& group) {
  std::vector<Bytes> values;
  for (const auto& change : group) values.insert(values.end(), change.values.begin(), change.values.end());
  if (values.empty()) co_return Result<void>{};
  const BatchPlace at{.base_offset = append_offset_, .epoch = epoch_, .timestamp_ms = shard_.clock().wall_ms()};
  auto batch = frame_records(values, at);
  CHECK(batch.has_value(), "changes that fit were not framed: {}", to_string(batch.error()));
  const auto size_bytes = batch->size();
  auto appended = co_await log_.append_durably(std::move(*batch));
  if (!appended) co_return appended;
  append_offset_ += static_cast<std::int64_t>(values.size());
  keeper_.on_durable(group.back().after, size_bytes, at.timestamp_ms);
  co_return appended;
}

awaitable<void> LocalController::write_changes() {
  while (!waiting_.empty()) {
    const auto group = next_group();
    const auto appended = co_await append_group(group);
    if (!appended) {
      give_up(group, appended.error());
      break;
    }
    if (images_.get() != group.back().after) images_.publish(group.back().after);
    for (const auto& change : group) change.done->set(ErrorCode::kNone);
  }
  writing_ = false;
}

// Nothing that was decided since the last durable change holds any more.
void LocalController::give_up(const std::vector<Change>& group, const Error& error) {
  newest_ = images_.get();
  next_offset_ = append_offset_;
  for (const auto& change : group) change.done->set(ErrorCode::kKafkaStorageError);
  for (const auto& change : std::exchange(waiting_, {})) change.done->set(ErrorCode::kKafkaStorageError);
  // Neither has touched the log (storage/log.h), and both pass.
  if (error.code == Errc::kNoSpace || error.code == Errc::kTooManyFiles) {
    log_warn("metadata log: {}; changes are refused until there is room", to_string(error));
    return;
  }
  fail_for_good(error);
}

void LocalController::fail_for_good(const Error& error) {
  state_ = State::kFailed;
  log_error("metadata log: {}; topics and producer ids can't change any more", to_string(error));
  if (failure_listener_) failure_listener_(error);
}

}  // namespace weir::metadata
