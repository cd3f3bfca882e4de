#include "lab/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"

namespace weir::lab {
namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;

}  // namespace

std::array<std::uint8_t, kEventBytes> pack(const Event& event) {
  std::array<std::uint8_t, kEventBytes> bytes;
  store_be(bytes.data(), event.value);
  store_be(bytes.data() + 8, event.offset);
  store_be(bytes.data() + 16, (event.invoked_us & kTimeMask) << 16 | event.partition);
  const auto took_us = std::min<std::uint64_t>(event.completed_us - event.invoked_us, UINT32_MAX);
  store_be(bytes.data() + 24, static_cast<std::uint32_t>(took_us));
  store_be(bytes.data() + 28, event.client);
  bytes[30] = static_cast<std::uint8_t>(static_cast<unsigned>(event.op) << 4 | static_cast<unsigned>(event.outcome));
  bytes[31] = static_cast<std::uint8_t>(event.error);
  return bytes;
}

Event unpack(std::span<const std::uint8_t, kEventBytes> bytes) {
  const auto time_and_partition = load_be<std::uint64_t>(bytes.data() + 16);
  const auto error = bytes[31];
  Event event;
  event.value = load_be<std::uint64_t>(bytes.data());
  event.offset = load_be<std::int64_t>(bytes.data() + 8);
  event.invoked_us = time_and_partition >> 16;
  event.partition = static_cast<std::uint16_t>(time_and_partition);
  event.completed_us = event.invoked_us + load_be<std::uint32_t>(bytes.data() + 24);
  event.client = load_be<std::uint16_t>(bytes.data() + 28);
  event.op = static_cast<Op>(bytes[30] >> 4);
  event.outcome = static_cast<Outcome>(bytes[30] & 0xf);
  event.error = error == 0xff ? ErrorCode::kUnknownServerError : static_cast<ErrorCode>(error);
  return event;
}

std::uint64_t now_us() {
  const auto since_boot = SystemClock{}.steady().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count());
}

Result<Recorder> Recorder::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return fail_errno(errno, "open " + path);
  return Recorder(fd);
}

Recorder::~Recorder() {
  if (fd_ >= 0) ::close(fd_);
}

void Recorder::record(std::span<const Event> events) const {
  constexpr std::size_t kEventsAtOnce = 128;
  std::array<std::uint8_t, kEventsAtOnce * kEventBytes> bytes;
  while (!events.empty()) {
    const auto now = events.first(std::min(events.size(), kEventsAtOnce));
    for (std::size_t i = 0; i < now.size(); ++i) {
      std::ranges::copy(pack(now[i]), bytes.begin() + static_cast<std::ptrdiff_t>(i * kEventBytes));
    }
    const auto size_bytes = now.size() * kEventBytes;
    CHECK(::write(fd_, bytes.data(), size_bytes) == static_cast<ssize_t>(size_bytes), "history: errno {}", errno);
    events = events.subspan(now.size());
  }
}

Result<std::vector<Event>> read_history(const std::string& path, std::size_t skip) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Errc::kNotFound, "no history at " + path);
  const auto count = static_cast<std::size_t>(file.tellg()) / kEventBytes;
  std::vector<Event> events;
  if (count <= skip) return events;
  Bytes bytes((count - skip) * kEventBytes);
  file.seekg(static_cast<std::streamoff>(skip * kEventBytes));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) return fail(Errc::kIo, "read " + path);
  events.reserve(count - skip);
  for (std::size_t at = 0; at < bytes.size(); at += kEventBytes) {
    events.push_back(unpack(std::span<const std::uint8_t, kEventBytes>(bytes.data() + at, kEventBytes)));
  }
  return events;
}

}  // namespace weir::lab
