// Metadata (key 3), versions 0-13: brokers, topics, leaders; creates missing topics where that is allowed.
// Rules: kafka-protocol 8. As Kafka, one topic id in the request makes it ignore all entries by name.
// Deliberate: a topic that this request creates is answered once its partitions can be written to, where Kafka answers
// UNKNOWN_TOPIC_OR_PARTITION and lets the client ask again. Known difference: a null name with a zero id is
// INVALID_REQUEST (Kafka: UNKNOWN_SERVER_ERROR). Gap: every operation is authorized until there is an authorizer.
#include "protocol/schema/03_metadata.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "api/advertised.h"
#include "api/dispatcher.h"
#include "metadata/directory_records.h"
#include "model/topic_name.h"

namespace weir::api {
namespace {

using protocol::MetadataRequest;
using protocol::MetadataResponse;
using TopicRow = MetadataResponse::MetadataResponseTopic;

constexpr std::int16_t kNullMeansAllSince = 1;
constexpr std::int16_t kIdsInRequestsSince = 12;
// Bits by AclOperation code: everything that can be done to a topic, and to the cluster.
constexpr std::int32_t kAllTopicOperations = 0b1101'1111'1000;
constexpr std::int32_t kAllClusterOperations = 0b1'1111'1010'0000;
// How long a Metadata request waits for topics that it creates; clients ask again anyway.
constexpr Millis kCreationWait{5000};

TopicRow unknown_topic(const MetadataRequest::MetadataRequestTopic& asked, ErrorCode error) {
  TopicRow row;
  row.error_code = error;
  row.name = asked.name;
  row.topic_id = asked.topic_id;
  return row;
}

TopicRow known_topic(const metadata::Topic& topic, const MetadataRequest& request, const metadata::Image& image) {
  TopicRow row;
  row.name = topic.name;
  row.topic_id = topic.id;
  row.is_internal = is_internal_topic(topic.name);
  if (request.include_topic_authorized_operations) row.topic_authorized_operations = kAllTopicOperations;
  row.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto* partition = topic.partitions[i].get();
    if (partition == nullptr) continue;
    MetadataResponse::MetadataResponsePartition partition_row;
    partition_row.partition_index = PartitionIndex(static_cast<std::int32_t>(i));
    partition_row.leader_id = partition->leader;
    partition_row.leader_epoch = partition->leader_epoch;
    partition_row.replica_nodes = partition->replicas;
    partition_row.isr_nodes = partition->isr;
    for (const auto node : partition->replicas) {
      if (metadata::is_replica_offline(image, *partition, node)) partition_row.offline_replicas.push_back(node);
    }
    if (partition->leader == metadata::kNoLeader) partition_row.error_code = ErrorCode::kLeaderNotAvailable;
    row.partitions.push_back(std::move(partition_row));
  }
  return row;
}

// The names that are asked for, missing, and may be created.
std::vector<std::string> names_to_create(const RequestContext& context, const MetadataRequest& request,
                                         const metadata::Image& image) {
  std::vector<std::string> names;
  if (!request.topics || !request.allow_auto_topic_creation) return names;
  if (!context.services.config.settings.auto_create_topics_enable) return names;
  std::unordered_set<std::string_view> seen;
  for (const auto& topic : *request.topics) {
    if (!topic.topic_id.is_zero() || !topic.name || !seen.insert(*topic.name).second) continue;
    if (topic_name_problem(*topic.name) || image.topic(std::string_view(*topic.name)) != nullptr) continue;
    names.push_back(*topic.name);
  }
  return names;
}

boost::asio::awaitable<void> create_missing(RequestContext& context, std::vector<std::string> names) {
  metadata::CreateTopics command;
  for (auto& name : names) {
    metadata::NewTopic topic;
    topic.name = std::move(name);
    command.topics.push_back(std::move(topic));
  }
  metadata::Origin origin;
  origin.deadline = context.services.clock.steady() + kCreationWait;
  const auto deadline = origin.deadline;
  const auto created = co_await context.services.controller.create_topics(std::move(command), std::move(origin));
  for (const auto& topic : created) {
    if (topic.error != ErrorCode::kNone && topic.error != ErrorCode::kTopicAlreadyExists) {
      log_info("auto-creation of topic {} failed: {}", topic.name, to_string(topic.error));
    }
  }
  const auto offset = context.services.image.get()->offset;
  co_await context.services.partitions.wait_applied(offset, deadline);
}

void fill_brokers(MetadataResponse& response, const RequestContext& context, const metadata::Image& image) {
  const auto& listener = context.connection->listener;
  for (const auto& [id, broker] : image.brokers) {
    if (broker->fenced) continue;
    MetadataResponse::MetadataResponseBroker row;
    row.node_id = id;
    row.rack = broker->rack;
    if (id == context.services.node_id) {
      const auto address = advertised_address(context.services.config, *context.connection);
      row.host = address.host;
      row.port = address.port;
    } else if (const auto* endpoint = broker->endpoint(listener); endpoint != nullptr) {
      row.host = endpoint->host;
      row.port = endpoint->port;
    } else {
      continue;
    }
    response.brokers.push_back(std::move(row));
  }
  response.cluster_id = context.services.cluster_id;
  response.controller_id = context.services.node_id;
}

void fill_all_topics(MetadataResponse& response, const MetadataRequest& request, const metadata::Image& image) {
  response.topics.reserve(image.topic_count());
  image.for_each_topic([&](const auto& topic) { response.topics.push_back(known_topic(*topic, request, image)); });
  std::ranges::sort(response.topics, {}, &TopicRow::name);
}

void fill_topics_by_id(MetadataResponse& response, const MetadataRequest& request, const metadata::Image& image) {
  std::unordered_set<Uuid> seen;
  for (const auto& asked : *request.topics) {
    if (asked.topic_id.is_zero() || !seen.insert(asked.topic_id).second) continue;
    if (const auto topic = image.topic(asked.topic_id); topic != nullptr) {
      response.topics.push_back(known_topic(*topic, request, image));
      continue;
    }
    auto row = unknown_topic(asked, ErrorCode::kUnknownTopicId);
    row.name.reset();
    response.topics.push_back(std::move(row));
  }
}

void fill_topics_by_name(MetadataResponse& response, const MetadataRequest& request, const metadata::Image& image) {
  std::unordered_set<std::string_view> seen;
  for (const auto& asked : *request.topics) {
    if (!seen.insert(*asked.name).second) continue;
    if (const auto topic = image.topic(std::string_view(*asked.name)); topic != nullptr) {
      response.topics.push_back(known_topic(*topic, request, image));
      continue;
    }
    const bool is_name = !topic_name_problem(*asked.name).has_value();
    response.topics.push_back(
        unknown_topic(asked, is_name ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kInvalidTopicException));
  }
}

// Entries that this version can't ask for make the whole request invalid.
bool is_invalid(const MetadataRequest& request, std::int16_t version) {
  if (!request.topics) return false;
  return std::ranges::any_of(*request.topics, [version](const auto& asked) {
    const bool has_id = !asked.topic_id.is_zero();
    if (version < kIdsInRequestsSince) return has_id || !asked.name.has_value();
    return !has_id && !asked.name.has_value();
  });
}

MetadataResponse refuse_all(const MetadataRequest& request) {
  MetadataResponse response;
  for (const auto& asked : *request.topics) {
    auto row = unknown_topic(asked, ErrorCode::kInvalidRequest);
    if (!row.name) row.name = "";
    response.topics.push_back(std::move(row));
  }
  return response;
}

boost::asio::awaitable<Answer<MetadataResponse>> handle(RequestContext& context, MetadataRequest request) {
  if (context.version < kNullMeansAllSince && request.topics && request.topics->empty()) request.topics.reset();
  if (is_invalid(request, context.version)) co_return refuse_all(request);

  const bool by_id = request.topics &&
                     std::ranges::any_of(*request.topics, [](const auto& asked) { return !asked.topic_id.is_zero(); });
  auto image = context.services.image.get();
  if (!by_id) {
    auto missing = names_to_create(context, request, *image);
    if (!missing.empty()) {
      co_await create_missing(context, std::move(missing));
      image = context.services.image.get();
    }
  }

  MetadataResponse response;
  fill_brokers(response, context, *image);
  if (!request.topics) {
    fill_all_topics(response, request, *image);
  } else if (by_id) {
    fill_topics_by_id(response, request, *image);
  } else {
    fill_topics_by_name(response, request, *image);
  }
  if (request.include_cluster_authorized_operations) response.cluster_authorized_operations = kAllClusterOperations;
  co_return response;
}

}  // namespace

Api metadata_api() {
  return make_api<MetadataRequest, handle>({0, 13});
}

}  // namespace weir::api
