// The controller's decisions, pure: a command and the image give records to append and answers to send once they are
// durable. Nothing here waits, logs or changes an image; ImageBuilder applies what was decided.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "config/broker_settings.h"
#include "metadata/controller.h"
#include "metadata/image.h"
#include "metadata/record.h"

namespace weir::metadata {

// One request may not ask for more (MAX_PARTITIONS_PER_BATCH in Kafka's controller).
inline constexpr std::int64_t kNewPartitionsMax = 10'000;
inline constexpr std::int32_t kProducerIdBlockSize = 1000;
// Records of one request (MAX_RECORDS_PER_USER_OP there).
inline constexpr std::size_t kConfigRecordsMax = 10'000;

template <class Answer>
struct Decision {
  Records records;  // one atomic change; empty: nothing to do
  Answer answer;
};

// Each topic stands or falls by itself, except for the limit above, which refuses the request as a whole. Topics are
// judged against the image only: two new names that collide with each other alone are both made, as in Kafka. Order of
// checks: kafka-protocol 8. `settings` gives the defaults of counts and the rules between configs.
[[nodiscard]] Decision<std::vector<CreatedTopic>> decide(const CreateTopics& command, const Image& image,
                                                         const config::BrokerSettings& settings, Random& random);

[[nodiscard]] Decision<std::vector<DeletedTopic>> decide(const DeleteTopics& command, const Image& image);

// Each topic stands or falls by itself, with all its changes. Order of checks: Kafka's ConfigurationControlManager.
[[nodiscard]] Decision<std::vector<ChangedTopicConfigs>> decide(const ChangeTopicConfigs& command, const Image& image,
                                                                const config::BrokerSettings& settings);

// The next block, for broker `node`. kUnknownServerError: ids are used up; kBrokerIdNotRegistered.
[[nodiscard]] Decision<std::pair<ErrorCode, ProducerIdBlock>> allocate_producer_ids(const Image& image, NodeId node);

// The answers that say the same of every topic: a storage failure, a deadline.
[[nodiscard]] std::vector<CreatedTopic> refuse_all(const CreateTopics& command, ErrorCode error,
                                                   const std::string& message);
[[nodiscard]] std::vector<DeletedTopic> refuse_all(const DeleteTopics& command, ErrorCode error);
[[nodiscard]] std::vector<ChangedTopicConfigs> refuse_all(const ChangeTopicConfigs& command, ErrorCode error,
                                                          const std::string& message);

}  // namespace weir::metadata
