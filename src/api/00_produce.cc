// Produce (key 0), versions 3-13.
// Order of checks: kafka-protocol 4.1. A partition listed twice: its last batch counts, with one answer. Rows come back
// in the order asked.
// Gaps: transactional batches are refused with INVALID_TXN_STATE until transactions exist.
// Known difference: null records are INVALID_RECORD (Kafka 4.4 never answers).
#include "protocol/schema/00_produce.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/dispatcher.h"
#include "base/async/run_on.h"
#include "base/planted_bug.h"

namespace weir::api {
namespace {

using protocol::ProduceRequest;
using protocol::ProduceResponse;

constexpr std::int16_t kTopicIdsSince = 13;
// The one client that may write to internal topics, by its name (KafkaApis, AdminUtils.ADMIN_CLIENT_ID).
constexpr std::string_view kAdminClient = "__admin_client";

// One partition of the request on its way.
struct Item {
  const ProduceRequest::TopicProduceData* topic = nullptr;
  PartitionIndex index;
  MutableByteView batch;
  std::shared_ptr<replica::Partition> partition;  // null once refused
  bool superseded = false;                        // listed again later in the request
  replica::AppendOutcome outcome;
};

void refuse(Item& item, ErrorCode error) {
  item.outcome.error = error;
  item.partition = nullptr;
}

void mark_superseded(std::vector<Item>& items) {
  if (items.size() < 2) return;
  std::vector<Item*> order;
  order.reserve(items.size());
  for (auto& item : items) order.push_back(&item);
  const auto key = [](const Item* item) { return std::tie(item->topic->name, item->topic->topic_id, item->index); };
  // Equal ones stay in the order asked: the items lie in one array.
  std::ranges::sort(order, {}, [&key](const Item* item) { return std::pair(key(item), item); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (key(order[i - 1]) == key(order[i])) order[i - 1]->superseded = true;
  }
}

// Everything that is judged before the partition's owner sees the batch.
void check_item(Item& item, const RequestContext& context, const ProduceRequest& request,
                const replica::PartitionMap& partitions) {
  const bool by_id = context.version >= kTopicIdsSince;
  const auto* topic = by_id ? partitions.find(item.topic->topic_id) : partitions.find(item.topic->name);
  if (topic == nullptr) {
    return refuse(item, by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition);
  }
  if (!topic->has_partition(item.index)) return refuse(item, ErrorCode::kUnknownTopicOrPartition);

  if (auto shape = record::check_produce_shape(item.batch, context.version); !shape) {
    return refuse(item, record::to_error_code(shape.error().fault));
  }
  if (record::BatchHeader::read(item.batch.data()).is_transactional()) return refuse(item, ErrorCode::kInvalidTxnState);
  if (request.acks < -1 || request.acks > 1) return refuse(item, ErrorCode::kInvalidRequiredAcks);
  if (topic->is_internal && context.client_id != kAdminClient) {
    return refuse(item, ErrorCode::kInvalidTopicException);
  }
  item.partition = topic->partition(item.index);
  if (item.partition == nullptr) refuse(item, topic->reason_unserved(item.index));
}

std::vector<Item> list_items(const ProduceRequest& request) {
  std::vector<Item> items;
  for (const auto& topic : request.topic_data) {
    for (const auto& partition : topic.partition_data) {
      items.push_back({.topic = &topic, .index = partition.index, .batch = partition.records.view});
    }
  }
  mark_superseded(items);
  return items;
}

void append_on(const Shard& owner, std::vector<Item>& items, replica::Acks acks) {
  for (auto& item : items) {
    if (item.partition != nullptr && &item.partition->owner() == &owner) {
      item.outcome = item.partition->append(item.batch, acks);
    }
  }
}

boost::asio::awaitable<void> append_there(const Shard& owner, std::vector<Item>& items, replica::Acks acks) {
  append_on(owner, items, acks);
  co_return;
}

// One hop an owner and request, none when the connection's shard owns them all.
boost::asio::awaitable<void> append_all(Shard& here, std::vector<Item>& items, replica::Acks acks) {
  std::vector<Shard*> elsewhere;
  for (const auto& item : items) {
    if (item.partition == nullptr || &item.partition->owner() == &here) continue;
    if (std::ranges::find(elsewhere, &item.partition->owner()) == elsewhere.end()) {
      elsewhere.push_back(&item.partition->owner());
    }
  }
  append_on(here, items, acks);
  for (auto* owner : elsewhere) co_await run_on(*owner, append_there(*owner, items, acks));
}

boost::asio::awaitable<void> wait_until_committed(std::vector<Item>& items, SteadyTime deadline) {
  for (auto& item : items) {
    if (item.partition == nullptr || item.outcome.error != ErrorCode::kNone) continue;
    if (item.partition->high_watermark() >= item.outcome.end) continue;
    const auto error =
        co_await run_on(item.partition->owner(), item.partition->wait_committed(item.outcome.end, deadline));
    if (error != ErrorCode::kNone) item.outcome = {.error = error};
  }
}

ProduceResponse::PartitionProduceResponse answer_of(Item& item) {
  auto& outcome = item.outcome;
  ProduceResponse::PartitionProduceResponse row{.index = item.index,
                                                .error_code = outcome.error,
                                                .base_offset = outcome.base_offset,
                                                .log_append_time_ms = outcome.log_append_time_ms,
                                                .log_start_offset = outcome.log_start,
                                                .record_errors = {},
                                                .error_message = std::move(outcome.message),
                                                .current_leader = {}};
  if (is_planted(PlantedBug::kErrorAnsweredAsOffsetZero) && outcome.error != ErrorCode::kNone) {
    row.error_code = ErrorCode::kNone;
    row.base_offset = Offset{0};
  }
  for (auto& fault : outcome.record_faults) {
    row.record_errors.push_back({.batch_index = fault.index, .batch_index_error_message = std::move(fault.message)});
  }
  return row;
}

ProduceResponse make_response(std::vector<Item>& items) {
  ProduceResponse response;
  const ProduceRequest::TopicProduceData* topic = nullptr;
  for (auto& item : items) {
    if (item.superseded) continue;
    if (item.topic != topic) {
      topic = item.topic;
      response.responses.push_back({.name = topic->name, .topic_id = topic->topic_id, .partition_responses = {}});
    }
    response.responses.back().partition_responses.push_back(answer_of(item));
  }
  return response;
}

boost::asio::awaitable<Answer<ProduceResponse>> handle(RequestContext& context, ProduceRequest request) {
  const auto deadline = context.services.clock.steady() + Millis(std::max(request.timeout_ms, 0));
  const auto partitions = context.services.partitions.map();
  auto items = list_items(request);
  for (auto& item : items) {
    if (!item.superseded) check_item(item, context, request, *partitions);
  }
  const auto acks = static_cast<replica::Acks>(request.acks);
  co_await append_all(context.shard, items, acks);
  context.effect_done();

  if (acks == replica::Acks::kNone) {
    // No answer can tell of a failure, so the connection's end does.
    const bool failed = std::ranges::any_of(
        items, [](const Item& item) { return !item.superseded && item.outcome.error != ErrorCode::kNone; });
    if (failed) co_return CloseConnection{};
    co_return NoAnswer{};
  }
  if (acks == replica::Acks::kAll) co_await wait_until_committed(items, deadline);
  co_return make_response(items);
}

}  // namespace

Api produce_api() {
  auto api = make_api<ProduceRequest, handle>({3, 13});
  api.advertised_min = 0;  // librdkafka stops compressing when it reads more (KAFKA-18659)
  return api;
}

}  // namespace weir::api
