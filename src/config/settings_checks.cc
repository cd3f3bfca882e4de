#include "config/settings_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "config/value.h"

namespace weir::config {
namespace {

class Checker {
 public:
  explicit Checker(const BrokerSettings& settings) : settings_(settings) {}

  CheckOutcome run() && {
    check_addresses();
    check_log_directories();
    check_cluster();
    check_ages();
    return std::move(outcome_);
  }

 private:
  void refuse(std::string_view key, std::string text) { outcome_.errors.push_back({key, std::move(text)}); }

  [[nodiscard]] bool is_controller_name(std::string_view name) const {
    return std::ranges::any_of(settings_.controller_listener_names, [&](const std::string& other) {
      return std::ranges::equal(other, name, [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
    });
  }

  // The listeners of one key, parsed; what does not parse is a complaint.
  std::vector<Listener> parse_all(std::string_view key, const std::vector<std::string>& texts) {
    std::vector<Listener> listeners;
    for (const auto& text : texts) {
      auto listener = parse_listener(text);
      if (!listener.has_value()) {
        refuse(key, listener.error().context);
        continue;
      }
      const bool twice =
          std::ranges::any_of(listeners, [&](const Listener& other) { return other.name == listener->name; });
      if (twice) refuse(key, fmt::format("the name {} is there twice", listener->name));
      listeners.push_back(*std::move(listener));
    }
    return listeners;
  }

  void check_addresses() {
    if (auto http = parse_http_listen(settings_.weir_http_listen); http.has_value()) {
      outcome_.http = *std::move(http);
    } else {
      refuse("weir.http.listen", http.error().context);
    }
    const auto protocols = parse_protocol_map();
    auto listeners = parse_all("listeners", settings_.listeners);
    const bool all_parsed = listeners.size() == settings_.listeners.size();
    for (auto& listener : listeners) {
      if (is_controller_name(listener.name)) {
        controller_ports_.push_back(listener.address.port);
        outcome_.warnings.push_back({"listeners", fmt::format("no port is opened for {}: Weir's controller is part of "
                                                              "this process",
                                                              listener.name)});
        continue;
      }
      check_protocol(listener, protocols);
      outcome_.listeners.push_back(std::move(listener));
    }
    if (outcome_.listeners.empty() && all_parsed) refuse("listeners", "there is nothing to listen on");
    if (outcome_.listeners.size() > 1) {
      refuse("listeners", fmt::format("this version has one listener, not {}", outcome_.listeners.size()));
    }
    check_advertised();
  }

  std::map<std::string, std::string, std::less<>> parse_protocol_map() {
    std::map<std::string, std::string, std::less<>> protocols;
    for (const auto& pair : split_list(settings_.listener_security_protocol_map)) {
      const auto colon = pair.find(':');
      if (colon == std::string::npos || colon == 0) {
        refuse("listener.security.protocol.map", fmt::format("'{}' is not of the form NAME:PROTOCOL", pair));
        continue;
      }
      const auto upper = [](std::string_view text) {
        std::string result(trimmed(text));
        for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        return result;
      };
      auto protocol = upper(std::string_view(pair).substr(colon + 1));
      constexpr std::string_view kProtocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
      if (std::ranges::find(kProtocols, protocol) == std::end(kProtocols)) {
        refuse("listener.security.protocol.map",
               fmt::format("'{}' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", protocol));
      }
      protocols.insert_or_assign(upper(std::string_view(pair).substr(0, colon)), std::move(protocol));
    }
    return protocols;
  }

  void check_protocol(const Listener& listener, const std::map<std::string, std::string, std::less<>>& protocols) {
    const auto found = protocols.find(listener.name);
    if (found == protocols.end()) {
      refuse("listener.security.protocol.map", fmt::format("it names no protocol for the listener {}", listener.name));
    } else if (found->second != "PLAINTEXT") {
      // Blamed on the key that asks: the map where it says something of its own, else the listener's name.
      const bool by_name = found->second == found->first;
      refuse(by_name ? "listeners" : "listener.security.protocol.map",
             fmt::format("the listener {} asks for {}, which this version does not have; only PLAINTEXT is served",
                         listener.name, found->second));
    }
  }

  void check_advertised() {
    for (auto& advertised : parse_all("advertised.listeners", settings_.advertised_listeners)) {
      if (is_controller_name(advertised.name)) continue;
      const bool known = std::ranges::any_of(
          outcome_.listeners, [&](const Listener& listener) { return listener.name == advertised.name; });
      if (!known) {
        refuse("advertised.listeners", fmt::format("{} is not a name of listeners", advertised.name));
      } else if (is_wildcard(advertised.address)) {
        refuse("advertised.listeners", "a client cannot connect to 0.0.0.0 or ::; name the address that it reaches");
      } else if (advertised.address.port == 0) {
        refuse("advertised.listeners", "a client cannot connect to port 0");
      }
      outcome_.advertised.push_back(std::move(advertised));
    }
    const auto& name = settings_.inter_broker_listener_name;
    if (!name.has_value() || name->empty()) return;
    const bool known =
        std::ranges::any_of(outcome_.listeners, [&](const Listener& listener) { return listener.name == *name; });
    if (!known) refuse("inter.broker.listener.name", fmt::format("{} is not a name of listeners", *name));
  }

  void check_log_directories() {
    std::set<std::string_view> seen;
    for (const auto& directory : settings_.log_dirs) {
      if (directory.empty()) {
        refuse("log.dirs", "a directory is missing");
      } else if (!seen.insert(directory).second) {
        refuse("log.dirs", fmt::format("{} is listed twice", directory));
      }
    }
    if (settings_.log_dir.empty()) refuse("log.dir", "a directory is missing");
    const auto directories = log_directories(settings_);
    if (std::ranges::find(directories, metadata_directory(settings_)) == directories.end()) {
      refuse("metadata.log.dir", fmt::format("{} is not one of log.dirs; add it there", metadata_directory(settings_)));
    }
  }

  void check_cluster() {
    const std::set<std::string, std::less<>> roles(settings_.process_roles.begin(), settings_.process_roles.end());
    if (roles.size() != 2) {
      refuse("process.roles", "this version is broker and controller in one process and cannot be one of them alone");
    }
    if (settings_.broker_id != -1 && settings_.broker_id != settings_.node_id) {
      refuse("broker.id", fmt::format("{} is not the number of node.id, {}", settings_.broker_id, settings_.node_id));
    }
    for (const auto& voter : settings_.controller_quorum_voters) check_voter(voter);
    for (const auto& server : settings_.controller_quorum_bootstrap_servers) check_bootstrap_server(server);
  }

  void check_voter(std::string_view voter) {
    const auto at = voter.find('@');
    std::int32_t id = -1;
    const auto digits = voter.substr(0, at);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (at == std::string_view::npos || error != std::errc{} || end != digits.data() + digits.size()) {
      refuse("controller.quorum.voters", fmt::format("'{}' is not of the form ID@HOST:PORT", voter));
    } else if (id != settings_.node_id) {
      refuse("controller.quorum.voters",
             fmt::format("'{}' is another node than this one (node.id {}), and this version cannot join a quorum",
                         voter, settings_.node_id));
    }
  }

  // Our own controller listener is the only server that can be meant; a host name can't be resolved here, so loopback
  // and the hosts that we use ourselves count as this machine.
  void check_bootstrap_server(std::string_view server) {
    const auto address = parse_host_port(server);
    if (!address.has_value()) {
      refuse("controller.quorum.bootstrap.servers", address.error().context);
      return;
    }
    const auto is_own_host = [&](const Listener& listener) { return listener.address.host == address->host; };
    const bool own_host = address->host == "localhost" || address->host == "127.0.0.1" || address->host == "::1" ||
                          std::ranges::any_of(outcome_.listeners, is_own_host) ||
                          std::ranges::any_of(outcome_.advertised, is_own_host);
    const bool own_port = std::ranges::find(controller_ports_, address->port) != controller_ports_.end();
    if (own_host && own_port) return;
    refuse("controller.quorum.bootstrap.servers",
           fmt::format("'{}' is another controller than the one in this process, and this version cannot join a quorum",
                       server));
  }

  void check_ages() {
    if (settings_.log_cleaner_min_compaction_lag_ms > settings_.log_cleaner_max_compaction_lag_ms) {
      refuse("log.cleaner.min.compaction.lag.ms",
             fmt::format("{} is more than log.cleaner.max.compaction.lag.ms, {}",
                         settings_.log_cleaner_min_compaction_lag_ms, settings_.log_cleaner_max_compaction_lag_ms));
    }
    // Kafka: the age at which segments go is -1 for never, or at least 1.
    constexpr std::string_view kZero = "0 would keep nothing at all; -1 keeps for ever";
    if (settings_.log_retention_ms == 0) refuse("log.retention.ms", std::string(kZero));
    if (settings_.log_retention_minutes == 0) refuse("log.retention.minutes", std::string(kZero));
    if (settings_.log_retention_hours == 0) refuse("log.retention.hours", std::string(kZero));
  }

  const BrokerSettings& settings_;
  CheckOutcome outcome_;
  std::vector<std::uint16_t> controller_ports_;
};

}  // namespace

CheckOutcome check_settings(const BrokerSettings& settings) {
  return Checker(settings).run();
}

}  // namespace weir::config
