#include "lab/broker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/check.h"

namespace weir::lab {
namespace {

constexpr std::string_view kReadyLine = "weir ready: ";

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Between two looks at a log.
void pause() {
  ::poll(nullptr, 0, 1);
}

}  // namespace

Result<BrokerProcess> BrokerProcess::start(const BrokerCommand& command) {
  std::vector<std::string> words{command.binary, "serve",       "--data", command.data,
                                 "--listen",     "127.0.0.1:0", "--http", "off"};
  for (const auto& setting : command.settings) {
    words.emplace_back("--set");
    words.push_back(setting);
  }
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log = ::open(command.log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0) return fail_errno(errno, "open " + command.log_path);
  const auto pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const int fork_errno = errno;
  ::close(log);
  if (pid < 0) return fail_errno(fork_errno, "fork");
  return BrokerProcess(pid, command.log_path);
}

BrokerProcess::BrokerProcess(BrokerProcess&& from) noexcept
    : pid_(std::exchange(from.pid_, -1)), log_path_(std::move(from.log_path_)), address_(std::move(from.address_)) {}

BrokerProcess& BrokerProcess::operator=(BrokerProcess&& from) noexcept {
  std::swap(pid_, from.pid_);
  std::swap(log_path_, from.log_path_);
  std::swap(address_, from.address_);
  return *this;
}

Result<bool> BrokerProcess::wait_ready(Millis limit) {
  const SystemClock clock;
  const auto until = clock.steady() + limit;
  for (;;) {
    const auto log = content_of(log_path_);
    const auto line = log.find(kReadyLine);
    if (line != std::string::npos && log.find('\n', line) != std::string::npos) {
      constexpr std::string_view kAddress = "kafka=";
      const auto begin = log.find(kAddress, line) + kAddress.size();
      address_ = log.substr(begin, log.find(' ', begin) - begin);
      return true;
    }
    int status = 0;
    if (pid_ < 0 || ::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return fail(Errc::kClosed, fmt::format("the broker ended (status {:#x}):\n{}", status, log_tail(2000)));
    }
    if (clock.steady() > until) return false;
    pause();
  }
}

void BrokerProcess::freeze() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGSTOP);
  int status = 0;
  if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) pid_ = -1;
}

void BrokerProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool BrokerProcess::wait_ended(Millis limit, int& status) {
  const SystemClock clock;
  const auto until = clock.steady() + limit;
  while (pid_ >= 0) {
    if (::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
    if (pid_ >= 0 && clock.steady() > until) return false;
    if (pid_ >= 0) pause();
  }
  return true;
}

Result<void> BrokerProcess::stop(Millis limit) {
  if (pid_ < 0) return fail(Errc::kClosed, "the broker is gone");
  ::kill(pid_, SIGTERM);
  int status = 0;
  if (!wait_ended(limit, status)) return fail(Errc::kTimedOut, "the broker does not stop");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Errc::kIo, fmt::format("the broker ended with status {:#x}:\n{}", status, log_tail(2000)));
  }
  return {};
}

std::string BrokerProcess::log_tail(std::size_t bytes_max) const {
  auto log = content_of(log_path_);
  if (log.size() > bytes_max) log.erase(0, log.size() - bytes_max);
  return log;
}

std::uint64_t count_lines_with(const std::string& path, std::string_view text) {
  std::ifstream file(path);
  std::uint64_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.find(text) != std::string::npos ? 1 : 0;
  return count;
}

Result<std::string> run_command(const std::string& command_line) {
  auto* const pipe = ::popen((command_line + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return fail_errno(errno, "popen " + command_line);
  std::string output;
  char block[4096];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, pipe)) > 0;) output.append(block, got);
  if (::pclose(pipe) != 0) return fail(Errc::kIo, command_line + ": " + output);
  return output;
}

}  // namespace weir::lab
