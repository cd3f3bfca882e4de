#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::net {
namespace {

TEST(Endpoint, IsReadFromText) {
  const auto plain = parse_endpoint("127.0.0.1:9092");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 9092);
  const auto ipv6 = parse_endpoint("[::1]:0");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(to_string(*ipv6), "[::1]:0");
  const auto every = parse_endpoint(":65535");
  ASSERT_TRUE(every);
  EXPECT_EQ(every->host, "");
  for (const char* bad : {"", "localhost", "host:", "host:x", "host:65536", "host:-1", "host:1x", "::1:80"}) {
    const auto refused = parse_endpoint(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  }
}

TEST(BindTcp, TakesAFreePortAndNamesOneInUse) {
  const auto first = bind_tcp({"127.0.0.1", 0});
  ASSERT_TRUE(first);
  ASSERT_TRUE(listen_on(*first));
  const auto bound = local_endpoint(first->fd());
  EXPECT_EQ(bound.host, "127.0.0.1");
  EXPECT_NE(bound.port, 0);
  const auto second = bind_tcp(bound);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kBusy);
  EXPECT_NE(second.error().context.find(to_string(bound)), std::string::npos) << second.error().context;
  const auto wildcard = bind_tcp({"", bound.port});
  ASSERT_FALSE(wildcard);
  EXPECT_EQ(wildcard.error().code, Errc::kBusy);
}

TEST(BindTcp, ResolvesNamesAtTheStart) {
  const auto named = bind_tcp({"localhost", 0});
  ASSERT_TRUE(named);
  EXPECT_TRUE(is_loopback(local_endpoint(named->fd())));
  const auto unknown = bind_tcp({"no-such-host.invalid", 0});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::kInvalidArgument);
}

TEST(Socket, ClosesItsDescriptorOnce) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    Socket first(ends[0]);
    Socket second(std::move(first));
    EXPECT_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move): what a moved-from socket is, is the question
    second = Socket(ends[1]);
    EXPECT_EQ(second.fd(), ends[1]);
    EXPECT_EQ(::fcntl(ends[0], F_GETFD), -1);
  }
  EXPECT_EQ(::fcntl(ends[1], F_GETFD), -1);
}

}  // namespace
}  // namespace weir::net
