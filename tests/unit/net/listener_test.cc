#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/async/task_group.h"
#include "unit/net/scripted_peer.h"

namespace weir::net {
namespace {

constexpr int kPatienceMs = 30'000;

// The undefined-behaviour sanitizer, always on together with this one, opens descriptors to look at an object's type.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitizerNeedsDescriptors = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kSanitizerNeedsDescriptors = true;
#else
constexpr bool kSanitizerNeedsDescriptors = false;
#endif
#else
constexpr bool kSanitizerNeedsDescriptors = false;
#endif

// A client on a real TCP connection that blocks until something happens.
class TcpClient {
 public:
  explicit TcpClient(const Endpoint& to) {
    const bool is_ipv6 = to.host.find(':') != std::string::npos;
    socket_ = Socket(::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (is_ipv6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(to.port);
      ::inet_pton(AF_INET6, to.host.c_str(), &address.sin6_addr);
      connected_ = ::connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(to.port);
      ::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
      connected_ = ::connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
  }

  [[nodiscard]] bool is_connected() const { return connected_; }
  void send(ByteView bytes) { ASSERT_EQ(::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size()); }
  // `size` bytes, or fewer when the connection ends first.
  std::string receive(std::size_t size) {
    std::string all;
    std::vector<char> part(size + 1);
    while (all.size() < size) {
      pollfd ready{socket_.fd(), POLLIN, 0};
      if (::poll(&ready, 1, kPatienceMs) != 1) break;
      const auto got = ::recv(socket_.fd(), part.data(), size - all.size(), 0);
      if (got <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  bool ends() {
    pollfd ready{socket_.fd(), POLLIN, 0};
    char byte;
    return ::poll(&ready, 1, kPatienceMs) == 1 && ::recv(socket_.fd(), &byte, 1, 0) <= 0;
  }

 private:
  Socket socket_;
  bool connected_ = false;
};

// A listener on running shards whose handler answers with the name of its thread's shard.
class RunningListener {
 public:
  explicit RunningListener(std::size_t shard_count, ListenerOptions options = local()) {
    std::vector<Shard*> shards;
    for (std::uint32_t i = 0; i < shard_count; ++i) {
      shards_.push_back(std::make_unique<Shard>(i, clock_));
      shards.push_back(shards_.back().get());
    }
    auto bound = Listener::bind(std::move(options), shards);
    CHECK(bound.has_value(), "{}", to_string(bound.error()));
    listener = *std::move(bound);
    for (auto& shard : shards_) threads_.emplace_back([&shard] { shard->run(); });
  }
  ~RunningListener() {
    for (auto& shard : shards_) shard->stop();
    for (auto& thread : threads_) thread.join();
    listener.reset();
  }

  static ListenerOptions local() {
    ListenerOptions options;
    options.at = {"127.0.0.1", 0};
    return options;
  }
  void open() {
    const auto opened = listener->open(
        [this](Shard&, Frame frame, std::shared_ptr<const ConnectionInfo> info,
               std::shared_ptr<StartedRequest> started) {
          return answer(this, std::move(frame), std::move(info), std::move(started));
        },
        RequestBudgets::share(kGiB), std::make_shared<BufferPool>());
    ASSERT_TRUE(opened);
  }
  void stop(Millis patience) {
    std::promise<void> stopped;
    auto& home = *shards_.back();
    TaskGroup tasks(home);
    home.post([&] { tasks.start("stop", stop_then(this, clock_.steady() + patience, stopped)); });
    stopped.get_future().get();
    std::promise<void> idle;  // the task itself has ended
    home.post([&] { idle.set_value(); });
    idle.get_future().get();
  }

  std::unique_ptr<Listener> listener;
  std::mutex mutex;
  std::vector<ConnectionInfo> seen;
  bool handlers_ended = false;  // after stop()

 private:
  static boost::asio::awaitable<Reply> answer(RunningListener* self, Frame frame,
                                              std::shared_ptr<const ConnectionInfo> info,
                                              std::shared_ptr<StartedRequest> started) {
    {
      const std::lock_guard lock(self->mutex);
      self->seen.push_back(*info);
    }
    if (as_text(frame.bytes) == "hang") {
      for (auto& shard : self->shards_) {
        if (shard->is_current()) co_await make_one_shot<int>(*shard)->wait();
      }
    }
    if (as_text(frame.bytes) == "park") {
      for (auto& shard : self->shards_) {
        if (!shard->is_current()) continue;
        auto watch = std::make_shared<Watch>(*shard);
        started->close_watches().add(watch);
        co_await watch->wait(SteadyTime::max());
      }
    }
    std::string name;
    for (auto& shard : self->shards_) {
      if (shard->is_current()) name = std::to_string(shard->index());
    }
    co_return text_reply(name);
  }
  static boost::asio::awaitable<void> stop_then(RunningListener* self, SteadyTime deadline, std::promise<void>& done) {
    co_await self->listener->stop(deadline);
    self->handlers_ended = co_await self->listener->wait_for_handlers(deadline + Millis{50});
    done.set_value();
  }

  SystemClock clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
};

TEST(Listener, SpreadsConnectionsEvenlyOverItsShards) {
  RunningListener running(3);
  running.open();
  std::vector<TcpClient> clients;
  std::map<std::string, int> per_shard;
  for (int i = 0; i < 30; ++i) {
    clients.emplace_back(running.listener->bound());
    clients.back().send(framed("who"));
    ++per_shard[clients.back().receive(1)];
  }
  EXPECT_EQ(per_shard, (std::map<std::string, int>{{"0", 10}, {"1", 10}, {"2", 10}}));
  EXPECT_EQ(running.listener->connection_count(), 30u);
  clients.front().send(framed("again") + framed("and again"));
  EXPECT_EQ(clients.front().receive(2), "00") << "for life";
}

TEST(Listener, LetsNobodyInBeforeItIsOpen) {
  RunningListener running(1);
  EXPECT_NE(running.listener->bound().port, 0);
  EXPECT_FALSE(TcpClient(running.listener->bound()).is_connected());
  running.open();
  EXPECT_TRUE(TcpClient(running.listener->bound()).is_connected());
}

TEST(Listener, NamesAPortInUse) {
  RunningListener running(1);
  running.open();
  ManualClock clock;
  Shard shard(0, clock);
  ListenerOptions options;
  options.at = running.listener->bound();
  const auto second = Listener::bind(options, {&shard});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kBusy);
  EXPECT_NE(to_string(second.error()).find(to_string(options.at)), std::string::npos);
}

TEST(Listener, TellsTheHandlerWhoCallsAndWhere) {
  auto options = RunningListener::local();
  options.name = "PLAINTEXT";
  options.at.host = "";
  RunningListener running(1, options);
  running.open();
  TcpClient client({"127.0.0.1", running.listener->bound().port});
  ASSERT_TRUE(client.is_connected());
  client.send(framed("who"));
  ASSERT_EQ(client.receive(1), "0");
  const std::lock_guard lock(running.mutex);
  ASSERT_EQ(running.seen.size(), 1u);
  EXPECT_EQ(running.seen[0].listener, "PLAINTEXT");
  EXPECT_EQ(running.seen[0].local.host, "127.0.0.1") << "the address reached, not the wildcard";
  EXPECT_EQ(running.seen[0].local.port, running.listener->bound().port);
  EXPECT_EQ(running.seen[0].peer.host, "127.0.0.1");
}

TEST(Listener, ServesIpv6WhereTheHostHasIt) {
  auto options = RunningListener::local();
  options.at.host = "::1";
  ManualClock clock;
  Shard shard(0, clock);
  if (!Listener::bind(options, {&shard})) GTEST_SKIP() << "this host has no ::1";
  RunningListener running(1, options);
  running.open();
  EXPECT_EQ(running.listener->bound().host, "::1");
  TcpClient client(running.listener->bound());
  client.send(framed("who"));
  EXPECT_EQ(client.receive(1), "0");
}

TEST(Listener, ClosesConnectionsOverItsLimitAtOnce) {
  auto options = RunningListener::local();
  options.connection_count_max = 2;
  RunningListener running(2, options);
  running.open();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(running.listener->bound());
    clients.back().send(framed("who"));
    ASSERT_EQ(clients.back().receive(1).size(), 1u);
  }
  TcpClient third(running.listener->bound());
  EXPECT_TRUE(third.ends());
  EXPECT_EQ(running.listener->refused_count(), 1u);
  EXPECT_EQ(running.listener->connection_count(), 2u);
  clients.front().send(framed("who"));
  EXPECT_EQ(clients.front().receive(1).size(), 1u) << "the others are served on";
}

// Method: the process may open no more descriptors than it has; a client connects, is let go, and the next is served
// once descriptors are back.
TEST(Listener, SurvivesRunningOutOfDescriptors) {
  if (kSanitizerNeedsDescriptors) GTEST_SKIP() << "the sanitizer itself would run out of descriptors";
  RunningListener running(1);
  running.open();
  TcpClient served(running.listener->bound());
  served.send(framed("who"));
  ASSERT_EQ(served.receive(1), "0");

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  std::vector<Socket> hoard;
  int in_reserve = -1;
  for (;;) {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    hoard.emplace_back(fd);
    in_reserve = fd;
  }
  ASSERT_GE(in_reserve, 0);
  hoard.back().close();  // for the client's own end
  TcpClient unlucky(running.listener->bound());
  const bool dropped = unlucky.ends();
  served.send(framed("who"));
  const auto answer = served.receive(1);
  hoard.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(dropped);
  EXPECT_EQ(answer, "0");
  EXPECT_EQ(running.listener->refused_count(), 1u);

  TcpClient later(running.listener->bound());
  later.send(framed("who"));
  EXPECT_EQ(later.receive(1), "0");
}

TEST(Listener, StopsWithEverythingClosed) {
  RunningListener running(3);
  running.open();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 9; ++i) {
    clients.emplace_back(running.listener->bound());
    clients.back().send(framed("who"));
    ASSERT_EQ(clients.back().receive(1).size(), 1u);
  }
  running.stop(Millis{30'000});
  EXPECT_EQ(running.listener->connection_count(), 0u);
  for (auto& client : clients) EXPECT_TRUE(client.ends());
  EXPECT_FALSE(TcpClient(running.listener->bound()).is_connected());
}

TEST(Listener, CutsRequestsThatOutliveTheStop) {
  RunningListener running(2);
  running.open();
  TcpClient client(running.listener->bound());
  client.send(framed("hang"));
  TcpClient other(running.listener->bound());
  other.send(framed("who"));
  ASSERT_EQ(other.receive(1).size(), 1u);
  running.stop(Millis{1});
  EXPECT_TRUE(client.ends());
  EXPECT_EQ(running.listener->connection_count(), 0u);
  EXPECT_FALSE(running.handlers_ended) << "the cut connection's handler waits for ever";
}

TEST(Listener, WaitsForHandlersWhoseConnectionWasCut) {
  RunningListener running(2);
  running.open();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(running.listener->bound());
    clients.back().send(framed("park"));
  }
  TcpClient other(running.listener->bound());
  other.send(framed("who"));
  ASSERT_EQ(other.receive(1).size(), 1u);
  running.stop(Millis{1});
  for (auto& client : clients) EXPECT_TRUE(client.ends());
  EXPECT_TRUE(running.handlers_ended) << "a parked handler hears of the end of its connection";
}

TEST(Listener, SendsSmallRepliesWithoutDelay) {
  RunningListener running(1);
  running.open();
  TcpClient client(running.listener->bound());
  client.send(framed("who"));
  EXPECT_EQ(client.receive(1), "0");
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Socket unix_one(ends[0]);
  const Socket unix_two(ends[1]);
  set_connection_options(ends[0], {"127.0.0.1", 1}, 1000);  // options that don't apply are ignored
  const Socket tcp(::socket(AF_INET, SOCK_STREAM, 0));
  set_connection_options(tcp.fd(), {"127.0.0.1", 1}, 1000);
  int value = 0;
  socklen_t size = sizeof value;
  ASSERT_EQ(::getsockopt(tcp.fd(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
  EXPECT_NE(value, 0);
  ASSERT_EQ(::getsockopt(tcp.fd(), SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
  EXPECT_NE(value, 0);
  ASSERT_EQ(::getsockopt(tcp.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
  EXPECT_EQ(value, 1000);
}

}  // namespace
}  // namespace weir::net
