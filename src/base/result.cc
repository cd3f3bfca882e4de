#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace weir {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument: return "invalid argument";
    case Errc::kCorrupt: return "corrupt";
    case Errc::kNotFound: return "not found";
    case Errc::kAlreadyExists: return "already exists";
    case Errc::kOutOfRange: return "out of range";
    case Errc::kTooLarge: return "too large";
    case Errc::kUnsupported: return "unsupported";
    case Errc::kNoSpace: return "no space";
    case Errc::kIo: return "I/O error";
    case Errc::kReadOnly: return "read-only";
    case Errc::kTooManyFiles: return "too many open files";
    case Errc::kBusy: return "in use";
    case Errc::kNotReady: return "not ready";
    case Errc::kClosed: return "closed";
    case Errc::kTimedOut: return "timed out";
  }
  return "unknown error";
}

std::string to_string(const Error& error) {
  std::string text{to_string(error.code)};
  if (!error.context.empty()) text += ": " + error.context;
  if (error.os_errno != 0) text += ": " + std::system_category().message(error.os_errno);
  return text;
}

std::unexpected<Error> fail_errno(int os_errno, std::string context) {
  auto code = [&] {
    switch (os_errno) {
      case ENOSPC:
      case EDQUOT: return Errc::kNoSpace;
      case ENOENT: return Errc::kNotFound;
      case EEXIST: return Errc::kAlreadyExists;
      case EROFS: return Errc::kReadOnly;
      case EMFILE:
      case ENFILE: return Errc::kTooManyFiles;
      case EADDRINUSE: return Errc::kBusy;
      default: return Errc::kIo;
    }
  }();
  return std::unexpected(Error{code, std::move(context), os_errno});
}

}  // namespace weir
