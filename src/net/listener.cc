#include "net/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/async/one_shot.h"
#include "base/async/run_on.h"
#include "base/async/task_group.h"
#include "base/log.h"

namespace weir::net {
namespace {

using boost::asio::use_awaitable;
using boost::asio::posix::descriptor_base;

constexpr int kAcceptsPerTurn = 64;
constexpr Millis kPauseWithoutDescriptors{100};
constexpr std::chrono::seconds kWarnEvery{10};

std::atomic<std::uint64_t> next_connection_id = 1;  // one count for all listeners, for the log

bool is_out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Socket open_spare() {
  return Socket(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

boost::asio::awaitable<void> stop_group(std::shared_ptr<ConnectionGroup> group, SteadyTime deadline) {
  group->stop(deadline);
  co_return;
}

boost::asio::awaitable<void> wait_for_group(std::shared_ptr<ConnectionGroup> group) {
  co_await group->wait_until_closed();
}

boost::asio::awaitable<bool> wait_for_handlers_of(std::shared_ptr<ConnectionGroup> group, SteadyTime deadline) {
  co_return co_await group->wait_until_idle(deadline);
}

}  // namespace

// The accepting half, on the first shard. Shared with its coroutine.
class Listener::Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(const ListenerOptions& options, std::vector<Shard*> shards,
           std::vector<std::shared_ptr<ConnectionGroup>> groups, std::shared_ptr<std::atomic<std::uint32_t>> count,
           Socket socket)
      : options_(options),
        shards_(std::move(shards)),
        groups_(std::move(groups)),
        connection_count_(std::move(count)),
        tasks_(home()),
        socket_(home().context(), socket.release()),
        spare_(open_spare()) {}

  void start() {
    home().post([self = shared_from_this()] { self->tasks_.start_now("accept", accept(self)); });
  }

  static boost::asio::awaitable<void> stop(std::shared_ptr<Acceptor> self) {
    self->is_stopping_ = true;
    boost::system::error_code ignored;
    self->socket_.close(ignored);
    if (self->pause_) self->pause_->set(true);
    co_await self->tasks_.wait_until_empty();
  }

  [[nodiscard]] std::uint64_t refused_count() const { return refused_count_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] Shard& home() const { return *shards_.front(); }

  static boost::asio::awaitable<void> accept(std::shared_ptr<Acceptor> self) {
    while (!self->is_stopping_) {
      boost::system::error_code error;
      co_await self->socket_.async_wait(descriptor_base::wait_read, boost::asio::redirect_error(use_awaitable, error));
      if (self->is_stopping_ || self->accept_some()) continue;
      // The queue stays readable: looking again at once would burn the shard.
      self->pause_ = make_one_shot<bool>(self->home());
      co_await self->pause_->wait(self->home().clock().steady() + kPauseWithoutDescriptors);
    }
  }

  // False: out of descriptors, or broken in a way that a retry may cure; try again after a pause.
  bool accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      Socket socket(::accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.is_open()) {
        admit(std::move(socket), endpoint_of(address));
        continue;
      }
      const int error = errno;
      if (error == EAGAIN || error == EWOULDBLOCK) return true;
      if (is_out_of_descriptors(error)) {
        drop_one(error);
        return false;
      }
      if (error == EBADF || error == EINVAL || error == ENOTSOCK) return false;
      // The rest is about one connection that broke before it was accepted (accept(2)): on to the next.
    }
    return true;
  }

  void admit(Socket socket, Endpoint peer) {
    if (connection_count_->load(std::memory_order_relaxed) >= options_.connection_count_max) {
      refused_count_.fetch_add(1, std::memory_order_relaxed);
      warn_rarely("the limit of open connections is reached (max.connections)");
      return;
    }
    connection_count_->fetch_add(1, std::memory_order_relaxed);
    set_connection_options(socket.fd(), peer, static_cast<std::uint32_t>(options_.limits.write_stalled.count()));
    ConnectionInfo info;
    info.id = next_connection_id.fetch_add(1, std::memory_order_relaxed);
    info.local = local_endpoint(socket.fd());
    info.peer = std::move(peer);
    info.listener = options_.name;
    const auto index = next_group_++ % groups_.size();
    auto shared_info = std::make_shared<const ConnectionInfo>(std::move(info));
    shards_[index]->post([group = groups_[index], held = std::move(socket), about = std::move(shared_info)]() mutable {
      group->adopt(std::move(held), std::move(about));
    });
  }

