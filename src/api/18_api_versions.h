// The one answer that must be possible before the version is agreed on.
#pragma once

#include "api/dispatcher.h"
#include "net/frame_handler.h"

namespace weir::api {

// For a version outside the range: a v0 body with UNSUPPORTED_VERSION and the one row for ApiVersions itself, so that
// the client asks again in a version both know (kafka-protocol 2.2).
[[nodiscard]] net::Reply refuse_api_versions(const RequestContext& context);

}  // namespace weir::api
