// Fetch (key 1), versions 4-18.
// Whole batches from disk, the first one containing the offset asked for; long poll by min_bytes and max_wait_ms; the
// first non-empty partition may exceed every limit by one batch (KIP-74). Rules: kafka-protocol 7.1, 7.2.
// Gaps: no sessions (id 0 is always a legal answer), no divergence by epoch, no preferred replica. No transactions yet,
// so the last stable offset is the high watermark and no transaction is aborted.
// Known difference: negative sizes and unknown isolation levels are INVALID_REQUEST (Kafka: UNKNOWN_SERVER_ERROR).
#include "protocol/schema/01_fetch.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "api/dispatcher.h"
#include "base/async/run_on.h"
#include "base/async/watch_list.h"

namespace weir::api {
namespace {

using protocol::FetchRequest;
using protocol::FetchResponse;

constexpr std::int16_t kTopicIdsSince = 13;
constexpr std::int16_t kStorageErrorSince = 6;
constexpr std::int8_t kReadCommitted = 1;
constexpr NodeId kConsumer{-1};
// Clients ask for half a second. Longer waits than this would only keep what a peer without a sound has left behind.
constexpr std::int32_t kWaitMsMax = 300'000;
constexpr std::int32_t kNotParkedThrottleMs = 100;

// The request's partitions in order, resolved once; read as often as it takes.
struct Item {
  const FetchRequest::FetchTopic* topic = nullptr;
  const FetchRequest::FetchPartition* asked = nullptr;
  std::shared_ptr<replica::Partition> partition;  // null: `error` says why
  ErrorCode error = ErrorCode::kNone;
  bool superseded = false;  // listed again later in the request

  Offset high_watermark = kNoOffset;
  Offset log_start = kNoOffset;
  ByteChain bytes;
};

struct Fetching {
  RequestContext& context;
  const FetchRequest& request;
  std::vector<Item> items;
  std::uint64_t budget_bytes = 0;  // of one answer
  std::uint64_t min_bytes = 0;
  SteadyTime deadline;

  // Of the last round.
  std::uint64_t read_bytes = 0;
  bool any_error = false;

