// Keeps the standard error of a test whose broker is made to fail thousands of times. One instance at a time, one
// thread.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>

#include "base/check.h"

namespace weir::test {

// Standard error goes to a file while this lives: a broker whose disk fails says so, thousands of times here. When a
// failed CHECK ends the program, it was about `scenario`, and the end of the file is printed.
class CapturedLog {
 public:
  CapturedLog() : file_(std::tmpfile()), real_(::dup(STDERR_FILENO)) {
    CHECK(file_ != nullptr && real_ >= 0, "no file for standard error");
    ::dup2(::fileno(file_), STDERR_FILENO);
    instance_ = this;
    std::signal(SIGABRT, [](int) { instance_->tell(); });
  }
  ~CapturedLog() {
    std::signal(SIGABRT, SIG_DFL);
    ::dup2(real_, STDERR_FILENO);
    ::close(real_);
    std::fclose(file_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // What is logged from here on belongs to it.
  void begin(const std::string& scenario) {
    std::rewind(file_);
    static_cast<void>(!::ftruncate(::fileno(file_), 0));
    scenario_ = scenario + "\n";
  }

 private:
  void tell() const {
    std::array<char, 4096> log;
    const auto size = std::min<off_t>(::lseek(::fileno(file_), 0, SEEK_END), log.size());
    const auto got = ::pread(::fileno(file_), log.data(), log.size(), ::lseek(::fileno(file_), -size, SEEK_END));
    static_cast<void>(!::write(real_, scenario_.data(), scenario_.size()));
    if (got > 0) static_cast<void>(!::write(real_, log.data(), static_cast<std::size_t>(got)));
  }

  static inline CapturedLog* instance_ = nullptr;
  std::FILE* const file_;
  const int real_;
  std::string scenario_;
};

}  // namespace weir::test
