// CHECK is always on and for our own bugs only, never for bytes from wire or disk (those are Results).
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace weir::detail {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view message);
}  // namespace weir::detail

// Ends the process with file, line, condition and a formatted message when `condition` is false.
#define CHECK(condition, ...)                                                                      \
  do {                                                                                             \
    if (!(condition)) [[unlikely]] {                                                               \
      ::weir::detail::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
    }                                                                                              \
  } while (false)
