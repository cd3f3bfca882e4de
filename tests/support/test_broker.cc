#include "support/test_broker.h"

#include <fmt/core.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>

#include "base/async/task_group.h"

namespace weir::test {
namespace {

class Started final : public net::StartedRequest {
 public:
  explicit Started(std::shared_ptr<PendingReply> pending) : pending_(std::move(pending)) {}
  void release_order() override { pending_->order_released = true; }
  bool try_park(std::uint64_t) override { return pending_->may_park; }
  [[nodiscard]] bool is_abandoned() const override { return pending_->abandoned; }
  WatchList& close_watches() override { return pending_->close_watches; }

 private:
  std::shared_ptr<PendingReply> pending_;
};

boost::asio::awaitable<void> answer(net::FrameHandler handler, Shard& shard, net::Frame frame,
                                    std::shared_ptr<const net::ConnectionInfo> connection,
                                    std::shared_ptr<PendingReply> pending) {
  auto started = std::make_shared<Started>(pending);
  auto reply = co_await handler(shard, std::move(frame), std::move(connection), std::move(started));
  pending->reply = std::move(reply);
}

// Keeps the outcome where the caller's stack can see it.
boost::asio::awaitable<void> keep(boost::asio::awaitable<Result<void>> task, std::shared_ptr<Result<void>> outcome,
                                  std::shared_ptr<bool> done) {
  *outcome = co_await std::move(task);
  *done = true;
}

}  // namespace

bool InlineHelpers::run_one() {
  if (queue_.empty()) return false;
  take()();
  return true;
}

Helpers::Work InlineHelpers::take() {
  CHECK(!queue_.empty(), "there is no work to take");
  auto work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

std::uint32_t TestBroker::default_shard_count() {
  const char* asked = std::getenv("WEIR_TEST_SHARDS");
  return asked == nullptr ? 1 : static_cast<std::uint32_t>(std::strtoul(asked, nullptr, 10));
}

TestBroker::TestBroker(NotStarted, Options options)
    : fs_(options.fs != nullptr ? options.fs : std::make_shared<MemoryFs>()),
      faults_(options.real_fs != nullptr ? *options.real_fs : *fs_),
      random_(options.seed) {
  config::LoadRequest request;
  request.assignments.push_back({.text = "log.dirs=/weir"});
  for (auto& setting : options.settings) request.assignments.push_back({.text = std::move(setting)});
  auto loaded = config::load_config(request);
  CHECK(loaded.has_value(), "{}", loaded.error().front());
  config_ = *std::move(loaded);
  for (std::uint32_t i = 0; i < options.shard_count; ++i) shards_.push_back(std::make_unique<Shard>(i, clock_));
  if (options.arrange_faults) options.arrange_faults(faults_);
}

TestBroker::TestBroker(Options options) : TestBroker(NotStarted{}, std::move(options)) {
  const auto started = start();
  CHECK(started.has_value(), "{}", to_string(started.error()));
}

Result<std::unique_ptr<TestBroker>> TestBroker::try_start(Options options) {
  std::unique_ptr<TestBroker> broker(new TestBroker(NotStarted{}, std::move(options)));
  WEIR_TRY(broker->start());
  return broker;
}

Result<void> TestBroker::start() {
  broker::BrokerPorts ports{.fs = faults_,
                            .commit = commit_,
                            .clock = clock_,
                            .random = random_,
                            .helpers = helpers_,
                            .commit_helpers = {&commit_helpers_},
                            .open_segments = &open_segments_,
                            .recent_pages = &recent_pages_,
                            .shards = {}};
  for (auto& shard : shards_) ports.shards.push_back(shard.get());
  WEIR_TRY_ASSIGN(opened, broker::Broker::open(config_, std::move(ports)));
  broker_ = std::move(opened);
  std::vector<metadata::Endpoint> endpoints{{.name = "PLAINTEXT", .host = listener_host_, .port = 9092}};
  return finish("start", broker_->start(std::move(endpoints)));
}

Result<void> TestBroker::finish(const char* what, boost::asio::awaitable<Result<void>> task) {
  auto outcome = std::make_shared<Result<void>>();
  auto done = std::make_shared<bool>(false);
  TaskGroup tasks(*shards_.front());
  tasks.start(what, keep(std::move(task), outcome, done));
  step();
  if (!*done) return fail(Errc::kTimedOut, fmt::format("the broker's {} has not ended", what));
  return *outcome;
}

TestBroker::~TestBroker() = default;

void TestBroker::step() {
  for (bool progress = true; progress;) {
    progress = false;
    for (auto& shard : shards_) progress = shard->step() > 0 || progress;
    if (!helpers_held_) progress = helpers_.run_one() || progress;
    if (!commits_held_) progress = commit_helpers_.run_one() || progress;
  }
}

void TestBroker::advance(Millis by) {
  const auto end = clock_.steady() + by;
  step();
  for (;;) {
    auto next = SteadyTime::max();
    for (auto& shard : shards_) {
      if (const auto deadline = shard->next_deadline()) next = std::min(next, *deadline);
    }
    if (next > end) break;
    clock_.advance(std::max(std::chrono::ceil<Millis>(next - clock_.steady()), Millis{0}));
    step();
  }
  clock_.advance(std::chrono::ceil<Millis>(end - clock_.steady()));
  step();
}

void TestBroker::stop() {
  const auto stopped = try_stop();
  CHECK(stopped.has_value(), "{}", to_string(stopped.error()));
}

Result<void> TestBroker::try_stop() {
  return finish("stop", broker_->stop());
}

std::shared_ptr<PendingReply> TestBroker::send(Bytes frame, std::uint32_t shard) {
  auto& home = *shards_[shard % shards_.size()];
  auto connection = std::make_shared<net::ConnectionInfo>();
  connection->id = 1;
  connection->peer = {"127.0.0.1", 50000};
  connection->local = {listener_host_, 9092};
  connection->listener = "PLAINTEXT";
  auto pending = std::make_shared<PendingReply>();
  auto owner = std::make_shared<Bytes>(std::move(frame));
  net::Frame sent{.owner = owner, .bytes = *owner};
  TaskGroup tasks(home);
  tasks.start("request", answer(broker_->frame_handler(), home, std::move(sent), std::move(connection), pending));
  return pending;
}

Bytes TestBroker::flatten(const ByteChain& chain) {
  Bytes bytes;
  for (const auto& piece : chain.pieces()) {
    if (const auto* range = std::get_if<FileRange>(&piece)) {
      const auto begin = bytes.size();
      bytes.resize(begin + range->size);
      const auto got = ::pread(range->fd, bytes.data() + begin, range->size, static_cast<off_t>(range->offset));
      CHECK(got == static_cast<ssize_t>(range->size), "a file shorter than the answer says: {} of {}", got,
            range->size);
      continue;
    }
    const auto& slice = std::get<SharedSlice>(piece);
    bytes.insert(bytes.end(), slice.view.begin(), slice.view.end());
  }
  return bytes;
}

}  // namespace weir::test
