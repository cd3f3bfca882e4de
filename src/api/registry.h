// Every API this broker serves. ApiVersions answers from this list, so what is not in it is not advertised.
#pragma once

#include <span>

#include "api/dispatcher.h"

namespace weir::api {

// Ascending by key. Constant after the first call; any thread.
[[nodiscard]] std::span<const Api> registered_apis();

}  // namespace weir::api
