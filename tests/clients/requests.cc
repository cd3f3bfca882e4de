#include "clients/requests.h"

#include <fmt/format.h>
#include <poll.h>

#include "clients/batch_bytes.h"
#include "clients/wire_writer.h"

namespace weir::clients {
namespace {

constexpr std::int32_t kCallId = 7;
constexpr Millis kRetryPause{10};
constexpr std::int64_t kLatest = -1;  // a timestamp of ListOffsets

// Between two questions to a broker that is not ready yet.
void pause() {
  ::poll(nullptr, 0, static_cast<int>(kRetryPause.count()));
}

Result<Bytes> call(Connection& to, ByteView request) {
  WEIR_TRY(to.send_frame(request));
  WEIR_TRY_ASSIGN(answer, to.receive_frame());
  if (load_be<std::int32_t>(answer.data()) != kCallId) return fail(Errc::kCorrupt, "an answer with a foreign id");
  return Bytes(answer.begin() + 4, answer.end());
}

WireWriter begin_call(std::int16_t api_key, std::int16_t version) {
  return begin_request({.api_key = api_key, .api_version = version, .correlation_id = kCallId});
}

// True when each of the topic's `partitions` partitions has a leader.
Result<bool> has_leaders(Connection& to, std::string_view topic, std::int32_t partitions) {
  auto request = begin_call(kMetadataKey, 7);
  request.i32(1).string(topic).i8(0);
  WEIR_TRY_ASSIGN(answer, call(to, request.view()));
  WireReader from(answer);
  from.i32();  // throttle time
  for (auto left = from.count(); left > 0; --left) {
    from.i32(), from.string(), from.i32(), from.string();  // node, host, port, rack
  }
  from.string();  // cluster id
  from.i32();     // controller
  bool ready = from.count() == 1 && from.i16() == 0;
  from.string();
  from.i8();
  const auto listed = from.count();
  ready = ready && listed == partitions;
  for (auto left = listed; left > 0; --left) {
    ready = from.i16() == 0 && ready;
    from.i32();                        // index
    ready = from.i32() >= 0 && ready;  // leader
    from.i32();                        // its epoch
    for (int list = 0; list < 3; ++list) {
      for (auto nodes = from.count(); nodes > 0; --nodes) from.i32();
    }
  }
  if (!from.ok()) return fail(Errc::kCorrupt, "Metadata answer");
  return ready;
}

// Produces one record until the leader takes it.
Result<void> produce_first(Connection& to, std::string_view topic, std::int32_t partition) {
  const SystemClock clock;
  const auto until = clock.steady() + kAnswerDeadline;
  const auto batch = single_record_batch(as_bytes("first"));
  for (;;) {
    WEIR_TRY_ASSIGN(answer, produce(to, topic, partition, batch));
    if (answer.error == ErrorCode::kNone) return {};
    const bool not_yet =
        answer.error == ErrorCode::kNotLeaderOrFollower || answer.error == ErrorCode::kUnknownTopicOrPartition;
    if (!not_yet || clock.steady() > until) {
      return fail(Errc::kIo, fmt::format("first produce to {}: {}", topic, to_string(answer.error)));
    }
    pause();
  }
}

}  // namespace

Bytes produce_request(std::int32_t correlation_id, std::string_view topic, std::int32_t partition, ByteView batch) {
  auto request =
      begin_request({.api_key = kProduceKey, .api_version = kProduceVersion, .correlation_id = correlation_id});
  request.null_string().i16(-1).i32(30'000);
  request.i32(1).string(topic).i32(1).i32(partition).bytes(batch);
  return request.take();
}

Result<ProduceAnswer> read_produce_answer(ByteView answer) {
  WireReader from(answer);
  ProduceAnswer read;
  read.correlation_id = from.i32();
  if (from.count() != 1) return fail(Errc::kCorrupt, "Produce answer: topics");
  from.string();
  if (from.count() != 1) return fail(Errc::kCorrupt, "Produce answer: partitions");
  from.i32();
  read.error = static_cast<ErrorCode>(from.i16());
  read.base_offset = from.i64();
  from.i64();  // append time
  from.i64();  // log start
  std::string of_records;
  for (auto left = from.count(); left > 0; --left) {
    const auto index = from.i32();
    of_records += fmt::format("; record {}: {}", index, from.string());
  }
  read.message = std::string(from.string()) + of_records;
  from.i32();  // throttle time
  if (!from.ok() || from.left_bytes() != 0) return fail(Errc::kCorrupt, "Produce answer: length");
  return read;
}

Result<std::int32_t> api_versions(Connection& to) {
  WEIR_TRY_ASSIGN(answer, call(to, begin_call(kApiVersionsKey, 0).view()));
  WireReader from(answer);
  const auto error = static_cast<ErrorCode>(from.i16());
  const auto listed = from.count();
  from.raw(static_cast<std::size_t>(listed) * 6);
  if (error != ErrorCode::kNone || !from.ok() || listed == 0) return fail(Errc::kCorrupt, "ApiVersions answer");
  return listed;
}

Result<ErrorCode> create_topic(Connection& to, std::string_view topic, std::int32_t partitions,
                               std::span<const TopicConfig> configs) {
  auto request = begin_call(kCreateTopicsKey, 4);
  request.i32(1).string(topic).i32(partitions).i16(1).i32(0).i32(static_cast<std::int32_t>(configs.size()));
  for (const auto& config : configs) request.string(config.key).string(config.value);
  request.i32(30'000).i8(0);
  WEIR_TRY_ASSIGN(answer, call(to, request.view()));
  WireReader from(answer);
  from.i32();
  if (from.count() != 1) return fail(Errc::kCorrupt, "CreateTopics answer");
  from.string();
  return static_cast<ErrorCode>(from.i16());
}

Result<ErrorCode> delete_topic(Connection& to, std::string_view topic) {
  auto request = begin_call(kDeleteTopicsKey, 3);
  request.i32(1).string(topic).i32(30'000);
  WEIR_TRY_ASSIGN(answer, call(to, request.view()));
  WireReader from(answer);
  from.i32();
  if (from.count() != 1) return fail(Errc::kCorrupt, "DeleteTopics answer");
  from.string();
  return static_cast<ErrorCode>(from.i16());
}

Result<ProduceAnswer> produce(Connection& to, std::string_view topic, std::int32_t partition, ByteView batch) {
  WEIR_TRY(to.send_frame(produce_request(kCallId, topic, partition, batch)));
  WEIR_TRY_ASSIGN(answer, to.receive_frame());
  WEIR_TRY_ASSIGN(read, read_produce_answer(answer));
  if (read.correlation_id != kCallId) return fail(Errc::kCorrupt, "a Produce answer with a foreign id");
  return read;
}

Result<FetchAnswer> fetch(Connection& to, std::string_view topic, std::int32_t partition, std::int64_t offset,
                          Millis wait) {
  auto request = begin_call(kFetchKey, 11);
  request.i32(-1).i32(static_cast<std::int32_t>(wait.count())).i32(1).i32(8 << 20).i8(0).i32(0).i32(-1);
  request.i32(1).string(topic).i32(1).i32(partition).i32(-1).i64(offset).i64(-1).i32(8 << 20);
  request.i32(0).string("");
  WEIR_TRY_ASSIGN(answer, call(to, request.view()));
  WireReader from(answer);
  from.i32();  // throttle time
  const auto whole = static_cast<ErrorCode>(from.i16());
  from.i32();  // session
  if (from.count() != 1) return fail(Errc::kCorrupt, fmt::format("Fetch answer: topics ({})", to_string(whole)));
  from.string();
  if (from.count() != 1) return fail(Errc::kCorrupt, "Fetch answer: partitions");
  from.i32();
  FetchAnswer read;
  read.error = static_cast<ErrorCode>(from.i16());
  read.high_watermark = from.i64();
  from.i64();  // last stable offset
  read.log_start = from.i64();
  for (auto left = from.count(); left > 0; --left) from.i64(), from.i64();
  from.i32();  // preferred replica
  const auto records = from.bytes();
  read.records.assign(records.begin(), records.end());
  if (!from.ok()) return fail(Errc::kCorrupt, "Fetch answer: length");
  return read;
}

Result<OffsetAnswer> offset_at(Connection& to, std::string_view topic, std::int32_t partition,
                               std::int64_t timestamp_ms) {
  auto request = begin_call(kListOffsetsKey, 5);
  request.i32(-1).i8(0).i32(1).string(topic).i32(1).i32(partition).i32(-1).i64(timestamp_ms);
  WEIR_TRY_ASSIGN(answer, call(to, request.view()));
  WireReader from(answer);
  from.i32();
  if (from.count() != 1) return fail(Errc::kCorrupt, "ListOffsets answer");
  from.string();
  if (from.count() != 1) return fail(Errc::kCorrupt, "ListOffsets answer");
  from.i32();
  OffsetAnswer read;
  read.error = static_cast<ErrorCode>(from.i16());
  from.i64();
  read.offset = from.i64();
  if (!from.ok()) return fail(Errc::kCorrupt, "ListOffsets answer: length");
  return read;
}

Result<std::int64_t> latest_offset(Connection& to, std::string_view topic, std::int32_t partition) {
  WEIR_TRY_ASSIGN(answer, offset_at(to, topic, partition, kLatest));
  if (answer.error != ErrorCode::kNone) {
    return fail(Errc::kCorrupt, fmt::format("ListOffsets: {}", to_string(answer.error)));
  }
  return answer.offset;
}

Result<ProducerIdentity> init_producer_id(Connection& to) {
  const SystemClock clock;
  const auto until = clock.steady() + kAnswerDeadline;
  for (;;) {
    auto request = begin_call(kInitProducerIdKey, 1);
    request.null_string().i32(60'000);
    WEIR_TRY_ASSIGN(answer, call(to, request.view()));
    WireReader from(answer);
    from.i32();
    const auto error = static_cast<ErrorCode>(from.i16());
    ProducerIdentity identity;
    identity.id = from.i64();
    identity.epoch = from.i16();
    if (!from.ok()) return fail(Errc::kCorrupt, "InitProducerId answer");
    if (error == ErrorCode::kNone) return identity;
    const bool not_yet = error == ErrorCode::kCoordinatorLoadInProgress || error == ErrorCode::kCoordinatorNotAvailable;
    if (!not_yet || clock.steady() > until) return fail(Errc::kIo, fmt::format("InitProducerId: {}", to_string(error)));
    pause();
  }
}

Result<void> ensure_topic(Connection& to, std::string_view topic, std::int32_t partitions,
                          std::span<const TopicConfig> configs) {
  WEIR_TRY_ASSIGN(error, create_topic(to, topic, partitions, configs));
  if (error != ErrorCode::kNone && error != ErrorCode::kTopicAlreadyExists) {
    return fail(Errc::kIo, fmt::format("CreateTopics {}: {}", topic, to_string(error)));
  }
  const SystemClock clock;
  const auto until = clock.steady() + kAnswerDeadline;
  for (;;) {
    WEIR_TRY_ASSIGN(ready, has_leaders(to, topic, partitions));
    if (ready) break;
    if (clock.steady() > until) return fail(Errc::kTimedOut, fmt::format("topic {} got no leaders", topic));
    pause();
  }
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    WEIR_TRY(produce_first(to, topic, partition));
  }
  return {};
}

}  // namespace weir::clients
