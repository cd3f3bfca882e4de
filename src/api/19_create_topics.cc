// CreateTopics (key 19), versions 2-7. The decisions are the controller's (metadata/machine.h); here the request's own
// rules: a name listed twice gives one INVALID_REQUEST row, timeout_ms <= 0 does nothing (kafka-protocol 8).
#include "protocol/schema/19_create_topics.h"

#include <map>
#include <utility>

#include "api/dispatcher.h"
#include "config/topic_settings.h"

namespace weir::api {
namespace {

using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using Row = CreateTopicsResponse::CreatableTopicResult;

constexpr std::int16_t kDetailsSince = 5;

metadata::NewTopic to_command(const CreateTopicsRequest::CreatableTopic& asked) {
  metadata::NewTopic topic;
  topic.name = asked.name;
  topic.partition_count = asked.num_partitions;
  topic.replication_factor = asked.replication_factor;
  for (const auto& assignment : asked.assignments) {
    std::vector<std::int32_t> nodes;
    for (const auto node : assignment.broker_ids) nodes.push_back(node.value());
    topic.assignments.emplace_back(assignment.partition_index.value(), std::move(nodes));
  }
  for (const auto& config : asked.configs) topic.configs.emplace_back(config.name, config.value);
  return topic;
}

Row failed_row(std::string name, ErrorCode error, std::optional<std::string> message) {
  Row row;
  row.name = std::move(name);
  row.error_code = error;
  row.error_message = std::move(message);
  return row;
}

config::TopicOverrides overrides_of(const CreateTopicsRequest::CreatableTopic& asked) {
  config::TopicOverrides overrides;
  for (const auto& config : asked.configs) {
    if (config.value) overrides[config.name] = *config.value;
  }
  return overrides;
}

void fill_details(Row& row, const RequestContext& context, const CreateTopicsRequest::CreatableTopic& asked) {
  const auto level = context.services.image.get()->metadata_version();
  for (auto& config : config::effective_topic_configs(context.services.config, overrides_of(asked), level)) {
    row.configs->push_back({.name = std::string(config.name),
                            .value = std::move(config.value),
                            .read_only = config.read_only,
                            .config_source = static_cast<std::int8_t>(config.source),
                            .is_sensitive = config.is_sensitive});
  }
}

boost::asio::awaitable<std::vector<metadata::CreatedTopic>> create(RequestContext& context,
                                                                   metadata::CreateTopics command,
                                                                   std::int32_t timeout_ms) {
  const bool validate_only = command.validate_only;
  metadata::Origin origin;
  origin.deadline = context.services.clock.steady() + Millis(timeout_ms);
  const auto deadline = origin.deadline;
  auto created = co_await context.services.controller.create_topics(std::move(command), std::move(origin));
  // The answer means that the topic can be written to, as far as its logs can be opened: they are, first.
  if (!validate_only) {
    const auto offset = context.services.image.get()->offset;
    co_await context.services.partitions.wait_applied(offset, deadline);
  }
  co_return created;
}

boost::asio::awaitable<Answer<CreateTopicsResponse>> handle(RequestContext& context, CreateTopicsRequest request) {
  std::map<std::string_view, int> listed;
  for (const auto& topic : request.topics) ++listed[topic.name];

  CreateTopicsResponse response;
  metadata::CreateTopics command;
  command.validate_only = request.validate_only;
  std::map<std::string_view, const CreateTopicsRequest::CreatableTopic*> asked_by_name;
  for (const auto& topic : request.topics) {
    if (!asked_by_name.emplace(topic.name, &topic).second) continue;
    if (listed[topic.name] > 1) {
      response.topics.push_back(
          failed_row(topic.name, ErrorCode::kInvalidRequest, "The topic is listed more than once in the request"));
    } else if (request.timeout_ms <= 0) {
      response.topics.push_back(failed_row(topic.name, ErrorCode::kRequestTimedOut, std::nullopt));
    } else {
      command.topics.push_back(to_command(topic));
    }
  }
  if (command.topics.empty()) co_return response;

  auto created = co_await create(context, std::move(command), request.timeout_ms);
  for (auto& topic : created) {
    if (topic.error != ErrorCode::kNone) {
      response.topics.push_back(failed_row(std::move(topic.name), topic.error, std::move(topic.message)));
      continue;
    }
    Row row;
    row.name = topic.name;
    row.topic_id = topic.topic_id;
    row.num_partitions = topic.partition_count;
    row.replication_factor = topic.replication_factor;
    if (context.version >= kDetailsSince) fill_details(row, context, *asked_by_name.at(row.name));
    response.topics.push_back(std::move(row));
  }
  co_return response;
}

}  // namespace

Api create_topics_api() {
  return make_api<CreateTopicsRequest, handle>({2, 7});
}

}  // namespace weir::api
