#include "broker/admin_http.h"

#include <fmt/core.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/async/one_shot.h"
#include "base/async/run_on.h"
#include "base/async/task_group.h"
#include "base/log.h"
#include "net/socket.h"

namespace weir::broker {
namespace {

namespace http = boost::beast::http;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kPatience{10};  // for a whole request, and for a whole response
constexpr Millis kPauseAfterFailedAccept{100};
constexpr std::size_t kClientCountMax = 64;
constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::uint64_t kBodyBytesMax = 1024;  // nobody has anything to say yet

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json += c;
    }
  }
  return json + '"';
}

std::string readiness_json(const Readiness& readiness) {
  std::string reasons;
  for (const auto& reason : readiness.reasons) {
    if (!reasons.empty()) reasons += ',';
    reasons += json_string(reason);
  }
  return fmt::format("{{\"ready\":{},\"reasons\":[{}]}}\n", readiness.ready, reasons);
}

std::string error_json(std::string_view error) {
  return fmt::format("{{\"error\":{}}}\n", json_string(error));
}

using Response = http::response<http::string_body>;

Response make_response(http::status status, std::string_view content_type, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, content_type);
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(body);
  return response;
}

Response json_response(http::status status, std::string body) {
  return make_response(status, "application/json", std::move(body));
}

// What a request that could not be read deserves; nothing when the client just left.
std::optional<Response> complaint_about(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return json_response(http::status::request_header_fields_too_large, error_json("the header is too large"));
  }
  if (error == http::error::body_limit) {
    return json_response(http::status::payload_too_large, error_json("the body is too large"));
  }
  const bool is_malformed = error.category() == make_error_code(http::error::bad_method).category() &&
                            error != http::error::end_of_stream && error != http::error::partial_message;
  if (!is_malformed) return std::nullopt;
  return json_response(http::status::bad_request, error_json("this is not HTTP"));
}

}  // namespace

class AdminHttp::Server : public std::enable_shared_from_this<AdminHttp::Server> {
 public:
  Server(Shard& shard, tcp protocol, net::Socket socket, ReadinessProbe probe)
      : shard_(shard),
        probe_(std::move(probe)),
        tasks_(shard),
        acceptor_(shard.context(), protocol, socket.release()) {}

  void start() {
    shard_.post([self = shared_from_this()] { self->tasks_.start_now("admin http", accept(self)); });
  }

  [[nodiscard]] Shard& shard() const { return shard_; }

  static boost::asio::awaitable<void> stop(std::shared_ptr<Server> self) {
    self->is_stopping_ = true;
    error_code ignored;
    self->acceptor_.close(ignored);
    if (self->pause_) self->pause_->set(true);
    for (auto* client : self->clients_) client->close(ignored);
    co_await self->tasks_.wait_until_empty();
  }

 private:
  // Closes a client that takes too long; one at a time.
  class Patience {
   public:
    Patience(Shard& shard, tcp::socket& socket)
        : shard_(shard), timer_(shard.start_timer(shard.clock().steady() + kPatience, [&socket] {
            error_code ignored;
            socket.close(ignored);
          })) {}
    ~Patience() { shard_.cancel_timer(timer_); }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;

   private:
    Shard& shard_;
    Shard::TimerId timer_;
  };

  static boost::asio::awaitable<void> accept(std::shared_ptr<Server> self) {
    while (!self->is_stopping_) {
      error_code error;
      auto client = co_await self->acceptor_.async_accept(redirect_error(use_awaitable, error));
      if (self->is_stopping_) break;
      if (!error) {
        if (self->clients_.size() < kClientCountMax) {
          self->tasks_.start_now("admin http client", serve(self, std::move(client)));
        }
        continue;
      }
      self->pause_ = make_one_shot<bool>(self->shard_);  // most likely no descriptor is left
      co_await self->pause_->wait(self->shard_.clock().steady() + kPauseAfterFailedAccept);
    }
  }

