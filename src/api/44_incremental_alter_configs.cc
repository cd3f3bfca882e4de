// IncrementalAlterConfigs (key 44), versions 0-1, of topics alone: any other resource is INVALID_REQUEST. What the
// values must be is the controller's to say (metadata/topic_config_changes.cc); here the request's own rules, in
// Kafka's order: a resource given twice, a key given twice, a null value but for DELETE, each INVALID_REQUEST. So is an
// operation that is none; Kafka answers UNKNOWN_SERVER_ERROR to everything in the request (kafka-protocol 16).
//
// Answered when it is durable and the partitions on this broker go by it.
#include "protocol/schema/44_incremental_alter_configs.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "api/dispatcher.h"

namespace weir::api {
namespace {

using protocol::IncrementalAlterConfigsRequest;
using protocol::IncrementalAlterConfigsResponse;
using Resource = IncrementalAlterConfigsRequest::AlterConfigsResource;
using Row = IncrementalAlterConfigsResponse::AlterConfigsResourceResponse;
using Operation = metadata::ConfigChange::Operation;

constexpr auto kTopicType = static_cast<std::int8_t>(metadata::ConfigResourceType::kTopic);
// The request has no timeout of its own; request.timeout.ms of Kafka's clients.
constexpr Millis kAppliedWait{30'000};

bool is_operation(std::int8_t operation) {
  return operation >= static_cast<std::int8_t>(Operation::kSet) &&
         operation <= static_cast<std::int8_t>(Operation::kSubtract);
}

// Why the controller does not hear of it; nullopt: it does.
std::optional<std::string> problem_of(const Resource& resource) {
  std::set<std::string_view> keys;
  for (const auto& config : resource.configs) {
    if (!keys.insert(config.name).second) return fmt::format("{} is given twice", config.name);
  }
  for (const auto& config : resource.configs) {
    const bool needs_value = config.config_operation != static_cast<std::int8_t>(Operation::kDelete);
    if (needs_value && !config.value) return fmt::format("{} needs a value, null is none", config.name);
  }
  for (const auto& config : resource.configs) {
    if (is_operation(config.config_operation)) continue;
    return fmt::format("{}: there is no operation {}, only 0 (SET), 1 (DELETE), 2 (APPEND) and 3 (SUBTRACT)",
                       config.name, config.config_operation);
  }
  if (resource.resource_type == kTopicType) return std::nullopt;
  return fmt::format("Resources of type {} have no configs that can be changed here", resource.resource_type);
}

metadata::TopicConfigChanges to_changes(Resource& resource) {
  metadata::TopicConfigChanges changes{.topic = resource.resource_name, .changes = {}};
  for (auto& config : resource.configs) {
    changes.changes.push_back({.key = std::move(config.name),
                               .operation = static_cast<Operation>(config.config_operation),
                               .value = std::move(config.value)});
  }
  return changes;
}

std::vector<Row> judge(const std::vector<Resource>& resources) {
  std::map<std::pair<std::int8_t, std::string_view>, int> times;
  for (const auto& resource : resources) ++times[{resource.resource_type, resource.resource_name}];
  std::vector<Row> rows;
  for (const auto& resource : resources) {
    Row row;
    row.resource_type = resource.resource_type;
    row.resource_name = resource.resource_name;
    if (times.at({resource.resource_type, resource.resource_name}) > 1) {
      row.error_message = "Each resource must appear at most once.";
    } else {
      row.error_message = problem_of(resource);
    }
    if (row.error_message) row.error_code = ErrorCode::kInvalidRequest;
    rows.push_back(std::move(row));
  }
  return rows;
}

boost::asio::awaitable<Answer<IncrementalAlterConfigsResponse>> handle(RequestContext& context,
                                                                       IncrementalAlterConfigsRequest request) {
  IncrementalAlterConfigsResponse response;
  response.responses = judge(request.resources);
  metadata::ChangeTopicConfigs command{.topics = {}, .validate_only = request.validate_only};
  std::vector<Row*> waiting;
  for (std::size_t i = 0; i < request.resources.size(); ++i) {
    if (response.responses[i].error_code != ErrorCode::kNone) continue;
    waiting.push_back(&response.responses[i]);
    command.topics.push_back(to_changes(request.resources[i]));
  }
  if (command.topics.empty()) co_return response;

  auto changed = co_await context.services.controller.change_topic_configs(std::move(command), metadata::Origin{});
  for (std::size_t i = 0; i < changed.size(); ++i) {
    waiting[i]->error_code = changed[i].error;
    waiting[i]->error_message = std::move(changed[i].message);
  }
  const auto offset = context.services.image.get()->offset;
  co_await context.services.partitions.wait_applied(offset, context.services.clock.steady() + kAppliedWait);
  co_return response;
}

}  // namespace

Api incremental_alter_configs_api() {
  return make_api<IncrementalAlterConfigsRequest, handle>({0, 1});
}

}  // namespace weir::api
