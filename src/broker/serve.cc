#include "broker/serve.h"

#include "base/log.h"
#include "broker/server.h"

namespace weir::broker {

int serve(const config::LoadedConfig& config) {
  Server server(config);
  const auto served = server.run();
  if (served) return 0;
  log_error("{}", to_string(served.error()));
  return 1;
}

}  // namespace weir::broker
