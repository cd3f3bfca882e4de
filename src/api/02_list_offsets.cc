// ListOffsets (key 2), versions 1-11: the offset of a timestamp, or of a sentinel (kafka-protocol 7.5).
// Gaps: nothing is tiered, so -5 and -6 have no offset. The last stable offset is the high watermark until there are
// transactions. Known difference: an unknown isolation level is INVALID_REQUEST (Kafka: UNKNOWN_SERVER_ERROR).
#include "protocol/schema/02_list_offsets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "api/dispatcher.h"
#include "base/async/run_on.h"

namespace weir::api {
namespace {

using protocol::ListOffsetsRequest;
using protocol::ListOffsetsResponse;
using Asked = ListOffsetsRequest::ListOffsetsPartition;
using Row = ListOffsetsResponse::ListOffsetsPartitionResponse;

constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kMaxTimestamp = -3;
constexpr std::int64_t kEarliestLocal = -4;
constexpr std::int64_t kLatestTiered = -5;
constexpr std::int64_t kEarliestPendingUpload = -6;
constexpr std::int8_t kReadCommitted = 1;
constexpr std::int16_t kLeaderEpochSince = 4;

// The version that knows a sentinel; nullopt for a negative number that means nothing.
std::optional<std::int16_t> sentinel_since(std::int64_t timestamp) {
  switch (timestamp) {
    case kLatest:
    case kEarliest: return 1;
    case kMaxTimestamp: return 7;
    case kEarliestLocal: return 8;
    case kLatestTiered: return 9;
    case kEarliestPendingUpload: return 11;
    default: return std::nullopt;
  }
}

using Match = Result<std::optional<storage::TimestampMatch>>;

// Reads records, so it runs on a helper.
boost::asio::awaitable<Match> look_up(RequestContext& context, const replica::Partition& partition,
                                      std::int64_t timestamp) {
  const auto limit = partition.high_watermark();
  const auto max_inflated = static_cast<std::uint64_t>(context.services.config.settings.weir_max_inflated_batch_bytes);
  auto work = [view = partition.view(), timestamp, limit, max_inflated] {
    return timestamp == kMaxTimestamp ? view->find_max_timestamp(limit, max_inflated)
                                      : view->find_timestamp(timestamp, limit, max_inflated);
  };
  co_return co_await run_on_helper(context.services.helpers, context.shard, std::move(work));
}

// The epoch of the first record, -1 in a log without one.
boost::asio::awaitable<LeaderEpoch> earliest_epoch(RequestContext& context, const replica::Partition& partition) {
  const auto limit = partition.high_watermark();
  auto work = [view = partition.view(), limit] { return view->epoch_at(view->log_start(), limit); };
  const auto epoch = co_await run_on_helper(context.services.helpers, context.shard, std::move(work));
  co_return epoch.value_or(kNoLeaderEpoch);
}

boost::asio::awaitable<Row> answer(RequestContext& context, const replica::Partition& partition, Asked asked) {
  Row row{.partition_index = asked.partition_index};
  const auto our_epoch = partition.leader_epoch();
  if (asked.current_leader_epoch != kNoLeaderEpoch && asked.current_leader_epoch != our_epoch) {
    row.error_code =
        asked.current_leader_epoch < our_epoch ? ErrorCode::kFencedLeaderEpoch : ErrorCode::kUnknownLeaderEpoch;
    co_return row;
  }
  switch (asked.timestamp) {
    case kLatest:
      row.offset = partition.high_watermark();
      row.leader_epoch = our_epoch;
      co_return row;
    case kEarliest:
    case kEarliestLocal:
      row.offset = partition.view()->log_start();
      row.leader_epoch = co_await earliest_epoch(context, partition);
      co_return row;
    case kLatestTiered:
    case kEarliestPendingUpload: co_return row;
    default: break;
  }
  const auto match = co_await look_up(context, partition, asked.timestamp);
  if (!match) {
    log_warn("{}-{}: looking up timestamp {} failed: {}", partition.name().topic, partition.name().partition,
             asked.timestamp, to_string(match.error()));
    row.error_code = replica::to_error_code(match.error());
    partition.log_dir().report(match.error());
    co_return row;
  }
  if (match->has_value()) {
    row.timestamp = (*match)->timestamp_ms;
    row.offset = (*match)->offset;
    row.leader_epoch = (*match)->leader_epoch;
  }
  co_return row;
}

boost::asio::awaitable<Row> answer_or_refuse(RequestContext& context, const ListOffsetsRequest& request,
                                             const replica::TopicPartitions* topic, Asked asked, bool listed_twice) {
  Row row{.partition_index = asked.partition_index};
  const auto since = sentinel_since(asked.timestamp);
  if (listed_twice || request.isolation_level < 0 || request.isolation_level > kReadCommitted) {
    row.error_code = ErrorCode::kInvalidRequest;
  } else if (asked.timestamp < 0 && (!since || context.version < *since)) {
    row.error_code = ErrorCode::kUnsupportedVersion;
  } else if (topic == nullptr || !topic->has_partition(asked.partition_index)) {
    row.error_code = ErrorCode::kUnknownTopicOrPartition;
  } else if (const auto& partition = topic->partition(asked.partition_index); partition != nullptr) {
    const auto held = partition;  // the map may change while we look
    row = co_await answer(context, *held, asked);
  } else {
    row.error_code = topic->reason_unserved(asked.partition_index);
  }
  co_return row;
}

boost::asio::awaitable<Answer<ListOffsetsResponse>> handle(RequestContext& context, ListOffsetsRequest request) {
  std::map<std::pair<std::string_view, PartitionIndex>, int> listed;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) ++listed[{topic.name, partition.partition_index}];
  }
  ListOffsetsResponse response;
  const auto partitions = context.services.partitions.map();
  for (const auto& topic : request.topics) {
    ListOffsetsResponse::ListOffsetsTopicResponse topic_row{.name = topic.name, .partitions = {}};
    const auto* known = partitions->find(topic.name);
    for (const auto& asked : topic.partitions) {
      const bool listed_twice = listed[{topic.name, asked.partition_index}] > 1;
      auto row = co_await answer_or_refuse(context, request, known, asked, listed_twice);
      if (context.version < kLeaderEpochSince) row.leader_epoch = kNoLeaderEpoch;
      topic_row.partitions.push_back(row);
    }
    response.topics.push_back(std::move(topic_row));
  }
  co_return response;
}

}  // namespace

Api list_offsets_api() {
  return make_api<ListOffsetsRequest, handle>({1, 11});
}

}  // namespace weir::api
