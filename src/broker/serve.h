// The broker as a process: everything between a loaded configuration and an exit code.
#pragma once

#include "config/loader.h"

namespace weir::broker {

// Runs the broker until SIGTERM or SIGINT and returns the process's exit code: 0 after a clean stop, 1 when it could
// not start or had to give up. Called once, on the main thread, before any other thread exists; the log level is set
// and the configuration's warnings are out. Prints the ready line on standard error.
[[nodiscard]] int serve(const config::LoadedConfig& config);

}  // namespace weir::broker
