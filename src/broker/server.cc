#include "broker/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "base/log.h"

namespace weir::broker {
namespace {

// What started requests get to finish at a stop; a parked long poll is cut.
constexpr Millis kStopPatience{2000};

std::uint32_t shard_count(const config::BrokerSettings& settings) {
  if (settings.weir_shards > 0) return static_cast<std::uint32_t>(settings.weir_shards);
  return std::max(1U, std::thread::hardware_concurrency() / 2);
}

net::ConnectionLimits connection_limits(const config::BrokerSettings& settings) {
  net::ConnectionLimits limits;
  limits.frame_bytes_max = static_cast<std::uint32_t>(settings.socket_request_max_bytes);
  limits.idle = Millis(settings.connections_max_idle_ms);
  return limits;
}

// 0: as much as there is.
std::uint64_t page_cache_bytes(const config::BrokerSettings& settings) {
  if (settings.weir_page_cache_bytes >= 0) return static_cast<std::uint64_t>(settings.weir_page_cache_bytes);
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return 0;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes) / 4;
}

// Half of the descriptors there may be; the others are for connections.
std::size_t open_segments_max() {
  return std::max<std::size_t>(storage::raise_descriptor_limit() / (2 * storage::OpenSegments::kFilesEach), 16);
}

}  // namespace

Server::Server(const config::LoadedConfig& config)
    : config_(config), open_segments_(open_segments_max()), started_at_(clock_.steady()) {
  if (const auto bytes = page_cache_bytes(config.settings); bytes != 0) recent_pages_.emplace(bytes);
  const auto count = shard_count(config.settings);
  for (std::uint32_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(i, clock_));
  const auto helper_count = static_cast<std::uint32_t>(config.settings.weir_helper_threads);
  helpers_ = std::make_unique<HelperThreads>(helper_count);
  for (std::size_t i = 0; i < config::log_directories(config.settings).size(); ++i) {
    const auto sync_count = static_cast<std::uint32_t>(config.settings.weir_sync_threads);
    commit_helpers_.push_back(std::make_unique<HelperThreads>(sync_count));
  }
}

Server::~Server() = default;

Result<void> Server::run() {
  WEIR_TRY(open());
  auto& home = *shards_.front();
  ending_ = make_one_shot<std::optional<Error>>(home);
  broker_->on_failure([this](const Error& error) { ending_->set(error); });
  wait_for_signal();
  tasks_.emplace(home);
  tasks_->start("serve", serve());

  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < shards_.size(); ++i) threads.emplace_back([shard = shards_[i].get()] { shard->run(); });
  home.run();
  for (auto& thread : threads) thread.join();
  return outcome_;
}

Result<void> Server::open() {
  BrokerPorts ports{.fs = fs_,
                    .commit = commit_,
                    .clock = clock_,
                    .random = random_,
                    .helpers = *helpers_,
                    .commit_helpers = {},
                    .open_segments = &open_segments_,
                    .recent_pages = recent_pages_ ? &*recent_pages_ : nullptr,
                    .shards = {}};
  for (auto& helpers : commit_helpers_) ports.commit_helpers.push_back(helpers.get());
  std::vector<Shard*> shards;
  for (auto& shard : shards_) shards.push_back(shard.get());
  ports.shards = shards;
  WEIR_TRY_ASSIGN(broker, Broker::open(config_, std::move(ports)));
  broker_ = std::move(broker);

  const auto& at = config_.listeners.front();
  net::ListenerOptions options{.name = at.name,
                               .at = {.host = at.address.host, .port = at.address.port},
                               .limits = connection_limits(config_.settings),
                               .connection_count_max = static_cast<std::uint32_t>(config_.settings.max_connections)};
  WEIR_TRY_ASSIGN(listener, net::Listener::bind(std::move(options), std::move(shards)));
  listener_ = std::move(listener);
  return {};
}

