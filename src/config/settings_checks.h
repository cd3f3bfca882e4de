// What no single row of the settings table can check: values that must agree with each other, and statements about the
// cluster that must describe what Weir is. Pure; any thread.
//
// Always: what asks for a protection or a role that Weir lacks comes back as a complaint, never as a warning.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/broker_settings.h"
#include "config/listener.h"

namespace weir::config {

struct Complaint {
  std::string_view key;  // the setting to blame
  std::string text;      // a sentence without the key
};

struct CheckOutcome {
  std::vector<Listener> listeners;   // to listen on: without the controllers' names
  std::vector<Listener> advertised;  // those of `listeners`
  std::optional<HostPort> http;
  std::vector<Complaint> errors;
  std::vector<Complaint> warnings;
};

// `settings` has every value within its row's range.
[[nodiscard]] CheckOutcome check_settings(const BrokerSettings& settings);

}  // namespace weir::config
