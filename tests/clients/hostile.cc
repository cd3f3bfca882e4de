// A client that means harm, against a live broker: broken frames, lying counts, decompression bombs. Each case must end
// in the answer or the closed connection that Kafka gives; after it a connection that was there before and a new one
// must still be served, and the broker's memory stay bounded.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "clients/batch_bytes.h"
#include "clients/connection.h"
#include "clients/hostile_case.h"
#include "clients/requests.h"
#include "clients/wire_writer.h"

namespace weir::clients {
namespace {

constexpr Millis kReactionDeadline{15'000};
constexpr Millis kSlowCase{1'000};
constexpr int kFailuresInARow = 4;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  int pid = 0;  // 0: memory is not looked at
  std::uint64_t rss_growth_mib_max = 64;
  std::uint64_t inflated_limit_mib = 256;
  int rounds = 100;
  std::uint64_t seed = 1;
  std::vector<std::string> skipped;
  std::string only;
};

struct Memory {
  std::uint64_t resident_kib = 0;
  std::uint64_t peak_kib = 0;
};

Result<Memory> memory_of(int pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  if (!status) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  Memory memory;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> memory.resident_kib;
    if (word == "VmHWM:") status >> memory.peak_kib;
  }
  return memory;
}

// One record to the broker and back again.
Result<void> well_behaved(Connection& to, std::uint64_t number) {
  WEIR_TRY(api_versions(to));
  const auto text = fmt::format("well-behaved record {}", number);
  WEIR_TRY_ASSIGN(produced, produce(to, kHostileTopic, 1, single_record_batch(as_bytes(text))));
  if (produced.error != ErrorCode::kNone) return fail(Errc::kIo, fmt::format("produce: {}", to_string(produced.error)));
  WEIR_TRY_ASSIGN(fetched, fetch(to, kHostileTopic, 1, produced.base_offset));
  if (fetched.error != ErrorCode::kNone) return fail(Errc::kIo, fmt::format("fetch: {}", to_string(fetched.error)));
  const bool there = fetched.records.size() >= 8 &&
                     load_be<std::int64_t>(fetched.records.data()) == produced.base_offset &&
                     as_text(fetched.records).find(text) != std::string_view::npos;
  if (!there) return fail(Errc::kCorrupt, fmt::format("the record at offset {} is another", produced.base_offset));
  return {};
}

class Siege {
 public:
  Siege(const Plan& plan, Connection bystander) : plan_(plan), bystander_(std::move(bystander)) {}

  Result<void> begin() {
    WEIR_TRY(ensure_topic(bystander_, kHostileTopic, 2));
    WEIR_TRY(well_behaved(bystander_, 0));
    if (plan_.pid == 0) return {};
    WEIR_TRY_ASSIGN(memory, memory_of(plan_.pid));
    start_ = memory;
    return {};
  }

  void run() {
    for (const auto& wire : frame_cases()) attempt(wire.name, [&] { return run_wire(wire); });
    for (const auto& wire : message_cases()) attempt(wire.name, [&] { return run_wire(wire); });
    for (const auto& batch : batch_cases()) attempt(batch.name, [&] { return run_batch(batch); });
    attempt("records_null", [&] { return run_null_records(); });
    attempt("acks_of_two", [&] { return run_wrong_acks(); });
    attempt("announced_large_frames", [&] { return run_announced_frames(); });
    const BrokerLimits limits{.inflated_batch_bytes_max = plan_.inflated_limit_mib * kMiB};
    for (const auto& batch : compressed_cases(limits)) attempt(batch.name, [&] { return run_batch(batch); });
    for (const auto& wire : random_cases(plan_.seed, plan_.rounds)) attempt(wire.name, [&] { return run_wire(wire); });
  }

  [[nodiscard]] int report() const {
    if (plan_.pid != 0) {
      fmt::print("hostile: resident {} KiB at the start, {} KiB now, peak {} KiB (case {})\n", start_.resident_kib,
                 last_.resident_kib, peak_kib_, peak_case_);
    }
    fmt::print("hostile: {} cases, {} failed, {} skipped, {} well-behaved round trips in between\n", cases_, failed_,
               skipped_, round_trips_);
    return failed_ == 0 && cases_ > 0 ? 0 : 1;
  }

