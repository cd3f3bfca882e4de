// Scripted lives of a broker for the suites that lose power, or fail a call, at every point of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crash/broker_clients.h"

namespace weir::test {

// Runs one life on a started broker. False: the broker did not stop cleanly, or was not asked to.
using BrokerScript = std::function<bool(TestBroker& broker, Clients& clients, History& history)>;

[[nodiscard]] std::vector<std::string> crash_settings();

// Produce with all acks, plain and idempotent, over several partitions; rolls; retention; a topic deleted and made anew
// under its name; a config changed; checkpoint rounds; a clean stop.
bool run_everything(TestBroker& broker, Clients& clients, History& history);

// Few batches, one roll, a config changed: short enough to cut its recoveries at every call too.
bool run_short(TestBroker& broker, Clients& clients, History& history);

// A little of everything, without the stop, for clients that live with errors: whatever fails, they go on.
void run_little(TestBroker& broker, Clients& clients, History& history);

}  // namespace weir::test
