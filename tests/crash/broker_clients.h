// The clients of one broker: producers, plain and idempotent, a consumer, an admin. They remember across all lives of
// the broker what they were told, and judge every answer against it on the spot: an acked or shown batch is where it
// was, an offset has one value, nothing is there that nobody sent, and no end that was shown goes back.
//
// A History is a plain value: a suite that tries many ends of one life gives each a copy.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/ids.h"
#include "model/uuid.h"
#include "support/test_broker.h"

namespace weir::test {

inline constexpr int kNoProducer = -1;

// One produced batch as its client knows it. Its CRC names it: every batch carries bytes of its own.
struct SentBatch {
  std::shared_ptr<const Bytes> bytes;
  std::uint32_t crc = 0;
  std::int32_t record_count = 0;
  int producer = kNoProducer;
  std::int32_t base_sequence = kNoSequence;
  Offset acked_at = kNoOffset;  // answered to acks=all
  Offset shown_at = kNoOffset;  // by a consumer
  bool in_flight = false;       // sent in this life and not answered
};

struct PartitionHistory {
  std::vector<SentBatch> sent;  // in the order of the first sending
  std::map<std::uint32_t, std::size_t> by_crc;
  std::map<Offset, std::size_t> shown;  // base offset -> sent
  Offset high_watermark_shown{0};
  Offset log_start_shown{0};
  Offset read_to{0};  // the consumer's position
};

struct TopicHistory {
  enum class State { kAsked, kThere, kDeletionAsked, kDeleted };
  std::string name;
  std::vector<std::pair<std::string, std::string>> configs;
  Uuid id;  // zero until told
  State state = State::kAsked;
  bool deletion_asked = false;
  bool keeps_everything = true;  // no retention by size or age
  // max.message.bytes, which clients change, and see by what is refused. Of a change that was not answered nobody knows
  // whether it holds, until a batch tells.
  bool may_be_tight = false;  // no batch passes
  bool may_be_loose = true;   // every batch passes
  bool limit_change_in_flight = false;
  std::uint64_t limit_changes = 0;  // asked and answered, each counts
  std::vector<PartitionHistory> partitions;
};

struct ProducerHistory {
  ProducerId id = kNoProducerId;  // none until told
  ProducerEpoch epoch{0};
};

struct History {
  std::vector<TopicHistory> topics;
  std::vector<ProducerHistory> producers;
  std::uint64_t batches_sent = 0;
  std::uint64_t errors_told = 0;
  ErrorCode last_error = ErrorCode::kNone;
  // Proof that there was something to lose.
  std::uint64_t batches_acked = 0;
  std::uint64_t batches_shown = 0;
  std::uint64_t starts_moved = 0;  // by retention
  std::uint64_t limits_acked = 0;
  std::uint64_t batches_limited = 0;
  std::string problem;  // the first one; empty: none
};

class Clients {
 public:
  // kNone: nothing fails in this test, so any error answer is a problem. kTolerated: storage errors are expected.
  enum class Errors { kNone, kTolerated };

  // Both outlive the clients.
  Clients(TestBroker& broker, History& history, Errors errors = Errors::kNone);

  // From now on an error is an answer like any other: the broker stops, and says so to who waits.
  void tolerate_errors() { errors_ = Errors::kTolerated; }

  // These send and return; answers come with step().
  std::size_t create_topic(std::string name, int partition_count,
                           std::vector<std::pair<std::string, std::string>> configs = {});
  void delete_topic(std::size_t topic);
  // Lets no batch through from then on, or all again. Nothing while an earlier change is not answered.
  void limit_batches(std::size_t topic, bool is_tight);
  // Number of the producer in the history.
  int init_producer();
  // A new batch of 1-3 records. An idempotent producer that has unanswered batches of earlier lives, or refused ones,
  // sends those instead, in order.
  void produce(std::size_t topic, std::size_t partition, std::int16_t acks, int producer = kNoProducer,
               std::size_t value_bytes = 0);
  // From the consumer's positions in all partitions of known topics.
  void fetch();
  void list_offsets();

  // Runs the broker and takes in the answers.
  void step();
  // Takes in what has been answered so far; also from inside a file-system call.
  void collect();
  // Whether every request was answered.
  [[nodiscard]] bool all_answered() const { return outstanding_.empty(); }

  // After a start: holds metadata, offsets and every record against the history. Everything below the high watermark
  // counts as shown from then on.
  void check_all();
  // After check_all(): repeats the last batches of each producer, sends what was never answered, then something new.
  void go_on();
  // Records a problem unless there is one already.
  void report(std::string problem);

 private:
  struct Outstanding {
    std::shared_ptr<PendingReply> pending;
    std::function<void(const PendingReply&)> take;
  };
  struct Found {
    Offset base_offset;
    std::size_t sent;
  };

  template <class Request>
  void send(const Request& request, std::int16_t version, std::function<void(const typename Request::Response&)> take,
            std::optional<std::uint32_t> shard = std::nullopt);
  void send_batch(std::size_t topic, std::size_t partition, std::size_t sent, std::int16_t acks,
                  std::optional<Offset> expected = std::nullopt);
  bool is_limited(std::size_t topic, std::uint64_t changes_before, ErrorCode answer);
  void show_batches(std::size_t topic, std::size_t partition, ByteView batches);
  void show_ends(PartitionHistory& partition, const std::string& name, Offset high_watermark, Offset log_start);
  void told_error(const std::string& what, ErrorCode error);
  void check_metadata();
  void check_records(std::size_t topic, std::size_t partition);
  void repeat_last_batches(std::size_t topic, std::size_t partition);
  [[nodiscard]] std::vector<std::size_t> unresolved(std::size_t topic, std::size_t partition, int producer) const;
  [[nodiscard]] PartitionHistory& at(std::size_t topic, std::size_t partition) {
    return history_.topics[topic].partitions[partition];
  }
  [[nodiscard]] std::string name_of(std::size_t topic, std::size_t partition) const;

  TestBroker& broker_;
  History& history_;
  Errors errors_;
  std::uint32_t next_shard_ = 0;
  std::vector<Outstanding> outstanding_;
};

}  // namespace weir::test
