#include "crash/broker_clients.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "protocol/schema/00_produce.h"
#include "protocol/schema/01_fetch.h"
#include "protocol/schema/02_list_offsets.h"
#include "protocol/schema/03_metadata.h"
#include "protocol/schema/19_create_topics.h"
#include "protocol/schema/20_delete_topics.h"
#include "protocol/schema/22_init_producer_id.h"
#include "protocol/schema/44_incremental_alter_configs.h"
#include "record/batch_header.h"
#include "support/batch_factory.h"

namespace weir::test {
namespace {

constexpr std::int16_t kProduceVersion = 13;  // by topic id: a topic made anew under a name is another one
constexpr std::int16_t kFetchVersion = 17;
constexpr std::int16_t kListOffsetsVersion = 10;
constexpr std::int16_t kMetadataVersion = 12;
constexpr std::int16_t kAlterConfigsVersion = 1;
constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kSetOperation = 0;
constexpr std::int16_t kAcksAll = -1;
constexpr std::int32_t kTimeoutMs = 30'000;
constexpr std::int32_t kFetchBytes = 1 << 20;
constexpr std::size_t kBatchWindow = 5;  // of an idempotent producer
constexpr int kReadsMax = 1000;          // of one log
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kFirstTimestampMs = 1'700'000'000'000;
constexpr std::int64_t kTimestampStepMs = 100;

using State = TopicHistory::State;

protocol::FetchRequest fetch_request() {
  protocol::FetchRequest request;
  request.max_wait_ms = 0;
  request.min_bytes = 0;
  request.max_bytes = kFetchBytes;
  return request;
}

void add_partition(protocol::FetchRequest& request, const Uuid& topic, std::size_t partition, Offset from) {
  if (request.topics.empty() || request.topics.back().topic_id != topic) {
    request.topics.push_back({.topic = {}, .topic_id = topic, .partitions = {}});
  }
  protocol::FetchRequest::FetchPartition row;
  row.partition = PartitionIndex(static_cast<std::int32_t>(partition));
  row.fetch_offset = from;
  row.partition_max_bytes = kFetchBytes;
  request.topics.back().partitions.push_back(row);
}

}  // namespace

Clients::Clients(TestBroker& broker, History& history, Errors errors)
    : broker_(broker), history_(history), errors_(errors) {
  for (auto& topic : history_.topics) {
    topic.limit_change_in_flight = false;
    for (auto& partition : topic.partitions) {
      for (auto& batch : partition.sent) batch.in_flight = false;
    }
  }
}

std::string Clients::name_of(std::size_t topic, std::size_t partition) const {
  return fmt::format("{}-{}", history_.topics[topic].name, partition);
}

void Clients::report(std::string problem) {
  if (history_.problem.empty()) history_.problem = std::move(problem);
}

void Clients::told_error(const std::string& what, ErrorCode error) {
  ++history_.errors_told;
  history_.last_error = error;
  if (errors_ == Errors::kNone) report(fmt::format("{} was answered with error {}", what, static_cast<int>(error)));
}

template <class Request>
void Clients::send(const Request& request, std::int16_t version,
                   std::function<void(const typename Request::Response&)> take, std::optional<std::uint32_t> shard) {
  auto pending = broker_.send(TestBroker::frame_of(request, version), shard ? *shard : next_shard_++);
  auto take_reply = [this, version, taken = std::move(take)](const PendingReply& reply) {
    if (reply.reply->kind != net::Reply::Kind::kBytes) return report("a connection was closed");
    taken(broker_.response_of<Request>(reply, version));
  };
  outstanding_.push_back({std::move(pending), std::move(take_reply)});
}

void Clients::collect() {
  for (std::size_t i = 0; i < outstanding_.size();) {
    if (!outstanding_[i].pending->reply) {
      ++i;
      continue;
    }
    const auto answered = std::move(outstanding_[i]);
    outstanding_.erase(outstanding_.begin() + static_cast<std::ptrdiff_t>(i));
    answered.take(*answered.pending);
  }
}

void Clients::step() {
  broker_.step();
  collect();
}

// --- admin

std::size_t Clients::create_topic(std::string name, int partition_count,
                                  std::vector<std::pair<std::string, std::string>> configs) {
  const auto number = history_.topics.size();
  protocol::CreateTopicsRequest request;
  request.timeout_ms = kTimeoutMs;
  protocol::CreateTopicsRequest::CreatableTopic asked;
  asked.name = name;
  asked.num_partitions = partition_count;
  asked.replication_factor = 1;
  for (const auto& [key, value] : configs) asked.configs.push_back({.name = key, .value = value});
  request.topics.push_back(std::move(asked));

  TopicHistory topic;
  topic.name = std::move(name);
  topic.keeps_everything =
      std::ranges::none_of(configs, [](const auto& config) { return config.first.starts_with("retention."); });
  topic.configs = std::move(configs);
  topic.partitions.resize(static_cast<std::size_t>(partition_count));
  history_.topics.push_back(std::move(topic));
  send(request, 7, [this, number](const protocol::CreateTopicsResponse& response) {
    auto& created = history_.topics[number];
    const auto& row = response.topics.at(0);
    if (row.error_code != ErrorCode::kNone) return told_error("creating " + created.name, row.error_code);
    created.id = row.topic_id;
    created.state = State::kThere;
  });
  return number;
}

void Clients::delete_topic(std::size_t number) {
  auto& topic = history_.topics[number];
  topic.deletion_asked = true;
  topic.state = State::kDeletionAsked;
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = kTimeoutMs;
  request.topics.push_back({.name = std::nullopt, .topic_id = topic.id});
  send(request, 6, [this, number](const protocol::DeleteTopicsResponse& response) {
    auto& deleted = history_.topics[number];
    const auto error = response.responses.at(0).error_code;
    if (error != ErrorCode::kNone) return told_error("deleting " + deleted.name, error);
    deleted.state = State::kDeleted;
  });
}

void Clients::limit_batches(std::size_t number, bool is_tight) {
  auto& topic = history_.topics[number];
  if (topic.state != State::kThere || topic.limit_change_in_flight) return;
  protocol::IncrementalAlterConfigsRequest request;
  request.resources.push_back({.resource_type = kTopicResource, .resource_name = topic.name, .configs = {}});
  request.resources[0].configs.push_back(
      {.name = "max.message.bytes", .config_operation = kSetOperation, .value = is_tight ? "1" : "1000000"});
  topic.limit_change_in_flight = true;
  ++topic.limit_changes;
  (is_tight ? topic.may_be_tight : topic.may_be_loose) = true;
  auto take = [this, number, is_tight](const protocol::IncrementalAlterConfigsResponse& response) {
    auto& changed = history_.topics[number];
    changed.limit_change_in_flight = false;
    ++changed.limit_changes;
    const auto error = response.responses.at(0).error_code;
    if (error != ErrorCode::kNone) {
      if (!changed.deletion_asked) told_error("configs of " + changed.name, error);
      return;
    }
    changed.may_be_tight = is_tight;
    changed.may_be_loose = !is_tight;
    ++history_.limits_acked;
  };
  send(request, kAlterConfigsVersion, std::move(take));
}

int Clients::init_producer() {
  const auto number = history_.producers.size();
  history_.producers.emplace_back();
  protocol::InitProducerIdRequest request;
  request.transaction_timeout_ms = kTimeoutMs;
  send(request, 4, [this, number](const protocol::InitProducerIdResponse& response) {
    if (response.error_code != ErrorCode::kNone) return told_error("a producer id", response.error_code);
    for (const auto& other : history_.producers) {
      if (other.id == response.producer_id) report(fmt::format("producer id {} was given twice", other.id.value()));
    }
    history_.producers[number] = {response.producer_id, response.producer_epoch};
  });
  return static_cast<int>(number);
}

// --- producers

std::vector<std::size_t> Clients::unresolved(std::size_t topic, std::size_t partition, int producer) const {
  std::vector<std::size_t> numbers;
  const auto& sent = history_.topics[topic].partitions[partition].sent;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const bool known = sent[i].acked_at != kNoOffset || sent[i].shown_at != kNoOffset;
    if (sent[i].producer == producer && !known && !sent[i].in_flight) numbers.push_back(i);
  }
  return numbers;
}

