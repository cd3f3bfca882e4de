#include "config/listener.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

TEST(Listener, ParsesNamesHostsAndPorts) {
  const auto parsed = [](std::string_view text) { return parse_listener(text).value(); };
  EXPECT_EQ(parsed("PLAINTEXT://127.0.0.1:9092"), (Listener{"PLAINTEXT", {"127.0.0.1", 9092}}));
  EXPECT_EQ(parsed("plaintext://broker-1.example:0"), (Listener{"PLAINTEXT", {"broker-1.example", 0}}));
  EXPECT_EQ(parsed("EXTERNAL_2://:65535"), (Listener{"EXTERNAL_2", {"0.0.0.0", 65535}}));
  EXPECT_EQ(parsed(" PLAINTEXT://[::1]:9092 "), (Listener{"PLAINTEXT", {"::1", 9092}}));
  EXPECT_EQ(parsed("PLAINTEXT://[fe80::1%eth0]:9092").address.host, "fe80::1%eth0");
}

TEST(Listener, SaysWhatIsWrong) {
  struct Case {
    std::string_view text;
    std::string_view message;
  };
  constexpr Case kCases[] = {
      {"127.0.0.1:9092", "'127.0.0.1:9092' is not of the form NAME://HOST:PORT"},
      {"://h:1", "'://h:1' is not of the form NAME://HOST:PORT"},
      {"A B://h:1", "'A B' is not a listener's name"},
      {"PLAINTEXT://h", "'h' has no port; write HOST:PORT"},
      {"PLAINTEXT://h:", "'' is not a port from 0 to 65535"},
      {"PLAINTEXT://h:65536", "'65536' is not a port from 0 to 65535"},
      {"PLAINTEXT://h:-1", "'-1' is not a port from 0 to 65535"},
      {"PLAINTEXT://h:9092x", "'9092x' is not a port from 0 to 65535"},
      {"PLAINTEXT://::1:9092", "'::1:9092': an IPv6 address stands in brackets, [HOST]:PORT"},
      {"PLAINTEXT://[h]:9092", "'h' is not an IPv6 address"},
      {"PLAINTEXT://a/b:9092", "'a/b' is not a host name or address"},
  };
  for (const auto& test : kCases) {
    const auto listener = parse_listener(test.text);
    ASSERT_FALSE(listener.has_value()) << test.text;
    EXPECT_EQ(listener.error().context, test.message);
  }
}

TEST(Listener, HttpIsAnAddressOrOff) {
  EXPECT_EQ(parse_http_listen("off").value(), std::nullopt);
  EXPECT_EQ(parse_http_listen("127.0.0.1:0").value(), (HostPort{"127.0.0.1", 0}));
  EXPECT_EQ(parse_http_listen("on").error().context, "'on' has no port; write HOST:PORT, nor the word off");
}

TEST(Listener, WritesAddressesAsTheyAreRead) {
  for (const auto* text : {"127.0.0.1:9092", "[::1]:9092", "host:0"}) {
    EXPECT_EQ(to_string(parse_host_port(text).value()), text);
  }
  EXPECT_TRUE(is_wildcard({"0.0.0.0", 1}));
  EXPECT_TRUE(is_wildcard({"::", 1}));
  EXPECT_FALSE(is_wildcard({"127.0.0.1", 1}));
}

}  // namespace
}  // namespace weir::config
