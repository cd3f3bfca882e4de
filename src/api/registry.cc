#include "api/registry.h"

#include <algorithm>
#include <vector>

// To add an API: its schema, its handler file that ends in NAME_api(), a line here, its test.
#define WEIR_APIS(X)  \
  X(produce)          \
  X(fetch)            \
  X(list_offsets)     \
  X(metadata)         \
  X(find_coordinator) \
  X(api_versions)     \
  X(create_topics)    \
  X(delete_topics)    \
  X(init_producer_id) \
  X(incremental_alter_configs)

namespace weir::api {

#define WEIR_DECLARE(name) Api name##_api();
WEIR_APIS(WEIR_DECLARE)
#undef WEIR_DECLARE

std::span<const Api> registered_apis() {
  static const std::vector<Api> apis = [] {
#define WEIR_COLLECT(name) name##_api(),
    std::vector<Api> all{WEIR_APIS(WEIR_COLLECT)};
#undef WEIR_COLLECT
    std::ranges::sort(all, {}, &Api::key);
    return all;
  }();
  return apis;
}

}  // namespace weir::api
