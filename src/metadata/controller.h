// The port through which every change of the cluster's metadata goes (design decision 10): an awaited command that has
// become durable, and visible in the published image, when it returns. Today's implementation is local_controller.h; a
// controller quorum takes its place later. Called from any shard.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/error_code.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace weir::metadata {

// Who asks, and until when an answer is of use.
struct Origin {
  std::string principal = "User:ANONYMOUS";
  SteadyTime deadline = SteadyTime::max();
};

struct NewTopic {
  std::string name;
  std::int32_t partition_count = -1;     // -1: the broker's default
  std::int16_t replication_factor = -1;  // -1: the broker's default
  // Partition index and its replicas, in request order (an index given twice is refused here); empty: chosen here.
  std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> assignments;
  // In request order; the last of a key counts.
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};

struct CreateTopics {
  std::vector<NewTopic> topics;  // names are unique
  bool validate_only = false;
};

struct CreatedTopic {
  std::string name;
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> message;
  Uuid topic_id;
  std::int32_t partition_count = -1;
  std::int16_t replication_factor = -1;
};

struct DeleteTopics {
  std::vector<Uuid> topic_ids;
};

struct DeletedTopic {
  Uuid topic_id;
  ErrorCode error = ErrorCode::kNone;
};

struct ConfigChange {
  enum class Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  std::string key;
  Operation operation = Operation::kSet;
  std::optional<std::string> value;  // there unless it is kDelete
};

struct TopicConfigChanges {
  std::string topic;
  std::vector<ConfigChange> changes;  // keys are unique
};

struct ChangeTopicConfigs {
  std::vector<TopicConfigChanges> topics;  // names are unique
  bool validate_only = false;
};

struct ChangedTopicConfigs {
  std::string topic;
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> message;
};

// [first, first + count) belong to the caller for good.
struct ProducerIdBlock {
  ProducerId first;
  std::int32_t count = 0;
};

class Controller {
 public:
  virtual ~Controller() = default;

  // One answer a topic, in the order asked. A storage failure is KAFKA_STORAGE_ERROR on every topic.
  virtual boost::asio::awaitable<std::vector<CreatedTopic>> create_topics(CreateTopics command, Origin origin) = 0;
  virtual boost::asio::awaitable<std::vector<DeletedTopic>> delete_topics(DeleteTopics command, Origin origin) = 0;
  virtual boost::asio::awaitable<std::vector<ChangedTopicConfigs>> change_topic_configs(ChangeTopicConfigs command,
                                                                                        Origin origin) = 0;
  // A fresh block; kNone or the error in `first` of the pair.
  virtual boost::asio::awaitable<std::pair<ErrorCode, ProducerIdBlock>> allocate_producer_ids(Origin origin) = 0;
  // This broker's log directories `lost` are offline: nothing new is placed there, and what lies there has no leader.
  // What is known already changes nothing.
  virtual boost::asio::awaitable<ErrorCode> lose_directories(std::vector<Uuid> lost, Origin origin) = 0;
};

}  // namespace weir::metadata
