// Errors are values: Result<T> is std::expected with one error type for everything below the Kafka error codes.
// Kafka codes are made from an Error in exactly one mapping place per module (design decision 13).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class Errc {
  kInvalidArgument,  // the caller's input breaks a rule; nothing was done
  kCorrupt,          // bytes from disk or wire do not decode
  kNotFound,
  kAlreadyExists,
  kOutOfRange,
  kTooLarge,      // over a named limit
  kUnsupported,   // well-formed, but not served here
  kNoSpace,       // ENOSPC or EDQUOT: the volume is full, may end by itself
  kIo,            // EIO and kin: the device or directory can't be trusted any more
  kReadOnly,      // EROFS
  kTooManyFiles,  // EMFILE or ENFILE
  kBusy,          // somebody else holds it (a directory lock, a port)
  kNotReady,      // the bytes are not in memory yet; do the blocking read on a helper, then ask again
  kClosed,        // the object is being stopped
  kTimedOut,
};

std::string_view to_string(Errc code);

// What went wrong, for a program (code, os_errno) and for a person (context says what was tried and on what).
struct Error {
  Errc code;
  std::string context;
  int os_errno = 0;  // 0 unless a system call failed
};

// "corrupt: segment 00..0.log: bad magic 7", with the operating system's own words appended when there are any.
std::string to_string(const Error& error);

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string context) {
  return std::unexpected(Error{code, std::move(context)});
}

// Maps an errno of a failed call to an Error; `context` names the call and its object.
[[nodiscard]] std::unexpected<Error> fail_errno(int os_errno, std::string context);

}  // namespace weir

// Returns the error of a Result from the enclosing function, or goes on. For coroutines use the CO_ form.
#define WEIR_TRY(expression)                                                 \
  do {                                                                       \
    if (auto weir_try_result = (expression); !weir_try_result.has_value()) { \
      return std::unexpected(std::move(weir_try_result).error());            \
    }                                                                        \
  } while (false)

// Declares `name` as the value of a Result, or returns its error from the enclosing function.
#define WEIR_TRY_ASSIGN(name, expression)                                                   \
  auto name##_result = (expression);                                                        \
  if (!name##_result.has_value()) return std::unexpected(std::move(name##_result).error()); \
  auto name = *std::move(name##_result)