void Clients::produce(std::size_t topic, std::size_t partition, std::int16_t acks, int producer,
                      std::size_t value_bytes) {
  auto& history = at(topic, partition);
  const bool idempotent = producer != kNoProducer;
  if (idempotent) {
    if (history_.producers[static_cast<std::size_t>(producer)].id == kNoProducerId) return;
    const auto again = unresolved(topic, partition, producer);
    for (const auto number : again) send_batch(topic, partition, number, kAcksAll);
    if (!again.empty()) return;
    const auto in_flight = std::ranges::count_if(
        history.sent, [&](const SentBatch& batch) { return batch.producer == producer && batch.in_flight; });
    if (in_flight >= static_cast<std::ptrdiff_t>(kBatchWindow)) return;
  }
  const auto number = history_.batches_sent++;
  BatchSpec spec;
  spec.count = static_cast<std::int32_t>(1 + number % 3);
  spec.base_timestamp_ms = kFirstTimestampMs + static_cast<std::int64_t>(number) * kTimestampStepMs;
  spec.value_bytes = value_bytes != 0 ? value_bytes : 10 + 13 * (number % 11);
  SentBatch batch;
  if (idempotent) {
    const auto& known = history_.producers[static_cast<std::size_t>(producer)];
    std::int32_t sequence = 0;
    for (const auto& earlier : history.sent) {
      if (earlier.producer == producer) sequence = earlier.base_sequence + earlier.record_count;
    }
    spec.options.producer_id = known.id;
    spec.options.producer_epoch = known.epoch;
    spec.options.base_sequence = sequence;
    batch.producer = producer;
    batch.base_sequence = sequence;
  }
  batch.bytes = std::make_shared<const Bytes>(make_batch(spec));
  batch.crc = record::BatchHeader::read(batch.bytes->data()).crc;
  batch.record_count = spec.count;
  history.by_crc[batch.crc] = history.sent.size();
  history.sent.push_back(std::move(batch));
  send_batch(topic, partition, history.sent.size() - 1, acks);
}

