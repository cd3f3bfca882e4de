// Produces one record of --value-bytes a request with acks=all and tells how long the answers took: one line of JSON
// on standard output. Frames are encoded once; one thread and one epoll serve all connections.
//
// Closed loop (default): each connection has one request in flight. Open loop (--rate): requests leave on a fixed
// schedule, whatever has been answered, and each one's time counts from when it was due, not from when it was sent: a
// broker that stalls is charged for everything that should have happened meanwhile (no coordinated omission).
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "clients/batch_bytes.h"
#include "clients/requests.h"
#include "clients/wire_writer.h"

namespace weir::bench {
namespace {

using std::chrono::nanoseconds;
using namespace weir::clients;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "load";
  std::vector<std::string> configs;
  std::int32_t partitions = 1;
  std::int32_t producers = 1;
  std::size_t value_bytes = 1024;
  double warm_up_s = 2;
  double seconds = 5;
  double rate = 0;  // requests a second of all producers together; 0: closed loop
};

// How long after the last request was due its answer may come.
constexpr nanoseconds kAnswerPatience = std::chrono::seconds(30);
constexpr std::size_t kReceiveBytes = 64 * kKiB;
// Where things stand: a request's correlation id behind length, key and version; an answer's behind its length.
constexpr std::size_t kRequestIdAt = 8;
constexpr std::size_t kAnswerIdAt = 4;

SteadyTime now() {
  return SystemClock{}.steady();
}

// One connection: its frame, and the requests on their way in the order of their answers.
class Producer {
 public:
  Producer(Connection connection, const std::string& topic, std::int32_t partition, ByteView batch)
      : connection_(std::move(connection)),
        frame_(frame(produce_request(0, topic, partition, batch))),
        // id, one topic with its name, one partition with its index
        error_at_(kAnswerIdAt + 4 + 4 + 2 + topic.size() + 4 + 4) {}

  [[nodiscard]] int descriptor() const { return connection_.descriptor(); }
  [[nodiscard]] bool has_requests() const { return !due_.empty(); }

  // Sends the next request, whose time counts from `due`.
  Result<void> send(SteadyTime due) {
    store_be(frame_.data() + kRequestIdAt, next_id_++);
    due_.push_back(due);
    return connection_.send(frame_);
  }

  // Reads what has arrived and gives each answered request's due time to `answered`. An error answer is an error.
  template <class Answered>
  Result<void> receive(Answered answered) {
    const auto held = received_.size();
    received_.resize(held + kReceiveBytes);
    const auto got = connection_.receive_some(MutableByteView(received_).subspan(held));
    received_.resize(held + (got ? *got : 0));
    if (!got) return std::unexpected(got.error());
    std::size_t at = 0;
    while (received_.size() - at >= 4) {
      const auto size_bytes = 4 + static_cast<std::size_t>(load_be<std::int32_t>(received_.data() + at));
      if (received_.size() - at < size_bytes) break;
      WEIR_TRY(check_answer(ByteView(received_).subspan(at, size_bytes)));
      answered(due_.front());
      due_.pop_front();
      at += size_bytes;
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  }

 private:
  Result<void> check_answer(ByteView answer) const {
    if (due_.empty() || answer.size() < error_at_ + 2) return fail(Errc::kCorrupt, "an answer nobody asked for");
    const auto expected = next_id_ - static_cast<std::int32_t>(due_.size());
    if (load_be<std::int32_t>(answer.data() + kAnswerIdAt) != expected) {
      return fail(Errc::kCorrupt, "answers out of order");
    }
    const auto error = static_cast<ErrorCode>(load_be<std::int16_t>(answer.data() + error_at_));
    if (error != ErrorCode::kNone) return fail(Errc::kIo, fmt::format("a produce failed: {}", to_string(error)));
    return {};
  }

  Connection connection_;
  Bytes frame_;
  std::size_t error_at_;
  std::int32_t next_id_ = 0;
  std::deque<SteadyTime> due_;
  Bytes received_;
};

double percentile_us(const std::vector<nanoseconds>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<std::size_t>(last * share + 0.5)].count()) / 1000;
}