  // Gives the spare descriptor up for a moment, to tell one client instead of letting all of them hang.
  void drop_one(int error) {
    spare_.close();
    Socket dropped(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (dropped.is_open()) refused_count_.fetch_add(1, std::memory_order_relaxed);
    dropped.close();
    spare_ = open_spare();
    warn_rarely(std::strerror(error));
  }

  void warn_rarely(std::string_view why) {
    const auto time = home().clock().steady();
    if (time < next_warning_) return;
    next_warning_ = time + kWarnEvery;
    log_warn("listener {}: refusing new connections: {} ({} open, {} refused since the start)", options_.name, why,
             connection_count_->load(std::memory_order_relaxed), refused_count());
  }

  const ListenerOptions options_;
  const std::vector<Shard*> shards_;
  const std::vector<std::shared_ptr<ConnectionGroup>> groups_;
  const std::shared_ptr<std::atomic<std::uint32_t>> connection_count_;
  TaskGroup tasks_;
  boost::asio::posix::stream_descriptor socket_;
  Socket spare_;
  std::shared_ptr<OneShot<bool>> pause_;
  bool is_stopping_ = false;
  std::size_t next_group_ = 0;
  std::atomic<std::uint64_t> refused_count_ = 0;
  SteadyTime next_warning_ = SteadyTime::min();
};

Listener::Listener(ListenerOptions options, std::vector<Shard*> shards, Socket socket)
    : options_(std::move(options)),
      shards_(std::move(shards)),
      connection_count_(std::make_shared<std::atomic<std::uint32_t>>(0)),
      bound_(local_endpoint(socket.fd())),
      socket_(std::move(socket)) {}

Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::bind(ListenerOptions options, std::vector<Shard*> shards) {
  WEIR_TRY_ASSIGN(socket, bind_tcp(options.at));
  return std::unique_ptr<Listener>(new Listener(std::move(options), std::move(shards), std::move(socket)));
}

Result<void> Listener::open(FrameHandler handler, RequestBudgets budgets, std::shared_ptr<BufferPool> buffers) {
  // sendfile(2) knows no MSG_NOSIGNAL: a client that goes away must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  WEIR_TRY(listen_on(socket_));
  for (auto* shard : shards_) {
    groups_.push_back(
        std::make_shared<ConnectionGroup>(*shard, options_.limits, handler, budgets, buffers, connection_count_));
  }
  acceptor_ = std::make_shared<Acceptor>(options_, shards_, groups_, connection_count_, std::move(socket_));
  acceptor_->start();
  return {};
}

boost::asio::awaitable<void> Listener::stop(SteadyTime deadline) {
  if (acceptor_ == nullptr) co_return;
  co_await run_on(*shards_.front(), Acceptor::stop(acceptor_));
  for (std::size_t i = 0; i < groups_.size(); ++i) co_await run_on(*shards_[i], stop_group(groups_[i], deadline));
  for (std::size_t i = 0; i < groups_.size(); ++i) co_await run_on(*shards_[i], wait_for_group(groups_[i]));
}

boost::asio::awaitable<bool> Listener::wait_for_handlers(SteadyTime deadline) {
  bool all_ended = true;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    all_ended = co_await run_on(*shards_[i], wait_for_handlers_of(groups_[i], deadline)) && all_ended;
  }
  co_return all_ended;
}

std::uint64_t Listener::refused_count() const {
  return acceptor_ == nullptr ? 0 : acceptor_->refused_count();
}

}  // namespace weir::net
