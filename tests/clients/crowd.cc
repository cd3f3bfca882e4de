// Many clients at once, each on a thread and a connection of its own, so that requests of all kinds meet in the broker:
// writers on every partition, readers that follow the end, questions for offsets, and topics that come, are written to
// by others, and go. Nothing is fast here; it is for what only shows when threads overlap, above all under
// ThreadSanitizer (`./dev test --preset tsan`).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "clients/batch_bytes.h"
#include "clients/requests.h"

namespace weir::clients {
namespace {

constexpr std::int32_t kPartitions = 6;
constexpr std::int32_t kShortLivedPartitions = 3;
constexpr std::size_t kLastOffsetDeltaAt = 23;
// From small batches, copied into an answer, to large ones that leave as a piece of the file.
constexpr std::size_t kValueBytesMax = 30'000;
// What a reader at the end waits for more; a writer may have been the last.
constexpr Millis kFollowWait{100};

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "crowd";
  std::int32_t writers = 4;
  std::int32_t readers = 4;
  std::int64_t batches = 300;  // of each writer
  std::uint64_t seed = 1;
};

Error wrong(std::string what) {
  return {Errc::kCorrupt, std::move(what)};
}

class Crowd {
 public:
  explicit Crowd(const Plan& plan) : plan_(plan), short_lived_(plan.topic + "-short-lived") {}

  Result<void> run() {
    WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap));
    WEIR_TRY(ensure_topic(connection, plan_.topic, kPartitions));
    std::vector<std::thread> writers;
    std::vector<std::thread> others;
    writers_left_ = plan_.writers;
    for (std::int32_t i = 0; i < plan_.writers; ++i) {
      writers.push_back(start("writer", [this, i](Connection& to) { return write(to, i); }));
    }
    for (std::int32_t i = 0; i < plan_.readers; ++i) {
      others.push_back(start("reader", [this, i](Connection& to) { return read(to, i % kPartitions); }));
    }
    others.push_back(start("asker", [this](Connection& to) { return ask(to); }));
    others.push_back(start("topic maker", [this](Connection& to) { return make_and_delete(to); }));
    others.push_back(start("intruder", [this](Connection& to) { return intrude(to); }));
    for (auto& thread : writers) thread.join();
    for (auto& thread : others) thread.join();
    if (failure_) return std::unexpected(*failure_);

