// The command line: weir serve, version, config. Parses, asks config for the settings and hands them on; nothing here
// knows how a broker works.
//
// Main thread only. Always: standard output carries data, everything about what went wrong goes to standard error.
#pragma once

#include <functional>
#include <ostream>

#include "config/loader.h"

namespace weir::cli {

// The contract's exit codes that these commands use.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // a configuration that is wrong, a broker that could not start
inline constexpr int kExitUsage = 2;   // an option or command that does not exist or lacks its value

// What the commands act on; the tests put their own in.
struct Outside {
  std::ostream& out;
  std::ostream& err;
  std::function<int(const config::LoadedConfig&)> serve;  // runs the broker, returns the exit code
};

// Runs the command that `argv` (of main, the program's name first) spells and returns the exit code. Never throws.
[[nodiscard]] int run(int argc, const char* const* argv, const Outside& outside);

}  // namespace weir::cli
