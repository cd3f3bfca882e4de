#include "broker/admin_http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/async/task_group.h"
#include "base/bytes.h"
#include "base/check.h"
#include "net/socket.h"
#include "support/manual_clock.h"

namespace weir::broker {
namespace {

constexpr Millis kPatience{30'000};

class Bench {
 public:
  Bench() : shard(0, clock), tasks(shard) {
    auto started = AdminHttp::start(shard, {"127.0.0.1", 0}, [this] { return readiness; });
    CHECK(started.has_value());
    http = *std::move(started);
  }

  ManualClock clock;
  Shard shard;
  TaskGroup tasks;
  Readiness readiness;
  std::unique_ptr<AdminHttp> http;
};

class Client {
 public:
  explicit Client(Bench& bench) : bench_(bench), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(bench.http->bound().port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    bench.shard.step_within(kPatience);
  }
  void send(std::string_view text) {
    CHECK(::send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  // Runs the server until what it has sent ends with `end`, or the connection ends.
  std::string read_until(std::string_view end) {
    std::string all;
    while (!all.ends_with(end)) {
      if (!receive_into(all)) break;
    }
    return all;
  }
  std::string read_to_the_end() {
    std::string all;
    while (receive_into(all)) {
    }
    return all;
  }
  std::string ask(std::string_view request, std::string_view end) {
    send(request);
    return read_until(end);
  }

 private:
  bool receive_into(std::string& all) {
    for (;;) {
      char part[4096];
      const auto got = ::recv(socket_.fd(), part, sizeof part, MSG_DONTWAIT);
      if (got > 0) {
        all.append(part, static_cast<std::size_t>(got));
        return true;
      }
      if (got == 0 || errno != EAGAIN) return false;
      CHECK(bench_.shard.step_within(kPatience) != 0, "the server has nothing to say");
    }
  }

  Bench& bench_;
  net::Socket socket_;
};

TEST(AdminHttp, SaysThatItLives) {
  Bench bench;
  Client client(bench);
  const auto response = client.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "ok");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 ")) << response;
  EXPECT_NE(response.find("Content-Length: 2\r\n"), std::string::npos) << response;
}

TEST(AdminHttp, SaysWhyItIsNotReadyAndWhenItIs) {
  Bench bench;
  bench.readiness.reasons = {"recovering", "a \"quoted\"\nreason"};
  Client client(bench);
  const std::string request = "GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto unready = client.ask(request, "}\n");
  EXPECT_TRUE(unready.starts_with("HTTP/1.1 503 ")) << unready;
  EXPECT_TRUE(unready.ends_with("{\"ready\":false,\"reasons\":[\"recovering\",\"a \\\"quoted\\\"\\u000areason\"]}\n"))
      << unready;
  bench.readiness = {true, {}};
  const auto ready = client.ask(request, "}\n");  // on the same connection
  EXPECT_TRUE(ready.starts_with("HTTP/1.1 200 ")) << ready;
  EXPECT_TRUE(ready.ends_with("{\"ready\":true,\"reasons\":[]}\n")) << ready;
}

TEST(AdminHttp, AnswersHeadWithTheHeadersOfGet) {
  Bench bench;
  Client client(bench);
  const auto head = client.ask("HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
  EXPECT_NE(head.find("Content-Length: 2\r\n"), std::string::npos) << head;
  const auto next = client.ask("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "ok");
  EXPECT_TRUE(next.starts_with("HTTP/1.1 200 ")) << "no body came before it: " << next;
}

TEST(AdminHttp, KnowsNoOtherPathAndNoOtherMethod) {
  Bench bench;
  Client client(bench);
  const auto unknown = client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "}\n");
  EXPECT_TRUE(unknown.starts_with("HTTP/1.1 404 ")) << unknown;
  EXPECT_NE(unknown.find("application/json"), std::string::npos);
  const auto refused = client.ask("POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "}\n");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 ")) << refused;
  EXPECT_NE(refused.find("Allow: GET, HEAD\r\n"), std::string::npos) << refused;
}

TEST(AdminHttp, ClosesWhenAskedTo) {
  Bench bench;
  Client client(bench);
  client.send("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_to_the_end().ends_with("ok"));
}

TEST(AdminHttp, RefusesWhatIsTooLargeOrNotHttp) {
  Bench bench;
  Client large(bench);
  large.send("GET /livez HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
  const auto refused = large.read_to_the_end();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 431 ")) << refused;
  Client body(bench);
  body.send("GET /livez HTTP/1.1\r\nContent-Length: 5000\r\n\r\n");
  EXPECT_TRUE(body.read_to_the_end().starts_with("HTTP/1.1 413 "));
  Client noise(bench);
  noise.send(std::string("\x00\x00\x00\x10\x00\x12\x00\x03 kafka speaks here\r\n\r\n", 30));
  const auto answer = noise.read_to_the_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
}

TEST(AdminHttp, LosesPatienceWithASilentClient) {
  Bench bench;
  Client silent(bench);
  Client slow(bench);
  slow.send("GET /livez");
  bench.shard.step_within(kPatience);
  bench.clock.advance(Millis{9'999});
  bench.shard.step();
  slow.send(" HTTP/1.1\r\n");
  bench.shard.step_within(kPatience);
  bench.clock.advance(Millis{1});
  bench.shard.step();
  EXPECT_EQ(silent.read_to_the_end(), "");
  EXPECT_EQ(slow.read_to_the_end(), "");
}

TEST(AdminHttp, BoundsItsClients) {
  Bench bench;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<Client>(bench));
  Client over(bench);
  EXPECT_EQ(over.read_to_the_end(), "");
  const auto response = clients.front()->ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "ok");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 "));
}

TEST(AdminHttp, NamesAPortInUse) {
  Bench bench;
  const auto second = AdminHttp::start(bench.shard, bench.http->bound(), [] { return Readiness{}; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kBusy);
}

boost::asio::awaitable<void> stop(AdminHttp& http, bool& stopped) {
  co_await http.stop();
  stopped = true;
}

TEST(AdminHttp, StopsAndCutsWhoIsThere) {
  Bench bench;
  Client client(bench);
  bool stopped = false;
  bench.tasks.start("stop", stop(*bench.http, stopped));
  bench.shard.step();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(client.read_to_the_end(), "");
}

}  // namespace
}  // namespace weir::broker