void Clients::send_batch(std::size_t topic, std::size_t partition, std::size_t number, std::int16_t acks,
                         std::optional<Offset> expected) {
  auto& batch = at(topic, partition).sent[number];
  auto bytes = *batch.bytes;
  protocol::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = kTimeoutMs;
  protocol::ProduceRequest::TopicProduceData data;
  data.topic_id = history_.topics[topic].id;
  data.partition_data.push_back(
      {.index = PartitionIndex(static_cast<std::int32_t>(partition)), .records = protocol::Records::of(bytes)});
  request.topic_data.push_back(std::move(data));
  if (acks == 0) {
    broker_.send(TestBroker::frame_of(request, kProduceVersion), next_shard_++);
    return;
  }
  batch.in_flight = true;
  const auto changes_before = history_.topics[topic].limit_changes;
  auto take = [=, this](const protocol::ProduceResponse& response) {
    const auto& row = response.responses.at(0).partition_responses.at(0);
    auto& answered = at(topic, partition).sent[number];
    answered.in_flight = false;
    const auto what = fmt::format("batch {} of {}", number, name_of(topic, partition));
    if (is_limited(topic, changes_before, row.error_code)) return;
    if (row.error_code != ErrorCode::kNone) {
      const bool gone = history_.topics[topic].deletion_asked;
      if (!gone) told_error(what, row.error_code);
      if (expected) report(fmt::format("{} stands at {}, its repetition was refused", what, expected->value()));
      return;
    }
    if (expected && *expected != row.base_offset) {
      report(fmt::format("{} stands at {}, its repetition was answered with {}", what, expected->value(),
                         row.base_offset.value()));
    }
    if (acks != kAcksAll) return;
    if (answered.acked_at != kNoOffset && answered.acked_at != row.base_offset) {
      report(
          fmt::format("{} was acked at {}, and again at {}", what, answered.acked_at.value(), row.base_offset.value()));
    }
    answered.acked_at = row.base_offset;
    ++history_.batches_acked;
  };
  // A producer has one connection, or its batches could overtake each other.
  const auto producer = batch.producer;
  const auto shard = producer == kNoProducer ? std::nullopt : std::optional(static_cast<std::uint32_t>(producer));
  send(request, kProduceVersion, std::move(take), shard);
}

// Whether a batch was refused by the topic's limit, which may be tight. Any other answer is none of that, but what it
// says of the limit is taken in.
bool Clients::is_limited(std::size_t number, std::uint64_t changes_before, ErrorCode answer) {
  auto& topic = history_.topics[number];
  const bool was_refused = answer == ErrorCode::kMessageTooLarge;
  if (!was_refused && answer != ErrorCode::kNone) return false;
  const bool is_settled = topic.limit_changes == changes_before;  // else it was either, on the way
  if (is_settled && !(was_refused ? topic.may_be_tight : topic.may_be_loose)) {
    report(fmt::format("{}: its max.message.bytes is not what it was set to", topic.name));
  }
  if (is_settled && !topic.limit_change_in_flight) {
    topic.may_be_tight = was_refused;
    topic.may_be_loose = !was_refused;
  }
  if (was_refused) ++history_.batches_limited;
  return was_refused;
}

