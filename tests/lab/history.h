// The history of a run: what each client asked for and what it was told, one event each, in files outside the broker's
// data directory. Events reach a file by write(2), appended and whole, so several processes share one and a kill tears
// none. What stands in it must still hold after any crash of the broker; checker.h says what that means.
//
// On disk an event is 32 bytes, big-endian:
//   0 value u64 | 8 offset i64 | 16 invoked_us u48 | 22 partition u16 | 24 took_us u32 | 28 client u16
//   30 op, outcome: four bits each | 31 error u8 (Kafka's code modulo 256)
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/error_code.h"

namespace weir::lab {

enum class Op : std::uint8_t {
  kSend = 1,       // one record of an idempotent producer; acked at `offset`
  kSendPlain,      // the same of a producer without a producer id, which never sends a record twice
  kRead,           // a consumer was given `value` at `offset`; failed: what is at `offset` is not what was sent
  kHighWatermark,  // the broker said that the log's readable end is `offset`
  kLogStart,       // the broker said that the log begins at `offset`
  kReadAllBegin,   // a fresh consumer begins to read everything, from `offset`, the log start it was told
  kReadAllEnd,     // it has read all up to `offset`, the end it was told before it began
  kChange,         // the thing `value` (a topic, a config of one) was to become `offset`
  kSee,            // the thing `value` is `offset`; nobody is changing it meanwhile. 0 is its state before any change
  kFault,          // fault `value` fired
};

// Ok: no error. Failed: an error that means that nothing was done. All else, a lost connection too, may have happened.
enum class Outcome : std::uint8_t { kOk = 1, kFailed, kUnknown };

struct Event {
  Op op = Op::kSend;
  Outcome outcome = Outcome::kOk;
  ErrorCode error = ErrorCode::kNone;
  std::uint16_t client = 0;
  std::uint16_t partition = 0;  // a log of the run; partitions of all topics are counted through
  std::uint64_t value = 0;      // of a record: client << kValueClientShift | number of the record, growing
  std::int64_t offset = -1;
  std::uint64_t invoked_us = 0;  // on the machine's steady clock
  std::uint64_t completed_us = 0;

  bool operator==(const Event&) const = default;
};

inline constexpr int kValueClientShift = 40;
[[nodiscard]] constexpr std::uint64_t value_of(std::uint16_t client, std::uint64_t number) {
  return (std::uint64_t{client} << kValueClientShift) | number;
}
[[nodiscard]] constexpr std::uint16_t client_of(std::uint64_t value) {
  return static_cast<std::uint16_t>(value >> kValueClientShift);
}

inline constexpr std::size_t kEventBytes = 32;
[[nodiscard]] std::array<std::uint8_t, kEventBytes> pack(const Event& event);
[[nodiscard]] Event unpack(std::span<const std::uint8_t, kEventBytes> bytes);

// Microseconds of the machine's steady clock.
[[nodiscard]] std::uint64_t now_us();

class Recorder {
 public:
  // Opens for appending, creates it when it is not there.
  static Result<Recorder> open(const std::string& path);
  Recorder(Recorder&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  Recorder& operator=(Recorder&&) = delete;
  ~Recorder();

  // Any thread. Ends the process when the file takes no more: a test without its history proves nothing.
  void record(std::span<const Event> events) const;
  void record(const Event& event) const { record({&event, 1}); }

 private:
  explicit Recorder(int fd) : fd_(fd) {}
  int fd_;
};

// The whole events of a history from the `skip`-th on, in file order.
Result<std::vector<Event>> read_history(const std::string& path, std::size_t skip = 0);

}  // namespace weir::lab
