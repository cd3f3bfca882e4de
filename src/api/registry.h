// Every API this broker serves. ApiVersions answers from this list, so what is not in it is not advertised.
#pragma once

#include <span>

#include "api/api.h"

namespace weir::api {

// Ascending by key. Constant after the first call; any thread.
[[nodiscard]] std::span<const Api> registered_apis();

// Null when no such API is served.
[[nodiscard]] const Api* find_api(protocol::ApiKey key);

}  // namespace weir::api