// --- consumer

void Clients::show_ends(PartitionHistory& partition, const std::string& name, Offset high_watermark, Offset log_start) {
  partition.high_watermark_shown = std::max(partition.high_watermark_shown, high_watermark);
  if (log_start > partition.log_start_shown) {
    partition.log_start_shown = log_start;
    ++history_.starts_moved;
  }
  if (log_start > high_watermark) report(fmt::format("{}: log start above the high watermark", name));
}

void Clients::show_batches(std::size_t topic, std::size_t partition, ByteView batches) {
  auto& history = at(topic, partition);
  const auto name = name_of(topic, partition);
  for (auto left = batches; !left.empty();) {
    const auto header = record::check_batch(left);
    if (!header) return report(fmt::format("{}: a bad batch was shown: {}", name, to_string(header.error())));
    left = left.subspan(header->size_bytes());
    const auto offset = header->base_offset;
    const auto known = history.by_crc.find(header->crc);
    if (known == history.by_crc.end())
      return report(fmt::format("{}: at {} is what nobody sent", name, offset.value()));
    auto& batch = history.sent[known->second];
    if (batch.record_count != header->records_count) return report(fmt::format("{}: a changed batch", name));
    const auto [place, is_new] = history.shown.try_emplace(offset, known->second);
    if (!is_new && place->second != known->second) {
      return report(fmt::format("{}: offset {} has two values", name, offset.value()));
    }
    if (batch.shown_at != kNoOffset && batch.shown_at != offset) {
      return report(fmt::format("{}: one batch stands at {} and at {}", name, batch.shown_at.value(), offset.value()));
    }
    if (batch.acked_at != kNoOffset && batch.acked_at != offset) {
      return report(fmt::format("{}: a batch acked at {} stands at {}", name, batch.acked_at.value(), offset.value()));
    }
    batch.shown_at = offset;
    if (is_new) ++history_.batches_shown;
    history.read_to = std::max(history.read_to, header->next_offset());
  }
}

void Clients::fetch() {
  auto request = fetch_request();
  std::map<Uuid, std::size_t> numbers;
  std::vector<std::vector<Offset>> shown_before(history_.topics.size());
  for (std::size_t i = 0; i < history_.topics.size(); ++i) {
    const auto& topic = history_.topics[i];
    if (topic.state != State::kThere) continue;
    numbers[topic.id] = i;
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      add_partition(request, topic.id, p, topic.partitions[p].read_to);
      shown_before[i].push_back(topic.partitions[p].high_watermark_shown);
    }
  }
  if (request.topics.empty()) return;
  auto take = [this, numbers = std::move(numbers),
               before = std::move(shown_before)](const protocol::FetchResponse& response) {
    for (const auto& topic : response.responses) {
      const auto number = numbers.at(topic.topic_id);
      for (const auto& row : topic.partitions) {
        const auto index = static_cast<std::size_t>(row.partition_index.value());
        const auto name = name_of(number, index);
        const auto& known = history_.topics[number];
        if (row.error_code == ErrorCode::kOffsetOutOfRange && !known.keeps_everything) {
          auto& partition = at(number, index);  // a consumer with auto.offset.reset=earliest
          partition.read_to = std::max(partition.read_to, partition.log_start_shown);
          continue;
        }
        if (row.error_code != ErrorCode::kNone) {
          if (!known.deletion_asked) told_error("reading " + name, row.error_code);
          continue;
        }
        if (row.high_watermark < before[number][index]) report(name + ": the high watermark went back");
        show_ends(at(number, index), name, row.high_watermark, row.log_start_offset);
        show_batches(number, index, row.records.view);
      }
    }
  };
  send(request, kFetchVersion, std::move(take));
}

