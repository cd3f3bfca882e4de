// The HTTP port for those who look after the broker: /livez and /readyz (design decision 15). No authentication, so it
// stays on the loopback device unless somebody decides otherwise. Runs on one shard, apart from the Kafka listeners.
//
// Always holds: a bounded number of clients, each with bounded headers and ten seconds to speak or to read.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async/shard.h"
#include "base/result.h"
#include "net/frame_handler.h"

namespace weir::broker {

struct Readiness {
  bool ready = false;
  std::vector<std::string> reasons;  // in words, when not ready
};

class AdminHttp {
 public:
  using ReadinessProbe = std::function<Readiness()>;

  // Any thread, before or while the shard runs. `at` as for a Kafka listener; a port in use is kBusy. `probe` is called
  // on the shard for every /readyz and must not wait.
  static Result<std::unique_ptr<AdminHttp>> start(Shard& shard, const net::Endpoint& at, ReadinessProbe probe);
  // The shard's thread, or when it runs no more.
  ~AdminHttp();

  [[nodiscard]] const net::Endpoint& bound() const { return bound_; }

  // From a coroutine of any shard: lets nobody in and cuts who is there; returns when all are gone.
  boost::asio::awaitable<void> stop();

 private:
  class Server;

  AdminHttp(std::shared_ptr<Server> server, net::Endpoint bound);

  std::shared_ptr<Server> server_;  // shared with its coroutines
  net::Endpoint bound_;
};

}  // namespace weir::broker
