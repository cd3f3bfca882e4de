// Makes the data directory that a start is measured on: --topics topics of --partitions partitions with --records
// records of 1 KiB in each, then --tail-mib MiB in batches of 1 MiB on the first partition of the first topic.
// Everything is acknowledged with acks=all when the program ends.
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/random.h"
#include "clients/batch_bytes.h"
#include "clients/requests.h"
#include "clients/wire_writer.h"

namespace weir::bench {
namespace {

using namespace weir::clients;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string prefix = "fill";
  std::int32_t topics = 1;
  std::int32_t partitions = 1;
  std::int32_t records = 1;
  std::int64_t tail_mib = 0;
};

constexpr std::size_t kValueBytes = 1024;
constexpr std::size_t kTailBatchBytes = 1'000'000;  // below message.max.bytes
constexpr std::size_t kInFlightMax = 5;
constexpr int kRetryPauseMs = 10;

// The first error in the answer to a Produce of one topic.
Result<ErrorCode> first_error(ByteView answer, std::int32_t partitions) {
  WireReader from(answer);
  from.i32();
  bool good = from.count() == 1;
  from.string();
  good = from.count() == partitions && good;
  for (std::int32_t i = 0; i < partitions; ++i) {
    from.i32();
    const auto error = static_cast<ErrorCode>(from.i16());
    if (error != ErrorCode::kNone) return error;
    from.i64(), from.i64(), from.i64();
    good = from.count() == 0 && good;
    from.string();
  }
  if (!good || !from.ok()) return fail(Errc::kCorrupt, "Produce answer");
  return ErrorCode::kNone;
}

Result<void> check_answer(ByteView answer) {
  WEIR_TRY_ASSIGN(error, first_error(answer, 1));
  if (error != ErrorCode::kNone) return fail(Errc::kIo, fmt::format("produce: {}", to_string(error)));
  return {};
}

// One batch to every partition of `topic` in one request, again while partitions made just now have no leader yet.
Result<void> produce_to_all(Connection& to, const std::string& topic, std::int32_t partitions, ByteView batch) {
  auto request = begin_request({.api_key = kProduceKey, .api_version = kProduceVersion, .correlation_id = 1});
  request.null_string().i16(-1).i32(30'000).i32(1).string(topic).i32(partitions);
  for (std::int32_t i = 0; i < partitions; ++i) request.i32(i).bytes(batch);
  const SystemClock clock;
  const auto until = clock.steady() + kAnswerDeadline;
  for (;;) {
    WEIR_TRY(to.send_frame(request.view()));
    WEIR_TRY_ASSIGN(answer, to.receive_frame());
    WEIR_TRY_ASSIGN(error, first_error(answer, partitions));
    if (error == ErrorCode::kNone) return {};
    const bool not_yet = error == ErrorCode::kNotLeaderOrFollower || error == ErrorCode::kUnknownTopicOrPartition;
    if (!not_yet || clock.steady() > until) {
      return fail(Errc::kIo, fmt::format("produce to {}: {}", topic, to_string(error)));
    }
    ::poll(nullptr, 0, kRetryPauseMs);
  }
}

Result<void> produce_tail(Connection& to, const std::string& topic, std::int64_t size_bytes) {
  Bytes value(kTailBatchBytes);
  SeededRandom(1).fill(value);
  const auto request = produce_request(1, topic, 0, single_record_batch(value));
  std::size_t in_flight = 0;
  for (std::int64_t sent = 0; sent < size_bytes; sent += static_cast<std::int64_t>(kTailBatchBytes)) {
    WEIR_TRY(to.send_frame(request));
    if (++in_flight < kInFlightMax) continue;
    WEIR_TRY_ASSIGN(answer, to.receive_frame());
    WEIR_TRY(check_answer(answer));
    --in_flight;
  }
  for (; in_flight > 0; --in_flight) {
    WEIR_TRY_ASSIGN(answer, to.receive_frame());
    WEIR_TRY(check_answer(answer));
  }
  return {};
}

Result<void> fill(const Plan& plan) {
  WEIR_TRY_ASSIGN(connection, Connection::open(plan.bootstrap));
  const auto batch = single_record_batch(Bytes(kValueBytes, 'w'));
  for (std::int32_t i = 0; i < plan.topics; ++i) {
    const auto topic = fmt::format("{}{}", plan.prefix, i);
    WEIR_TRY_ASSIGN(error, create_topic(connection, topic, plan.partitions));
    if (error != ErrorCode::kNone && error != ErrorCode::kTopicAlreadyExists) {
      return fail(Errc::kIo, fmt::format("CreateTopics {}: {}", topic, to_string(error)));
    }
    for (std::int32_t record = 0; record < plan.records; ++record) {
      WEIR_TRY(produce_to_all(connection, topic, plan.partitions, batch));
    }
  }
  return produce_tail(connection, plan.prefix + "0", plan.tail_mib * static_cast<std::int64_t>(kMiB));
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::Plan plan;
  CLI::App app{"Fills a broker's data directory"};
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--prefix", plan.prefix, "topics are called PREFIX0, PREFIX1, ...");
  app.add_option("--topics", plan.topics, "how many");
  app.add_option("--partitions", plan.partitions, "of each topic");
  app.add_option("--records", plan.records, "of 1 KiB in each partition");
  app.add_option("--tail-mib", plan.tail_mib, "MiB more on the first partition");
  CLI11_PARSE(app, argc, argv);
  weir::clients::ignore_broken_pipes();
  const auto done = weir::bench::fill(plan);
  if (done) return 0;
  fmt::print(stderr, "fill_partitions: {}\n", to_string(done.error()));
  return 1;
}
