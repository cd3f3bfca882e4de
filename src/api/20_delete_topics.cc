// DeleteTopics (key 20), versions 1-6: by name, from v6 also by id. A topic listed twice gives one INVALID_REQUEST row,
// so does an entry with both or neither of name and id; timeout_ms <= 0 does nothing (kafka-protocol 8).
#include "protocol/schema/20_delete_topics.h"

#include <map>
#include <utility>

#include "api/dispatcher.h"

namespace weir::api {
namespace {

using protocol::DeleteTopicsRequest;
using protocol::DeleteTopicsResponse;
using Row = DeleteTopicsResponse::DeletableTopicResult;
using Asked = DeleteTopicsRequest::DeleteTopicState;

constexpr std::int16_t kStatesSince = 6;
constexpr std::int16_t kDeletionDisabledSince = 3;

std::vector<Asked> list_asked(const RequestContext& context, DeleteTopicsRequest& request) {
  if (context.version >= kStatesSince) return std::move(request.topics);
  std::vector<Asked> asked;
  for (auto& name : request.topic_names) asked.push_back({.name = std::move(name), .topic_id = {}});
  return asked;
}

// What is judged of an entry before the controller hears of it; kNone, and the topic's id in the row, lets it pass.
ErrorCode resolve(Row& row, const metadata::Image& image, const RequestContext& context, std::int32_t timeout_ms) {
  const bool by_id = !row.topic_id.is_zero();
  if (by_id == row.name.has_value()) return ErrorCode::kInvalidRequest;
  if (!context.services.config.settings.delete_topic_enable) {
    return context.version >= kDeletionDisabledSince ? ErrorCode::kTopicDeletionDisabled : ErrorCode::kInvalidRequest;
  }
  const auto topic = by_id ? image.topic(row.topic_id) : image.topic(std::string_view(*row.name));
  if (topic == nullptr) return by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
  if (timeout_ms <= 0) return ErrorCode::kRequestTimedOut;
  row.name = topic->name;
  row.topic_id = topic->id;
  return ErrorCode::kNone;
}

boost::asio::awaitable<Answer<DeleteTopicsResponse>> handle(RequestContext& context, DeleteTopicsRequest request) {
  const auto asked = list_asked(context, request);
  const auto image = context.services.image.get();
  DeleteTopicsResponse response;
  std::map<std::pair<std::optional<std::string>, Uuid>, std::size_t> row_of_entry;
  for (const auto& entry : asked) {
    const auto [place, is_new] = row_of_entry.try_emplace({entry.name, entry.topic_id}, response.responses.size());
    if (!is_new) {
      response.responses[place->second].error_code = ErrorCode::kInvalidRequest;
      continue;
    }
    Row row;
    row.name = entry.name;
    row.topic_id = entry.topic_id;
    row.error_code = resolve(row, *image, context, request.timeout_ms);
    response.responses.push_back(std::move(row));
  }

  // The same topic by name and by id is listed twice as well.
  std::map<Uuid, std::size_t> row_of_topic;
  for (std::size_t i = 0; i < response.responses.size(); ++i) {
    auto& row = response.responses[i];
    if (row.error_code != ErrorCode::kNone) continue;
    const auto [place, is_new] = row_of_topic.try_emplace(row.topic_id, i);
    if (is_new) continue;
    row.error_code = ErrorCode::kInvalidRequest;
    response.responses[place->second].error_code = ErrorCode::kInvalidRequest;
  }
  metadata::DeleteTopics command;
  for (const auto& row : response.responses) {
    if (row.error_code == ErrorCode::kNone) command.topic_ids.push_back(row.topic_id);
  }
  if (command.topic_ids.empty()) co_return response;

  metadata::Origin origin;
  origin.deadline = context.services.clock.steady() + Millis(request.timeout_ms);
  const auto deadline = origin.deadline;
  const auto deleted = co_await context.services.controller.delete_topics(std::move(command), std::move(origin));
  for (const auto& topic : deleted) response.responses[row_of_topic.at(topic.topic_id)].error_code = topic.error;
  const auto offset = context.services.image.get()->offset;
  co_await context.services.partitions.wait_applied(offset, deadline);
  co_return response;
}

}  // namespace

Api delete_topics_api() {
  return make_api<DeleteTopicsRequest, handle>({1, 6});
}

}  // namespace weir::api