class Load {
 public:
  explicit Load(const Plan& plan) : plan_(plan) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    if (epoll_ >= 0) ::close(epoll_);
  }

  Result<void> connect() {
    std::vector<TopicConfig> configs;
    for (const auto& config : plan_.configs) {
      const auto equals = config.find('=');
      if (equals == std::string::npos) return fail(Errc::kInvalidArgument, "not KEY=VALUE: " + config);
      configs.push_back({config.substr(0, equals), config.substr(equals + 1)});
    }
    {
      WEIR_TRY_ASSIGN(admin, Connection::open(plan_.bootstrap));
      WEIR_TRY(ensure_topic(admin, plan_.topic, plan_.partitions, configs));
    }
    const auto batch = single_record_batch(Bytes(plan_.value_bytes, 'w'));
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return fail_errno(errno, "epoll_create1");
    for (std::int32_t i = 0; i < plan_.producers; ++i) {
      WEIR_TRY_ASSIGN(connection, Connection::open(plan_.bootstrap));
      producers_.emplace_back(std::move(connection), plan_.topic, i % plan_.partitions, batch);
      epoll_event wanted{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, producers_.back().descriptor(), &wanted) != 0) {
        return fail_errno(errno, "epoll_ctl");
      }
    }
    return {};
  }

  Result<void> run() {
    counted_from_ = now() + to_nanos(plan_.warm_up_s);
    counted_until_ = counted_from_ + to_nanos(plan_.seconds);
    if (plan_.rate > 0) return run_open_loop();
    for (auto& producer : producers_) WEIR_TRY(producer.send(now()));
    sent_count_ += producers_.size();
    while (now() < counted_until_) WEIR_TRY(wait_for_answers(counted_until_, true));
    // Those on their way would tell of a machine that is already at rest.
    return {};
  }

  void print() {
    std::ranges::sort(times_);
    std::ranges::sort(lateness_);
    fmt::print(
        "{{\"requests\": {}, \"requests_per_s\": {:.1f}, \"p50_us\": {:.1f}, \"p90_us\": {:.1f}, \"p99_us\": {:.1f}, "
        "\"p999_us\": {:.1f}, \"max_us\": {:.1f}, \"sent\": {}, \"late_p99_us\": {:.1f}}}\n",
        times_.size(), static_cast<double>(times_.size()) / plan_.seconds, percentile_us(times_, 0.5),
        percentile_us(times_, 0.9), percentile_us(times_, 0.99), percentile_us(times_, 0.999), percentile_us(times_, 1),
        sent_count_, percentile_us(lateness_, 0.99));
  }

 private:
  static nanoseconds to_nanos(double seconds) { return nanoseconds(static_cast<std::int64_t>(seconds * 1e9)); }

  // Requests go round the producers, each at its time; all that are due within the counted time are waited for.
  Result<void> run_open_loop() {
    const auto begun = now();
    const auto due_at = [&](std::uint64_t index) { return begun + to_nanos(static_cast<double>(index) / plan_.rate); };
    auto due = due_at(0);
    while (due < counted_until_) {
      for (auto time = now(); due <= time && due < counted_until_; due = due_at(sent_count_)) {
        WEIR_TRY(producers_[sent_count_ % producers_.size()].send(due));
        if (due >= counted_from_) lateness_.push_back(now() - due);
        ++sent_count_;
      }
      WEIR_TRY(wait_for_answers(due, false));
    }
    const auto patience_end = now() + kAnswerPatience;
    while (std::ranges::any_of(producers_, &Producer::has_requests)) {
      WEIR_TRY(wait_for_answers(patience_end, false));
      if (now() >= patience_end) return fail(Errc::kTimedOut, "answers are missing");
    }
    return {};
  }

  // Takes the answers that have come, or waits for some, at most until `until`. `again`: each is followed by a request.
  Result<void> wait_for_answers(SteadyTime until, bool again) {
    epoll_event ready[64];
    const auto left = std::max(until - now(), nanoseconds(0));
    const timespec timeout{.tv_sec = static_cast<time_t>(left / std::chrono::seconds(1)),
                           .tv_nsec = static_cast<long>((left % std::chrono::seconds(1)).count())};
    const int count = ::epoll_pwait2(epoll_, ready, std::size(ready), &timeout, nullptr);
    if (count < 0) {
      if (errno == EINTR) return {};
      return fail_errno(errno, "epoll_pwait2");
    }
    for (int i = 0; i < count; ++i) {
      auto& producer = producers_[ready[i].data.u32];
      const auto time = now();
      WEIR_TRY(producer.receive([&](SteadyTime due) {
        // Open loop: by when it was due. Closed loop: by when it was answered, so that the rate is that of the time.
        const auto at = again ? time : due;
        if (at >= counted_from_ && at < counted_until_) times_.push_back(time - due);
      }));
      if (!again || producer.has_requests()) continue;
      WEIR_TRY(producer.send(now()));
      ++sent_count_;
    }
    return {};
  }

  const Plan& plan_;
  std::vector<Producer> producers_;
  int epoll_ = -1;
  SteadyTime counted_from_;
  SteadyTime counted_until_;
  std::uint64_t sent_count_ = 0;
  std::vector<nanoseconds> times_;     // of each counted request
  std::vector<nanoseconds> lateness_;  // open loop: sent this long after it was due, the load's own share
};

int run(const Plan& plan) {
  ignore_broken_pipes();
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // the schedule is in tens of microseconds, the default slack is 50
  Load load(plan);
  auto done = load.connect();
  if (done) done = load.run();
  if (!done) {
    fmt::print(stderr, "produce_load: {}\n", to_string(done.error()));
    return 1;
  }
  load.print();
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::Plan plan;
  CLI::App app{"Produces with acks=all and prints how long the answers took"};
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--topic", plan.topic, "created if missing");
  app.add_option("--config", plan.configs, "KEY=VALUE of the topic, as often as wanted");
  app.add_option("--partitions", plan.partitions, "of the topic; producer i writes to partition i modulo this")
      ->check(CLI::PositiveNumber);
  app.add_option("--producers", plan.producers, "connections")->check(CLI::PositiveNumber);
  app.add_option("--value-bytes", plan.value_bytes, "of the one record in a request");
  app.add_option("--warm-up-s", plan.warm_up_s, "load that is not counted, first");
  app.add_option("--seconds", plan.seconds, "load that is counted")->check(CLI::PositiveNumber);
  app.add_option("--rate", plan.rate, "open loop: requests a second of all producers together");
  CLI11_PARSE(app, argc, argv);
  return weir::bench::run(plan);
}
