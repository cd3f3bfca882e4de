// The broker as it runs in production: real files, real clock, sockets, a thread a shard. Owned by the main thread,
// which is shard 0's once run() is called.
//
// Order of start: directory lock, metadata, bind, recovery, HTTP, listener, ready line. Order of stop: listener (what
// was started is finished and answered), HTTP, broker, what of handlers outlived their connections, threads.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/async/helpers.h"
#include "base/async/shard.h"
#include "base/async/task_group.h"
#include "base/clock.h"
#include "base/random.h"
#include "broker/admin_http.h"
#include "broker/broker.h"
#include "config/loader.h"
#include "net/listener.h"
#include "storage/commit.h"
#include "storage/posix_fs.h"

namespace weir::broker {

class Server {
 public:
  // `config` outlives the server.
  explicit Server(const config::LoadedConfig& config);
  ~Server();

  // Serves until SIGTERM or SIGINT, or until it can't. An error: it could not start, or could not stop cleanly.
  Result<void> run();

 private:
  Result<void> open();
  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<Result<void>> start();
  boost::asio::awaitable<Result<void>> stop();
  Result<void> open_http();
  Result<void> open_listener();
  [[nodiscard]] Readiness readiness() const;
  [[nodiscard]] net::Endpoint advertised() const;
  void print_ready_line() const;
  void wait_for_signal();

  const config::LoadedConfig& config_;
  SystemClock clock_;
  SystemRandom random_;
  storage::PosixFileSystem fs_;
  storage::FdatasyncCommit commit_;
  storage::OpenSegments open_segments_;
  std::optional<storage::RecentPages> recent_pages_;  // nothing: the kernel decides
  const SteadyTime started_at_;
  std::unique_ptr<Broker> broker_;
  std::vector<std::unique_ptr<Shard>> shards_;                  // die before the broker: they end its coroutines
  std::unique_ptr<HelperThreads> helpers_;                      // die before the shards: their work posts there
  std::vector<std::unique_ptr<HelperThreads>> commit_helpers_;  // one a log directory
  std::unique_ptr<boost::asio::signal_set> signals_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<AdminHttp> http_;
  std::optional<TaskGroup> tasks_;
  std::shared_ptr<OneShot<std::optional<Error>>> ending_;  // set by a signal (nothing) or by a failure
  Result<void> outcome_;
};

}  // namespace weir::broker