    std::int64_t records = 0;
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      WEIR_TRY_ASSIGN(latest, latest_offset(connection, plan_.topic, partition));
      records += latest;
    }
    const auto expected = kPartitions + plan_.writers * plan_.batches;  // ensure_topic left one in each partition
    if (records != expected) return std::unexpected(wrong(fmt::format("{} records, not {}", records, expected)));
    fmt::print("crowd: {} batches of {} writers, {} read by {} readers, {} offsets asked, {} topics made and deleted\n",
               plan_.writers * plan_.batches, plan_.writers, batches_read_.load(), plan_.readers, questions_.load(),
               topics_deleted_.load());
    return {};
  }

 private:
  using Part = std::function<Result<void>(Connection&)>;

  // A part that fails ends all others.
  std::thread start(const char* name, Part part) {
    return std::thread([this, name, held = std::move(part)] {
      auto connection = Connection::open(plan_.bootstrap);
      const Result<void> outcome = connection ? held(*connection) : std::unexpected(connection.error());
      if (!outcome) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = Error{outcome.error().code, fmt::format("{}: {}", name, outcome.error().context)};
        has_failed_ = true;
      }
    });
  }

  [[nodiscard]] bool is_writing() const { return writers_left_ > 0 && !has_failed_; }

  Result<void> write(Connection& to, std::int32_t writer) {
    const auto outcome = write_all(to, writer);
    --writers_left_;
    return outcome;
  }

  Result<void> write_all(Connection& to, std::int32_t writer) {
    WEIR_TRY_ASSIGN(producer, init_producer_id(to));
    SeededRandom random(plan_.seed + static_cast<std::uint64_t>(writer));
    std::vector<std::int32_t> sequences(kPartitions, 0);
    for (std::int64_t i = 0; i < plan_.batches && !has_failed_; ++i) {
      const auto partition = static_cast<std::int32_t>(random.next_u64() % kPartitions);
      const auto now_ms = wall_ms();
      const BatchFields fields{.base_timestamp_ms = now_ms,
                               .max_timestamp_ms = now_ms,
                               .producer_id = producer.id,
                               .producer_epoch = producer.epoch,
                               .base_sequence = sequences[static_cast<std::size_t>(partition)]++};
      const Bytes value(random.next_u64() % kValueBytesMax, 'x');
      WEIR_TRY_ASSIGN(answer, produce(to, plan_.topic, partition, batch_bytes(fields, record_bytes(0, "key", value))));
      if (answer.error != ErrorCode::kNone) {
        return std::unexpected(wrong(fmt::format("{} {}", to_string(answer.error), answer.message)));
      }
    }
    return {};
  }

  // Follows one partition until the writers are done and its end is reached.
  Result<void> read(Connection& to, std::int32_t partition) {
    std::int64_t next = 0;
    for (;;) {
      const bool may_grow = is_writing();
      WEIR_TRY_ASSIGN(latest, latest_offset(to, plan_.topic, partition));
      if (next >= latest && !may_grow) return {};
      WEIR_TRY_ASSIGN(answer, fetch(to, plan_.topic, partition, next, kFollowWait));
      if (answer.error != ErrorCode::kNone) return std::unexpected(wrong(std::string(to_string(answer.error))));
      if (answer.high_watermark < latest) return std::unexpected(wrong("a high watermark went back"));
      WEIR_TRY(pass_batches(answer.records, next));
    }
  }

  // Whole batches without a gap, from `next` on.
  Result<void> pass_batches(ByteView records, std::int64_t& next) {
    while (!records.empty()) {
      if (records.size() < kRecordsAt) return std::unexpected(wrong("half a batch header"));
      const auto size = static_cast<std::size_t>(load_be<std::int32_t>(records.data() + kBatchLengthAt)) + 12;
      const auto base_offset = load_be<std::int64_t>(records.data());
      if (size > records.size()) return std::unexpected(wrong("half a batch"));
      if (base_offset != next) return std::unexpected(wrong(fmt::format("offset {}, not {}", base_offset, next)));
      next = base_offset + load_be<std::int32_t>(records.data() + kLastOffsetDeltaAt) + 1;
      records = records.subspan(size);
      ++batches_read_;
    }
    return {};
  }

  Result<void> ask(Connection& to) {
    std::vector<std::int64_t> ends(kPartitions, 0);
    const auto begin_ms = wall_ms();
    for (std::int32_t partition = 0; is_writing(); partition = (partition + 1) % kPartitions) {
      auto& end = ends[static_cast<std::size_t>(partition)];
      WEIR_TRY_ASSIGN(latest, latest_offset(to, plan_.topic, partition));
      if (latest < end) return std::unexpected(wrong(fmt::format("the end went back from {} to {}", end, latest)));
      end = latest;
      WEIR_TRY_ASSIGN(by_time, offset_at(to, plan_.topic, partition, begin_ms));
      if (by_time.error != ErrorCode::kNone) return std::unexpected(wrong(std::string(to_string(by_time.error))));
      WEIR_TRY_ASSIGN(newest, offset_at(to, plan_.topic, partition, wall_ms() + 3'600'000));
      if (newest.offset != -1) return std::unexpected(wrong("a record of the future"));
      questions_ += 3;
    }
    return {};
  }

  // The same name again and again: each topic must be empty of what the one before held.
  Result<void> make_and_delete(Connection& to) {
    while (is_writing()) {
      WEIR_TRY_ASSIGN(created, create_topic(to, short_lived_, kShortLivedPartitions));
      if (created != ErrorCode::kNone) return std::unexpected(wrong(std::string(to_string(created))));
      for (std::int32_t partition = 0; partition < kShortLivedPartitions; ++partition) {
        WEIR_TRY_ASSIGN(answer, produce(to, short_lived_, partition, single_record_batch(as_bytes("mine"))));
        if (answer.error != ErrorCode::kNone) return std::unexpected(wrong(std::string(to_string(answer.error))));
      }
      WEIR_TRY_ASSIGN(deleted, delete_topic(to, short_lived_));
      if (deleted != ErrorCode::kNone) return std::unexpected(wrong(std::string(to_string(deleted))));
      ++topics_deleted_;
    }
    return {};
  }

  // Writes to and reads from the topic that comes and goes; any answer is right, no answer is not.
  Result<void> intrude(Connection& to) {
    for (std::int32_t partition = 0; is_writing(); partition = (partition + 1) % kShortLivedPartitions) {
      WEIR_TRY(produce(to, short_lived_, partition, single_record_batch(as_bytes("intruder"))));
      WEIR_TRY(offset_at(to, short_lived_, partition, 0));
      WEIR_TRY(fetch(to, short_lived_, partition, 0, kFollowWait));
    }
    return {};
  }

  const Plan& plan_;
  const std::string short_lived_;
  std::atomic<std::int32_t> writers_left_ = 0;
  std::atomic<bool> has_failed_ = false;
  std::atomic<std::int64_t> batches_read_ = 0;
  std::atomic<std::int64_t> questions_ = 0;
  std::atomic<std::int64_t> topics_deleted_ = 0;
  std::mutex mutex_;  // guards failure_
  std::optional<Error> failure_;
};

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::clients::Plan plan;
  CLI::App app{"Clients of all kinds at once"};
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--topic", plan.topic, "topic, new to the broker");
  app.add_option("--writers", plan.writers, "threads that produce");
  app.add_option("--readers", plan.readers, "threads that fetch");
  app.add_option("--batches", plan.batches, "batches of each writer");
  app.add_option("--seed", plan.seed, "seed of sizes and partitions")->envname("WEIR_SEED");
  CLI11_PARSE(app, argc, argv);
  const auto done = weir::clients::Crowd(plan).run();
  if (done) return 0;
  fmt::print(stderr,
             "crowd: {}\nrepeat: {} --bootstrap {} --topic {} --writers {} --readers {} --batches {} --seed {}\n",
             weir::to_string(done.error()), argv[0], plan.bootstrap, plan.topic, plan.writers, plan.readers,
             plan.batches, plan.seed);
  return 1;
}
