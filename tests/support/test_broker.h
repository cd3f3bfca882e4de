// A whole broker in one thread: memory file system, manual clock, seeded chance, helper work run inline. Nothing
// happens unless step() is called, and the same calls give the same answers. One thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/shard.h"
#include "base/check.h"
#include "base/random.h"
#include "broker/broker.h"
#include "protocol/codec.h"
#include "protocol/header.h"
#include "storage/open_segments.h"
#include "storage/recent_pages.h"
#include "support/fault_fs.h"
#include "support/manual_clock.h"
#include "support/memory_fs.h"

namespace weir::test {

// Runs work when the broker is stepped, in the order it came.
class InlineHelpers final : public Helpers {
 public:
  void run(Work work) override { queue_.push_back(std::move(work)); }
  // True when there was something to run.
  bool run_one();
  [[nodiscard]] std::size_t count() const { return queue_.size(); }
  // The oldest, for the test to run when it likes.
  [[nodiscard]] Work take();

 private:
  std::deque<Work> queue_;
};

// The answer to a frame, when it has come, and what its connection would tell the handler.
struct PendingReply {
  std::optional<net::Reply> reply;
  bool order_released = false;
  bool may_park = true;
  bool abandoned = false;
  WatchList close_watches;

  // The client has gone away.
  void abandon() {
    abandoned = true;
    close_watches.ring_all();
  }
};

class TestBroker {
 public:
  struct Options {
    std::vector<std::string> settings;  // "key=value"
    std::uint32_t shard_count = default_shard_count();
    std::shared_ptr<MemoryFs> fs;            // a directory that an earlier broker left; null: an empty one
    storage::FileSystem* real_fs = nullptr;  // instead, with log.dirs in the settings; outlives the broker
    std::uint64_t seed = 1;
    std::function<void(FaultFs&)> arrange_faults = {};  // before the first call
  };

  // Fails the program when the broker can't start.
  explicit TestBroker(Options options);
  TestBroker() : TestBroker(Options{}) {}
  // For those who make it fail: why it could not start. kTimedOut: it waits for something that never comes.
  static Result<std::unique_ptr<TestBroker>> try_start(Options options);
  // Stops as if the process had been killed; stop() is the clean way.
  ~TestBroker();

  // WEIR_TEST_SHARDS, or 1: the suite runs with 1 and with 3.
  static std::uint32_t default_shard_count();

  // While held, no helper work runs: no flush ends, no file is opened.
  void hold_helpers(bool held) { helpers_held_ = commits_held_ = held; }
  // The same, but flushes run: all else is slow.
  void hold_slow_helpers(bool held) { helpers_held_ = held; }
  // The flush that has waited longest, while they are held: it hangs until the test runs it.
  [[nodiscard]] Helpers::Work take_flush() { return commit_helpers_.take(); }
  // Work that no helper has taken up.
  [[nodiscard]] std::size_t waiting_work_count() const { return helpers_.count(); }

  // Runs everything that can run without time passing.
  void step();
  // Moves the clock, timer by timer, running what becomes due.
  void advance(Millis by);
  void stop();
  Result<void> try_stop();

  // Sends a frame (without its size) on `shard`; the reply is filled in by step().
  std::shared_ptr<PendingReply> send(Bytes frame, std::uint32_t shard = 0);

  // Sends `request` and steps until it is answered. Fails the program if it isn't, or if the connection closes.
  template <class Request>
  typename Request::Response call(const Request& request, std::int16_t version, std::uint32_t shard = 0) {
    auto pending = send(frame_of(request, version), shard);
    step();
    return response_of<Request>(*pending, version);
  }

  template <class Request>
  static Bytes frame_of(const Request& request, std::int16_t version, std::string client_id = "test") {
    auto frame = protocol::request_frame(kCorrelationId, std::move(client_id), request, version);
    CHECK(frame.has_value(), "{}", to_string(frame.error()));
    auto bytes = flatten(*frame);
    bytes.erase(bytes.begin(), bytes.begin() + 4);  // the size
    return bytes;
  }

  // Records in the response point into `last_reply`, which the next call replaces.
  template <class Request>
  typename Request::Response response_of(const PendingReply& pending, std::int16_t version) {
    CHECK(pending.reply.has_value(), "no reply came");
    CHECK(pending.reply->kind == net::Reply::Kind::kBytes, "no bytes in the reply");
    last_reply_ = flatten(pending.reply->bytes);
    using Response = typename Request::Response;
    const auto header_version = protocol::response_header_version(Response::api_key, Response::first_flexible, version);
    auto opened = protocol::open_response(MutableByteView(last_reply_).subspan(4), header_version);
    CHECK(opened.has_value(), "{}", to_string(opened.error()));
    CHECK(opened->header.correlation_id == kCorrelationId, "correlation id {}", opened->header.correlation_id);
    auto response = protocol::decode<Response>(opened->body, version);
    CHECK(response.has_value(), "{}", to_string(response.error()));
    return *std::move(response);
  }

  [[nodiscard]] broker::Broker& broker() { return *broker_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] const std::shared_ptr<MemoryFs>& fs() const { return fs_; }
  // What the broker sees of it: calls can be made to fail.
  [[nodiscard]] FaultFs& faults() { return faults_; }
  [[nodiscard]] const std::string& listener_host() const { return listener_host_; }

  static Bytes flatten(const ByteChain& chain);

 private:
  static constexpr std::int32_t kCorrelationId = 4711;

  struct NotStarted {};
  TestBroker(NotStarted, Options options);
  Result<void> start();
  Result<void> finish(const char* what, boost::asio::awaitable<Result<void>> task);

  std::shared_ptr<MemoryFs> fs_;
  FaultFs faults_;
  ManualClock clock_;
  SeededRandom random_;
  InlineHelpers helpers_;
  InlineHelpers commit_helpers_;
  // So few that every script closes segments and opens them again, and drops pages.
  storage::OpenSegments open_segments_{4};
  storage::RecentPages recent_pages_{16 * 1024};
  storage::FdatasyncCommit commit_;
  config::LoadedConfig config_;
  std::unique_ptr<broker::Broker> broker_;
  std::vector<std::unique_ptr<Shard>> shards_;  // die before the broker: they end its coroutines
  std::string listener_host_ = "127.0.0.1";
  Bytes last_reply_;
  bool helpers_held_ = false;
  bool commits_held_ = false;
};

}  // namespace weir::test