void Clients::list_offsets() {
  for (const auto timestamp : {kEarliest, kLatest}) {
    protocol::ListOffsetsRequest request;
    request.replica_id = NodeId(-1);
    request.timeout_ms = kTimeoutMs;
    std::map<std::string, std::size_t> numbers;
    std::vector<std::vector<Offset>> shown_before(history_.topics.size());
    for (std::size_t i = 0; i < history_.topics.size(); ++i) {
      const auto& topic = history_.topics[i];
      if (topic.state != State::kThere) continue;
      numbers[topic.name] = i;
      protocol::ListOffsetsRequest::ListOffsetsTopic asked;
      asked.name = topic.name;
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        asked.partitions.push_back(
            {.partition_index = PartitionIndex(static_cast<std::int32_t>(p)), .timestamp = timestamp});
        const auto& partition = topic.partitions[p];
        shown_before[i].push_back(timestamp == kLatest ? partition.high_watermark_shown : partition.log_start_shown);
      }
      request.topics.push_back(std::move(asked));
    }
    if (request.topics.empty()) return;
    auto take = [this, timestamp, numbers = std::move(numbers),
                 before = std::move(shown_before)](const protocol::ListOffsetsResponse& response) {
      for (const auto& topic : response.topics) {
        const auto number = numbers.at(topic.name);
        for (const auto& row : topic.partitions) {
          const auto index = static_cast<std::size_t>(row.partition_index.value());
          const auto name = name_of(number, index);
          if (history_.topics[number].deletion_asked) continue;  // this may be of the next one of its name
          if (row.error_code != ErrorCode::kNone) {
            told_error("offsets of " + name, row.error_code);
            continue;
          }
          if (row.offset < before[number][index]) {
            report(fmt::format("{}: its {} went back from {} to {}", name,
                               timestamp == kLatest ? "high watermark" : "log start", before[number][index].value(),
                               row.offset.value()));
          }
          auto& partition = at(number, index);
          if (timestamp == kLatest) show_ends(partition, name, row.offset, partition.log_start_shown);
          if (timestamp == kEarliest) {
            show_ends(partition, name, std::max(partition.high_watermark_shown, row.offset), row.offset);
          }
        }
      }
    };
    send(request, kListOffsetsVersion, std::move(take));
  }
}

// --- after a start

void Clients::check_metadata() {
  protocol::MetadataRequest request;
  request.topics = std::nullopt;
  send(request, kMetadataVersion, [this](const protocol::MetadataResponse& response) {
    std::map<Uuid, std::size_t> told;
    for (const auto& row : response.topics) {
      auto known = std::ranges::find(history_.topics, row.topic_id, &TopicHistory::id);
      if (known == history_.topics.end()) {
        // Asked for, and the answer was lost.
        known = std::ranges::find_if(history_.topics, [&](const TopicHistory& topic) {
          return topic.state == State::kAsked && topic.name == row.name;
        });
        if (known == history_.topics.end()) {
          report(fmt::format("topic {} has an id that nobody was told", row.name.value_or("")));
          continue;
        }
        known->id = row.topic_id;
      }
      if (known->state == State::kDeleted) report("deleted topic " + known->name + " is back");
      if (known->name != row.name) report("topic " + known->name + " has another name");
      if (known->partitions.size() != row.partitions.size()) report("topic " + known->name + ": partitions differ");
      known->state = State::kThere;
      known->deletion_asked = false;
      told[row.topic_id] = row.partitions.size();
    }
    for (auto& topic : history_.topics) {
      if (topic.state == State::kDeleted || told.contains(topic.id)) continue;
      if (topic.state == State::kThere) report("topic " + topic.name + " is gone");
      topic.state = State::kDeleted;  // or never made
    }
  });
  step();
}

void Clients::check_records(std::size_t topic, std::size_t partition) {
  const auto name = name_of(topic, partition);
  const auto log_start = at(topic, partition).log_start_shown;
  const auto end = at(topic, partition).high_watermark_shown;
  if (log_start != Offset{0} && history_.topics[topic].keeps_everything)
    report(fmt::format("{}: starts at {}, nothing was deleted", name, log_start.value()));
  auto& history = at(topic, partition);
  // Of each producer; not known where the beginning has been deleted.
  std::vector<std::optional<std::int32_t>> next_sequences(history_.producers.size());
  if (log_start == Offset{0}) std::ranges::fill(next_sequences, 0);
  auto next = log_start;
  for (auto it = history.shown.lower_bound(log_start); it != history.shown.end(); ++it) {
    const auto& [offset, number] = *it;
    const auto& batch = history.sent[number];
    if (offset != next) return report(fmt::format("{}: a hole at {}", name, next.value()));
    next = offset + batch.record_count;
    if (batch.producer == kNoProducer) continue;
    auto& sequence = next_sequences[static_cast<std::size_t>(batch.producer)];
    if (sequence && batch.base_sequence != *sequence)
      return report(fmt::format("{}: sequences break at {}", name, offset.value()));
    sequence = batch.base_sequence + batch.record_count;
  }
  if (next != end) return report(fmt::format("{}: read to {}, the end is {}", name, next.value(), end.value()));
  for (std::size_t i = 0; i < history.sent.size(); ++i) {
    const auto& batch = history.sent[i];
    if (batch.acked_at < log_start) continue;  // was never acked, or retention took it
    const auto found = history.shown.find(batch.acked_at);
    if (found == history.shown.end() || found->second != i) {
      return report(fmt::format("{}: batch {}, acked at {}, is lost", name, i, batch.acked_at.value()));
    }
  }
}

