#include "broker/serve.h"

#include "base/log.h"
#include "base/short_slices.h"
#include "broker/server.h"

namespace weir::broker {

int serve(const config::LoadedConfig& config) {
  ask_for_short_slices();  // before any other thread is started
  Server server(config);
  const auto served = server.run();
  if (served) return 0;
  log_error("{}", to_string(served.error()));
  return 1;
}

}  // namespace weir::broker
