// One connection pipelines idempotent produces: 1,000,000 B of records that zstd packs to under 100 KB, then at once
// one record of 100 B, up to five requests in flight. The large batch takes long to inflate and check, the small one
// nothing: a broker that lets the second overtake the first answers OUT_OF_ORDER_SEQUENCE_NUMBER.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/random.h"
#include "clients/batch_bytes.h"
#include "clients/requests.h"

namespace weir::clients {
namespace {

constexpr std::int32_t kLargeRecords = 1000;
constexpr std::size_t kLargeBytes = 1'000'000;
constexpr std::size_t kPackedBytesMax = 100'000;
constexpr std::size_t kSmallValueBytes = 100;
constexpr std::int64_t kInFlightMax = 5;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "pipeline";
  std::int64_t pairs = 500;
  std::uint64_t seed = 1;
};

// 1,000 records of together 1,000,000 B: one random block repeated, which zstd finds.
Bytes large_records(std::uint64_t seed) {
  constexpr std::size_t kRecordBytes = kLargeBytes / kLargeRecords;
  constexpr std::size_t kBlockRecords = 16;
  SeededRandom random(seed);
  Bytes block(kBlockRecords * kRecordBytes);
  random.fill(block);
  constexpr std::size_t kValueBytes = kRecordBytes - 10;  // a record's own framing takes at most that much
  Bytes records;
  const auto append = [&records](std::int32_t index, ByteView value) {
    const auto record = record_bytes(index, "", value);
    records.insert(records.end(), record.begin(), record.end());
  };
  for (std::int32_t i = 0; i + 1 < kLargeRecords; ++i) {
    const auto at = (static_cast<std::size_t>(i) % kBlockRecords) * kRecordBytes;
    append(i, ByteView(block).subspan(at, kValueBytes));
  }
  append(kLargeRecords - 1, Bytes(kLargeBytes - records.size() - (kRecordBytes - kValueBytes)));
  return records;
}

class Pipeline {
 public:
  Pipeline(Connection& to, const Plan& plan, ProducerIdentity producer, std::int64_t first_offset)
      : to_(to), plan_(plan), next_offset_(first_offset) {
    const auto now_ms = wall_ms();
    BatchFields fields{.base_timestamp_ms = now_ms,
                       .max_timestamp_ms = now_ms,
                       .producer_id = producer.id,
                       .producer_epoch = producer.epoch,
                       .base_sequence = 0};
    small_ = batch_bytes(fields, record_bytes(0, "", Bytes(kSmallValueBytes, 'x')));
    const auto records = large_records(plan.seed);
    inflated_bytes_ = records.size();
    fields.attributes = static_cast<std::int16_t>(Codec::kZstd);
    fields.records_count = kLargeRecords;
    fields.last_offset_delta = kLargeRecords - 1;
    large_ = batch_bytes(fields, compress(Codec::kZstd, records));
  }

  Result<void> run() {
    fmt::print("pipeline: {} B packed to {} B, then {} B, {} times\n", inflated_bytes_, large_.size(), small_.size(),
               plan_.pairs);
    if (large_.size() > kPackedBytesMax) return fail(Errc::kTooLarge, "the large batch packs badly");
    const auto requests = plan_.pairs * 2;
    while (answered_ < requests) {
      while (sent_ < requests && sent_ - answered_ < kInFlightMax) WEIR_TRY(send_next());
      WEIR_TRY(take_answer());
    }
    WEIR_TRY_ASSIGN(latest, latest_offset(to_, plan_.topic, 0));
    if (latest != next_offset_) return fail(Errc::kCorrupt, fmt::format("latest is {}, not {}", latest, next_offset_));
    return {};
  }

 private:
  static bool is_large(std::int64_t request) { return request % 2 == 0; }

  Result<void> send_next() {
    auto& batch = is_large(sent_) ? large_ : small_;
    set_base_sequence(batch, next_sequence_);
    WEIR_TRY(to_.send_frame(produce_request(static_cast<std::int32_t>(sent_), plan_.topic, 0, batch)));
    next_sequence_ += is_large(sent_) ? kLargeRecords : 1;
    ++sent_;
    return {};
  }

  Result<void> take_answer() {
    WEIR_TRY_ASSIGN(bytes, to_.receive_frame());
    WEIR_TRY_ASSIGN(answer, read_produce_answer(bytes));
    if (answer.correlation_id != static_cast<std::int32_t>(answered_)) {
      return fail(Errc::kCorrupt, fmt::format("answer {} came in place of {}", answer.correlation_id, answered_));
    }
    if (answer.error != ErrorCode::kNone) {
      return fail(Errc::kCorrupt, fmt::format("request {}: {} {}", answered_, to_string(answer.error), answer.message));
    }
    if (answer.base_offset != next_offset_) {
      return fail(Errc::kCorrupt,
                  fmt::format("request {} at offset {}, not {}", answered_, answer.base_offset, next_offset_));
    }
    next_offset_ += is_large(answered_) ? kLargeRecords : 1;
    ++answered_;
    return {};
  }

  Connection& to_;
  const Plan& plan_;
  Bytes large_;
  Bytes small_;
  std::size_t inflated_bytes_ = 0;
  std::int64_t sent_ = 0;
  std::int64_t answered_ = 0;
  std::int32_t next_sequence_ = 0;
  std::int64_t next_offset_;
};

Result<void> run(const Plan& plan) {
  WEIR_TRY_ASSIGN(connection, Connection::open(plan.bootstrap));
  WEIR_TRY(ensure_topic(connection, plan.topic, 1));
  WEIR_TRY_ASSIGN(first_offset, latest_offset(connection, plan.topic, 0));
  WEIR_TRY_ASSIGN(producer, init_producer_id(connection));
  const SystemClock clock;
  const auto start = clock.steady();
  WEIR_TRY(Pipeline(connection, plan, producer, first_offset).run());
  const auto took = std::chrono::duration_cast<Millis>(clock.steady() - start);
  fmt::print("pipeline: {} pairs answered in order, no sequence refused, {} ms\n", plan.pairs, took.count());
  return {};
}

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::clients::Plan plan;
  CLI::App app{"Pipelined idempotent batches, large and small in turn"};
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--topic", plan.topic, "topic, created with one partition");
  app.add_option("--pairs", plan.pairs, "how many times large, then small");
  app.add_option("--seed", plan.seed, "seed of the records' content")->envname("WEIR_SEED");
  CLI11_PARSE(app, argc, argv);
  const auto done = weir::clients::run(plan);
  if (done) return 0;
  fmt::print(stderr, "pipeline: {}\nrepeat: {} --bootstrap {} --topic {} --pairs {} --seed {}\n",
             weir::to_string(done.error()), argv[0], plan.bootstrap, plan.topic, plan.pairs, plan.seed);
  return 1;
}