  std::int32_t throttle_ms = 0;  // told to the client
};

ErrorCode check_epoch(const replica::Partition& partition, LeaderEpoch asked) {
  if (asked == kNoLeaderEpoch || asked == partition.leader_epoch()) return ErrorCode::kNone;
  return asked < partition.leader_epoch() ? ErrorCode::kFencedLeaderEpoch : ErrorCode::kUnknownLeaderEpoch;
}

void resolve(Item& item, const Fetching& fetching, const replica::PartitionMap& partitions) {
  const bool by_id = fetching.context.version >= kTopicIdsSince;
  const auto* topic = by_id ? partitions.find(item.topic->topic_id) : partitions.find(item.topic->topic);
  const auto refuse = [&item](ErrorCode error) { item.error = error; };
  if (topic == nullptr) return refuse(by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition);
  if (!topic->has_partition(item.asked->partition)) return refuse(ErrorCode::kUnknownTopicOrPartition);
  if (item.asked->partition_max_bytes < 0) return refuse(ErrorCode::kInvalidRequest);
  const auto& partition = topic->partition(item.asked->partition);
  if (partition == nullptr) return refuse(topic->reason_unserved(item.asked->partition));
  if (const auto error = check_epoch(*partition, item.asked->current_leader_epoch); error != ErrorCode::kNone) {
    return refuse(error);
  }
  item.partition = partition;
}

std::vector<Item> list_items(const FetchRequest& request) {
  std::vector<Item> items;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) items.push_back({.topic = &topic, .asked = &partition});
  }
  if (items.size() < 2) return items;
  std::vector<Item*> order;
  order.reserve(items.size());
  for (auto& item : items) order.push_back(&item);
  const auto key = [](const Item* item) {
    return std::tie(item->topic->topic, item->topic->topic_id, item->asked->partition);
  };
  // Equal ones stay in the order asked: the items lie in one array.
  std::ranges::sort(order, {}, [&key](const Item* item) { return std::pair(key(item), item); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (key(order[i - 1]) == key(order[i])) order[i - 1]->superseded = true;
  }
  return items;
}

// Bytes that are not in memory: the same read where it may wait for the disk.
boost::asio::awaitable<Result<storage::ReadResult>> read_cold(Fetching& fetching,
                                                              std::shared_ptr<const storage::LogView> view, Offset from,
                                                              Offset limit, std::uint64_t max_bytes,
                                                              bool at_least_one) {
  auto work = [view = std::move(view), from, limit, max_bytes, at_least_one]() -> Result<storage::ReadResult> {
    WEIR_TRY(view->warm(from, limit, max_bytes));
    return view->read(from, limit, max_bytes, at_least_one, storage::ReadMode::kMayBlock);
  };
  co_return co_await run_on_helper(fetching.context.services.helpers, fetching.context.shard, std::move(work));
}

boost::asio::awaitable<void> read_item(Fetching& fetching, Item& item) {
  auto& partition = *item.partition;
  // The high watermark before the view: the view then holds everything below it.
  const auto limit = partition.high_watermark();
  const auto log_end = partition.log_end();
  const auto view = partition.view();
  const auto from = item.asked->fetch_offset;
  item.bytes = {};
  item.high_watermark = limit;
  item.log_start = view->log_start();
  if (partition.is_closed()) {
    item.error = partition.log_dir().is_offline() ? ErrorCode::kKafkaStorageError : ErrorCode::kNotLeaderOrFollower;
    co_return;
  }
  if (from < view->log_start() || from > log_end) {
    item.error = ErrorCode::kOffsetOutOfRange;
    co_return;
  }
  if (from >= limit) co_return;
  const auto left_bytes = fetching.budget_bytes - std::min(fetching.budget_bytes, fetching.read_bytes);
  const auto max_bytes = std::min(static_cast<std::uint64_t>(item.asked->partition_max_bytes), left_bytes);
  const bool at_least_one = fetching.read_bytes == 0;
  if (max_bytes == 0 && !at_least_one) co_return;

  auto read = view->read(from, limit, max_bytes, at_least_one, storage::ReadMode::kIfResident);
  if (!read && read.error().code == Errc::kNotReady) {
    read = co_await read_cold(fetching, view, from, limit, max_bytes, at_least_one);
  }
  if (!read) {
    item.error = replica::to_error_code(read.error());
    log_warn("{}-{}: fetch at {} failed: {}", partition.name().topic, partition.name().partition, from,
             to_string(read.error()));
    partition.log_dir().report(read.error());
    co_return;
  }
  item.bytes = std::move(read->bytes);
  fetching.read_bytes += item.bytes.size_bytes();
}

boost::asio::awaitable<void> read_round(Fetching& fetching) {
  fetching.read_bytes = 0;
  fetching.any_error = false;
  for (auto& item : fetching.items) {
    if (item.superseded) continue;
    if (item.partition != nullptr && item.error == ErrorCode::kNone) co_await read_item(fetching, item);
    fetching.any_error = fetching.any_error || item.error != ErrorCode::kNone;
  }
}

bool is_enough(const Fetching& fetching) {
  return fetching.any_error || fetching.context.started->is_abandoned() || fetching.items.empty() ||
         fetching.read_bytes >= fetching.min_bytes || fetching.context.services.clock.steady() >= fetching.deadline;
}

// What a request holds while it waits: its rows on both sides, and the frames of its coroutines.
std::uint64_t held_bytes(const Fetching& fetching) {
  constexpr std::uint64_t kWaitBytes = 4 * kKiB;
  return kWaitBytes + fetching.items.size() * (sizeof(Item) + sizeof(FetchRequest::FetchPartition));
}

// Reads until there is enough, or the time is up, or nobody waits any more. Parked, it costs nothing until a high
// watermark moves. When too much is parked already it is answered early with what there is, and its client is asked to
// stay away for a while.
boost::asio::awaitable<void> read_until_enough(Fetching& fetching) {
  co_await read_round(fetching);
  fetching.context.effect_done();
  while (!is_enough(fetching)) {
    if (!fetching.context.started->try_park(held_bytes(fetching))) {
      fetching.throttle_ms = kNotParkedThrottleMs;
      break;
    }
    const auto watch = std::make_shared<Watch>(fetching.context.shard);
    fetching.context.started->close_watches().add(watch);
    for (const auto& item : fetching.items) {
      if (item.partition != nullptr) item.partition->watches().add(watch);
    }
    co_await read_round(fetching);  // what came before the watch was in place
    if (!is_enough(fetching)) {
      co_await watch->wait(fetching.deadline);
      if (!fetching.context.started->is_abandoned()) co_await read_round(fetching);
    }
    for (const auto& item : fetching.items) {
      if (item.partition != nullptr) item.partition->watches().remove(watch);
    }
    fetching.context.started->close_watches().remove(watch);
  }
}

FetchResponse::PartitionData answer_of(const Fetching& fetching, Item& item) {
  FetchResponse::PartitionData row;
  row.partition_index = item.asked->partition;
  row.error_code = item.error;
  if (row.error_code == ErrorCode::kKafkaStorageError && fetching.context.version < kStorageErrorSince) {
    row.error_code = ErrorCode::kNotLeaderOrFollower;
  }
  row.high_watermark = kNoOffset;
  row.records = protocol::Records::none();
  const bool read_committed = fetching.request.isolation_level == kReadCommitted;
  if (item.error != ErrorCode::kNone) {
    const bool unknown = item.error == ErrorCode::kUnknownTopicOrPartition || item.error == ErrorCode::kUnknownTopicId;
    if (unknown) row.aborted_transactions.emplace();
    return row;
  }
  row.high_watermark = item.high_watermark;
  row.last_stable_offset = item.high_watermark;
  row.log_start_offset = item.log_start;
  if (read_committed) row.aborted_transactions.emplace();
  if (!item.bytes.empty()) row.records = protocol::Records::of(std::move(item.bytes));
  return row;
}

FetchResponse make_response(Fetching& fetching) {
  FetchResponse response;
  response.throttle_time_ms = fetching.throttle_ms;
  const FetchRequest::FetchTopic* topic = nullptr;
  for (auto& item : fetching.items) {
    if (item.superseded) continue;
    if (item.topic != topic) {
      topic = item.topic;
      response.responses.push_back({.topic = topic->topic, .topic_id = topic->topic_id, .partitions = {}});
    }
    response.responses.back().partitions.push_back(answer_of(fetching, item));
  }
  return response;
}

// What is judged of the request as a whole; kNone lets it pass.
ErrorCode check_request(const FetchRequest& request) {
  const bool names_a_session = request.session_epoch > 0;
  if (names_a_session) return ErrorCode::kFetchSessionIdNotFound;  // we never gave one
  if (request.max_bytes < 0 || request.isolation_level < 0 || request.isolation_level > kReadCommitted) {
    return ErrorCode::kInvalidRequest;
  }
  return ErrorCode::kNone;
}

boost::asio::awaitable<Answer<FetchResponse>> handle(RequestContext& context, FetchRequest request) {
  if (const auto error = check_request(request); error != ErrorCode::kNone) {
    FetchResponse refusal;
    refusal.error_code = error;
    co_return refusal;
  }
  Fetching fetching{.context = context, .request = request, .items = list_items(request), .deadline = {}};
  const auto fetch_max_bytes = context.services.config.settings.fetch_max_bytes;
  fetching.budget_bytes = static_cast<std::uint64_t>(std::min(request.max_bytes, fetch_max_bytes));
  fetching.min_bytes = std::min(static_cast<std::uint64_t>(std::max(request.min_bytes, 0)), fetching.budget_bytes);
  fetching.deadline = context.services.clock.steady() + Millis(std::clamp(request.max_wait_ms, 0, kWaitMsMax));

  const auto partitions = context.services.partitions.map();
  const bool is_replica = request.replica_id != kConsumer || request.replica_state.replica_id != kConsumer;
  for (auto& item : fetching.items) {
    if (item.superseded) continue;
    resolve(item, fetching, *partitions);
    // No partition has a second replica yet, so nobody who calls himself one is one.
    if (is_replica && item.error == ErrorCode::kNone) item.error = ErrorCode::kNotLeaderOrFollower;
    if (item.error != ErrorCode::kNone) item.partition = nullptr;
  }
  co_await read_until_enough(fetching);
  co_return make_response(fetching);
}

}  // namespace

Api fetch_api() {
  return make_api<FetchRequest, handle>({4, 18});
}

}  // namespace weir::api