void Server::wait_for_signal() {
  signals_ = std::make_unique<boost::asio::signal_set>(shards_.front()->context(), SIGINT, SIGTERM);
  signals_->async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    log_info("signal {}: stopping", signal);
    ending_->set(std::nullopt);
  });
}

boost::asio::awaitable<void> Server::serve() {
  outcome_ = co_await start();
  if (outcome_) {
    print_ready_line();
    const auto ended = co_await ending_->wait();
    outcome_ = co_await stop();
    if (ended && *ended) outcome_ = std::unexpected(**ended);
  }
  for (auto& shard : shards_) shard->stop();
}

net::Endpoint Server::advertised() const {
  auto address = config_.advertised.empty() ? config_.listeners.front().address : config_.advertised.front().address;
  if (address.port == 0) address.port = listener_->bound().port;
  return {.host = address.host, .port = address.port};
}

boost::asio::awaitable<Result<void>> Server::start() {
  const auto address = advertised();
  std::vector<metadata::Endpoint> endpoints{
      {.name = config_.listeners.front().name, .host = address.host, .port = address.port}};
  // HTTP first: a long recovery can be watched there.
  if (auto opened = open_http(); !opened) co_return opened;
  auto started = co_await broker_->start(std::move(endpoints));
  if (!started) co_return started;
  co_return open_listener();
}

Result<void> Server::open_http() {
  if (!config_.http) return {};
  auto http = AdminHttp::start(*shards_.front(), net::Endpoint{.host = config_.http->host, .port = config_.http->port},
                               [this] { return readiness(); });
  if (http) {
    http_ = *std::move(http);
    return {};
  }
  // The default port may be somebody else's; only who asked for one is owed an error.
  if (http.error().code != Errc::kBusy || config_.is_explicit("weir.http.listen")) {
    return std::unexpected(std::move(http).error());
  }
  log_warn("serving without HTTP: {}; set weir.http.listen to another address, or to off", to_string(http.error()));
  return {};
}

Result<void> Server::open_listener() {
  const auto budget_bytes = static_cast<std::uint64_t>(config_.settings.weir_request_memory_bytes);
  auto budgets = net::RequestBudgets::share(budget_bytes);
  const auto frame_bytes_max = static_cast<std::uint64_t>(config_.settings.socket_request_max_bytes);
  if (frame_bytes_max > budgets.arriving->capacity_bytes()) {
    log_warn(
        "weir.request.memory.bytes leaves room for requests of {} bytes: larger ones are refused, although "
        "socket.request.max.bytes is {}",
        budgets.arriving->capacity_bytes(), frame_bytes_max);
  }
  return listener_->open(broker_->frame_handler(), std::move(budgets), std::make_shared<BufferPool>());
}

Readiness Server::readiness() const {
  auto reasons = broker_->unready_reasons();
  return {.ready = reasons.empty(), .reasons = std::move(reasons)};
}

void Server::print_ready_line() const {
  const auto recovery = std::chrono::duration_cast<Millis>(clock_.steady() - started_at_);
  const auto http = http_ == nullptr ? std::string("off") : net::to_string(http_->bound());
  const auto line = fmt::format(
      "weir ready: kafka={} http={} data={} partitions={} recovery_ms={}\n", net::to_string(listener_->bound()), http,
      fmt::join(config::log_directories(config_.settings), ","), broker_->partition_count(), recovery.count());
  std::fputs(line.c_str(), stderr);
}

boost::asio::awaitable<Result<void>> Server::stop() {
  co_await listener_->stop(clock_.steady() + kStopPatience);
  if (http_ != nullptr) co_await http_->stop();
  auto stopped = co_await broker_->stop();
  // A handler whose connection was cut runs on, on its own shard: it ends there, or it would die with a shard under it.
  if (!co_await listener_->wait_for_handlers(clock_.steady() + kStopPatience)) {
    log_error("requests still run although everything they could wait for has ended");
  }
  co_return stopped;
}

}  // namespace weir::broker