  static boost::asio::awaitable<void> serve(std::shared_ptr<Server> self, tcp::socket client) {
    self->clients_.insert(&client);
    boost::beast::flat_buffer buffer(kHeaderBytesMax + kBodyBytesMax);
    while (client.is_open() && !self->is_stopping_) {
      const auto goes_on = co_await self->serve_one(client, buffer);
      if (!goes_on) break;
    }
    self->clients_.erase(&client);
    error_code ignored;
    client.shutdown(tcp::socket::shutdown_both, ignored);
  }

  // Returns whether the client may ask again.
  boost::asio::awaitable<bool> serve_one(tcp::socket& client, boost::beast::flat_buffer& buffer) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(kBodyBytesMax);
    error_code error;
    {
      const Patience patience(shard_, client);
      co_await http::async_read(client, buffer, parser, redirect_error(use_awaitable, error));
    }
    if (error) {
      auto complaint = complaint_about(error);
      if (complaint) {
        complaint->keep_alive(false);
        co_await write(client, *complaint, false, error);
      }
      co_return false;
    }
    const auto& request = parser.get();
    auto response = respond(request.method(), request.target());
    response.version(request.version());
    response.keep_alive(request.keep_alive());
    error = {};
    co_await write(client, response, request.method() == http::verb::head, error);
    co_return !error && request.keep_alive();
  }

  boost::asio::awaitable<void> write(tcp::socket& client, Response& response, bool head_only, error_code& error) {
    const Patience patience(shard_, client);
    response.prepare_payload();
    http::response_serializer<http::string_body> serializer(response);
    if (head_only) {
      co_await http::async_write_header(client, serializer, redirect_error(use_awaitable, error));
    } else {
      co_await http::async_write(client, serializer, redirect_error(use_awaitable, error));
    }
  }

  Response respond(http::verb method, std::string_view target) const {
    const auto path = target.substr(0, target.find('?'));
    const bool is_live = path == "/livez";
    if (!is_live && path != "/readyz") return json_response(http::status::not_found, error_json("no such path"));
    if (method != http::verb::get && method != http::verb::head) {
      auto response = json_response(http::status::method_not_allowed, error_json("only GET and HEAD"));
      response.set(http::field::allow, "GET, HEAD");
      return response;
    }
    if (is_live) return make_response(http::status::ok, "text/plain", "ok");
    const auto readiness = probe_();
    const auto status = readiness.ready ? http::status::ok : http::status::service_unavailable;
    return json_response(status, readiness_json(readiness));
  }

  Shard& shard_;
  const ReadinessProbe probe_;
  TaskGroup tasks_;
  tcp::acceptor acceptor_;
  std::unordered_set<tcp::socket*> clients_;  // each lives in its own coroutine
  std::shared_ptr<OneShot<bool>> pause_;
  bool is_stopping_ = false;
};

AdminHttp::AdminHttp(std::shared_ptr<Server> server, net::Endpoint bound)
    : server_(std::move(server)), bound_(std::move(bound)) {}

AdminHttp::~AdminHttp() = default;

Result<std::unique_ptr<AdminHttp>> AdminHttp::start(Shard& shard, const net::Endpoint& at, ReadinessProbe probe) {
  WEIR_TRY_ASSIGN(socket, net::bind_tcp(at));
  WEIR_TRY(net::listen_on(socket));
  auto bound = net::local_endpoint(socket.fd());
  const bool is_ipv6 = bound.host.find(':') != std::string::npos;
  auto server = std::make_shared<Server>(shard, is_ipv6 ? tcp::v6() : tcp::v4(), std::move(socket), std::move(probe));
  server->start();
  return std::unique_ptr<AdminHttp>(new AdminHttp(std::move(server), std::move(bound)));
}

boost::asio::awaitable<void> AdminHttp::stop() {
  co_await run_on(server_->shard(), Server::stop(server_));
}

}  // namespace weir::broker