void Clients::check_all() {
  const auto reasons = broker_.broker().unready_reasons();
  for (const auto& reason : reasons) report("not ready: " + reason);
  check_metadata();
  list_offsets();
  step();
  // Everything is read anew: what is shown now must be what was shown before.
  std::vector<std::vector<std::map<Offset, std::size_t>>> shown_before;
  for (auto& topic : history_.topics) {
    auto& of_topic = shown_before.emplace_back();
    for (auto& partition : topic.partitions) {
      if (topic.state == State::kThere) {
        of_topic.push_back(std::exchange(partition.shown, {}));
        partition.read_to = partition.log_start_shown;
      } else {
        of_topic.emplace_back();
      }
    }
  }
  for (int reads = 0; reads < kReadsMax && history_.problem.empty(); ++reads) {
    const bool all_read = std::ranges::all_of(history_.topics, [](const TopicHistory& topic) {
      return topic.state != State::kThere ||
             std::ranges::all_of(topic.partitions, [](const PartitionHistory& partition) {
               return partition.read_to >= partition.high_watermark_shown;
             });
    });
    if (all_read) break;
    fetch();
    step();
  }
  for (std::size_t i = 0; i < history_.topics.size(); ++i) {
    if (history_.topics[i].state != State::kThere) continue;
    for (std::size_t p = 0; p < history_.topics[i].partitions.size(); ++p) {
      const auto& now = at(i, p).shown;
      for (const auto& [offset, number] : shown_before[i][p]) {
        if (offset < at(i, p).log_start_shown) continue;
        const auto found = now.find(offset);
        if (found == now.end()) {
          report(fmt::format("{}: what was read at {} has vanished", name_of(i, p), offset.value()));
        } else if (found->second != number) {
          report(fmt::format("{}: offset {} has two values", name_of(i, p), offset.value()));
        }
      }
      check_records(i, p);
    }
  }
  if (!all_answered()) report("a request was not answered");
}

void Clients::repeat_last_batches(std::size_t topic, std::size_t partition) {
  const auto& history = at(topic, partition);
  for (int producer = 0; producer < static_cast<int>(history_.producers.size()); ++producer) {
    std::vector<std::size_t> in_log;
    for (auto it = history.shown.lower_bound(history.log_start_shown); it != history.shown.end(); ++it) {
      if (history.sent[it->second].producer == producer) in_log.push_back(it->second);
    }
    for (auto i = in_log.size() - std::min(in_log.size(), kBatchWindow); i < in_log.size(); ++i) {
      send_batch(topic, partition, in_log[i], kAcksAll, history.sent[in_log[i]].shown_at);
    }
    for (const auto number : unresolved(topic, partition, producer)) send_batch(topic, partition, number, kAcksAll);
  }
}

void Clients::go_on() {
  for (std::size_t i = 0; i < history_.topics.size(); ++i) {
    if (history_.topics[i].state != State::kThere) continue;
    for (std::size_t p = 0; p < history_.topics[i].partitions.size(); ++p) repeat_last_batches(i, p);
  }
  step();
  for (std::size_t i = 0; i < history_.topics.size(); ++i) {
    if (history_.topics[i].state != State::kThere) continue;
    for (std::size_t p = 0; p < history_.topics[i].partitions.size(); ++p) {
      produce(i, p, kAcksAll);
      if (!history_.producers.empty()) produce(i, p, kAcksAll, 0);
    }
  }
  step();
  fetch();
  step();
  if (!all_answered()) report("a request was not answered");
}

}  // namespace weir::test
