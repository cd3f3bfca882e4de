// The few requests that a byte client needs, in their last versions before flexible ones: ApiVersions 0, Metadata 7,
// CreateTopics 4, DeleteTopics 3, InitProducerId 1, Produce 8, Fetch 11, ListOffsets 5. Calls wait for their answer;
// one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "clients/connection.h"
#include "model/error_code.h"

namespace weir::clients {

inline constexpr std::int16_t kProduceKey = 0;
inline constexpr std::int16_t kFetchKey = 1;
inline constexpr std::int16_t kListOffsetsKey = 2;
inline constexpr std::int16_t kMetadataKey = 3;
inline constexpr std::int16_t kApiVersionsKey = 18;
inline constexpr std::int16_t kCreateTopicsKey = 19;
inline constexpr std::int16_t kDeleteTopicsKey = 20;
inline constexpr std::int16_t kInitProducerIdKey = 22;
inline constexpr std::int16_t kProduceVersion = 8;

struct ProduceAnswer {
  std::int32_t correlation_id = 0;
  ErrorCode error = ErrorCode::kNone;
  std::int64_t base_offset = -1;
  std::string message;  // error_message, then those of record_errors
};

struct FetchAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::int64_t high_watermark = -1;
  std::int64_t log_start = -1;
  Bytes records;
};

struct OffsetAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::int64_t offset = -1;
};

struct ProducerIdentity {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
};

struct TopicConfig {
  std::string key;
  std::string value;
};

// The whole payload (header and body, no length) of a Produce to one partition with acks=all.
[[nodiscard]] Bytes produce_request(std::int32_t correlation_id, std::string_view topic, std::int32_t partition,
                                    ByteView batch);
// kCorrupt: not the answer to a Produce of one partition.
Result<ProduceAnswer> read_produce_answer(ByteView answer);

// Each sends one request and waits for its answer. kCorrupt: the answer does not read as one.
Result<std::int32_t> api_versions(Connection& to);  // the count of APIs listed
Result<ErrorCode> create_topic(Connection& to, std::string_view topic, std::int32_t partitions,
                               std::span<const TopicConfig> configs = {});
Result<ErrorCode> delete_topic(Connection& to, std::string_view topic);
Result<ProduceAnswer> produce(Connection& to, std::string_view topic, std::int32_t partition, ByteView batch);
// At least one byte, or what there is after `wait`.
Result<FetchAnswer> fetch(Connection& to, std::string_view topic, std::int32_t partition, std::int64_t offset,
                          Millis wait = Millis{10'000});
// Of the first record that is not older; offset -1 when there is none.
Result<OffsetAnswer> offset_at(Connection& to, std::string_view topic, std::int32_t partition,
                               std::int64_t timestamp_ms);
Result<std::int64_t> latest_offset(Connection& to, std::string_view topic, std::int32_t partition);
// Asks again while the broker says that it is not ready yet.
Result<ProducerIdentity> init_producer_id(Connection& to);
// Creates `topic` and waits until each partition has a leader. It existed before: that's fine.
// A leader that was elected just now may refuse the first produce, so a first record goes to every partition.
Result<void> ensure_topic(Connection& to, std::string_view topic, std::int32_t partitions,
                          std::span<const TopicConfig> configs = {});

}  // namespace weir::clients