 private:
  template <class Case>
  void attempt(const std::string& name, Case run_case) {
    if (std::ranges::find(plan_.skipped, name) != plan_.skipped.end()) {
      ++skipped_;
      return;
    }
    if (!plan_.only.empty() && name != plan_.only) return;
    if (broker_lost_) return;
    ++cases_;
    const SystemClock clock;
    const auto start = clock.steady();
    auto outcome = run_case();
    if (outcome) outcome = after(name);
    const auto took = std::chrono::duration_cast<Millis>(clock.steady() - start);
    if (took > kSlowCase) fmt::print("hostile: {} took {} ms\n", name, took.count());
    if (outcome) {
      failed_in_a_row_ = 0;
      return;
    }
    ++failed_;
    fmt::print(stderr, "hostile: {}: {}\n", name, to_string(outcome.error()));
    // A broker that is gone or hangs fails all that follows, each after its deadline: say it a few times.
    auto fresh = Connection::open(plan_.bootstrap, kReactionDeadline);
    broker_lost_ = !fresh || ++failed_in_a_row_ == kFailuresInARow;
    if (broker_lost_) fmt::print(stderr, "hostile: gave up here\n");
    if (fresh) bystander_ = *std::move(fresh);
  }

  // Others are served as before, and memory is bounded.
  Result<void> after(const std::string& name) {
    WEIR_TRY(well_behaved(bystander_, ++round_trips_));
    WEIR_TRY_ASSIGN(fresh, Connection::open(plan_.bootstrap, kReactionDeadline));
    WEIR_TRY(well_behaved(fresh, ++round_trips_));
    if (plan_.pid == 0) return {};
    WEIR_TRY_ASSIGN(memory, memory_of(plan_.pid));
    last_ = memory;
    if (memory.peak_kib > peak_kib_) {
      peak_kib_ = memory.peak_kib;
      peak_case_ = name;
    }
    const auto limit_kib = start_.resident_kib + plan_.rss_growth_mib_max * 1024;
    if (memory.peak_kib > limit_kib && !peak_reported_) {
      peak_reported_ = true;  // it never falls again
      return fail(Errc::kTooLarge,
                  fmt::format("resident memory peaked at {} KiB, {} KiB are allowed", memory.peak_kib, limit_kib));
    }
    if (memory.resident_kib > limit_kib) {
      return fail(Errc::kTooLarge, fmt::format("{} KiB resident, {} KiB are allowed", memory.resident_kib, limit_kib));
    }
    return {};
  }

  Result<void> run_wire(const WireCase& wire) const {
    WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap, kReactionDeadline));
    const auto sent = connection.send(wire.bytes(), kReactionDeadline);
    if (!sent && sent.error().code != Errc::kClosed) return std::unexpected(sent.error());
    if (wire.reaction == Reaction::kAnswer || wire.reaction == Reaction::kOldApiVersions) {
      WEIR_TRY_ASSIGN(answer, connection.receive_frame(kReactionDeadline));
      return wire.reaction == Reaction::kAnswer ? Result<void>{} : expect_old_api_versions(answer);
    }
    if (wire.reaction != Reaction::kHangUp) connection.finish_sending();
    WEIR_TRY_ASSIGN(answered_bytes, connection.wait_closed(kReactionDeadline));
    if (wire.reaction != Reaction::kAny && answered_bytes != 0) {
      return fail(Errc::kCorrupt, fmt::format("{} bytes were answered", answered_bytes));
    }
    return {};
  }

  static Result<void> expect_old_api_versions(ByteView answer) {
    WireReader from(answer);
    from.i32();
    const auto error = static_cast<ErrorCode>(from.i16());
    const auto rows = from.count();
    const auto key = from.i16();
    const auto lowest = from.i16();
    const auto highest = from.i16();
    const bool right = from.ok() && from.left_bytes() == 0 && error == ErrorCode::kUnsupportedVersion && rows == 1 &&
                       key == kApiVersionsKey && lowest == 0 && highest >= 3;
    if (right) return {};
    return fail(Errc::kCorrupt, fmt::format("{}, {} rows, key {} versions {} to {}, {} bytes left", to_string(error),
                                            rows, key, lowest, highest, from.left_bytes()));
  }

  Result<void> run_batch(const BatchCase& batch) const {
    WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap, kReactionDeadline));
    WEIR_TRY_ASSIGN(answer, produce(connection, kHostileTopic, 0, batch.records()));
    const bool right = batch.answers.empty() ? answer.error != ErrorCode::kNone
                                             : std::ranges::find(batch.answers, answer.error) != batch.answers.end();
    if (!right) return fail(Errc::kCorrupt, fmt::format("answered {} {}", to_string(answer.error), answer.message));
    // The connection itself goes on.
    WEIR_TRY(api_versions(connection));
    return {};
  }

  Result<ProduceAnswer> produce_answer(ByteView request) const {
    WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap, kReactionDeadline));
    WEIR_TRY(connection.send_frame(request));
    WEIR_TRY_ASSIGN(answer, connection.receive_frame(kReactionDeadline));
    return read_produce_answer(answer);
  }

  Result<void> run_null_records() const {
    auto request = begin_request({.api_key = kProduceKey, .api_version = kProduceVersion, .correlation_id = 1});
    request.null_string().i16(-1).i32(1000).i32(1).string(kHostileTopic).i32(1).i32(0).i32(-1);
    WEIR_TRY_ASSIGN(answer, produce_answer(request.view()));
    if (answer.error == ErrorCode::kInvalidRecord) return {};
    return fail(Errc::kCorrupt, fmt::format("answered {}", to_string(answer.error)));
  }

  Result<void> run_wrong_acks() const {
    auto request = begin_request({.api_key = kProduceKey, .api_version = kProduceVersion, .correlation_id = 1});
    request.null_string().i16(2).i32(1000).i32(1).string(kHostileTopic).i32(1).i32(0);
    request.bytes(single_record_batch(as_bytes("acks of two")));
    WEIR_TRY_ASSIGN(answer, produce_answer(request.view()));
    if (answer.error == ErrorCode::kInvalidRequiredAcks) return {};
    return fail(Errc::kCorrupt, fmt::format("answered {}", to_string(answer.error)));
  }

  // Many connections announce the largest request and send its first 64 KiB: memory follows what came, not what was
  // announced.
  Result<void> run_announced_frames() {
    constexpr int kConnections = 64;
    constexpr std::int32_t kAnnouncedBytes = 104857600;
    std::vector<Connection> held;
    for (int i = 0; i < kConnections; ++i) {
      WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap, kReactionDeadline));
      auto request = begin_request({.api_key = kProduceKey, .api_version = kProduceVersion, .correlation_id = 1});
      request.null_string().i16(-1).i32(1000).i32(1).string(kHostileTopic).i32(1).i32(0).i32(kAnnouncedBytes - 100);
      request.raw(Bytes(64 * kKiB));
      WEIR_TRY(connection.send(WireWriter().i32(kAnnouncedBytes).raw(request.view()).view()));
      held.push_back(std::move(connection));
    }
    return after("announced_large_frames");
  }

  const Plan& plan_;
  Connection bystander_;
  Memory start_;
  Memory last_;
  std::uint64_t peak_kib_ = 0;
  std::string peak_case_ = "none";
  std::uint64_t round_trips_ = 0;
  int cases_ = 0;
  int failed_ = 0;
  int failed_in_a_row_ = 0;
  int skipped_ = 0;
  bool peak_reported_ = false;
  bool broker_lost_ = false;
};

int run(const Plan& plan) {
  auto connection = Connection::open(plan.bootstrap);
  if (!connection) return fmt::print(stderr, "hostile: {}\n", to_string(connection.error())), 1;
  Siege siege(plan, *std::move(connection));
  if (const auto begun = siege.begin(); !begun) {
    return fmt::print(stderr, "hostile: before any harm: {}\n", to_string(begun.error())), 1;
  }
  siege.run();
  return siege.report();
}

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::clients::Plan plan;
  CLI::App app{"Does a broker all harm that bytes can do, and sees that it stands"};
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--pid", plan.pid, "the broker's process, to watch its memory");
  app.add_option("--rss-limit-mib", plan.rss_growth_mib_max, "how much its resident memory may grow");
  app.add_option("--inflated-limit-mib", plan.inflated_limit_mib, "its bound on an inflated batch; 0: it has none");
  app.add_option("--rounds", plan.rounds, "random cases of each kind");
  app.add_option("--seed", plan.seed, "seed of the random cases")->envname("WEIR_SEED");
  app.add_option("--skip", plan.skipped, "a case to leave out; may be repeated");
  app.add_option("--only", plan.only, "the one case to run");
  CLI11_PARSE(app, argc, argv);
  fmt::print("hostile: seed {}; repeat: {} --bootstrap {} --pid {} --rounds {} --seed {}\n", plan.seed, argv[0],
             plan.bootstrap, plan.pid, plan.rounds, plan.seed);
  return weir::clients::run(plan);
}
