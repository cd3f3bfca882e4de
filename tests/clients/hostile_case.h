// One thing that a hostile client does to a broker, and what the broker must do about it. Cases are built when they
// run, since some are large.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/error_code.h"

namespace weir::clients {

inline constexpr std::string_view kHostileTopic = "hostile";

enum class Reaction {
  kHangUp,          // closes without an answer, while our side is still open
  kSilence,         // waits for the rest; closes without an answer once we end our side
  kAnswer,          // one answer, whatever it says
  kOldApiVersions,  // ApiVersions v0 body: error 35 and exactly one row, for key 18
  kAny,             // answers or not, and closes once we end our side
};

// Raw bytes onto a fresh connection.
struct WireCase {
  std::string name;
  Reaction reaction;
  std::function<Bytes()> bytes;
};

// One Produce to partition 0 of kHostileTopic.
struct BatchCase {
  std::string name;
  std::vector<ErrorCode> answers;  // any of these; empty: any error
  std::function<Bytes()> records;
};

// What bounds the size of an inflated batch at the broker; 0: nothing does.
struct BrokerLimits {
  std::uint64_t inflated_batch_bytes_max = 256 * kMiB;
};

[[nodiscard]] std::vector<WireCase> frame_cases();
[[nodiscard]] std::vector<WireCase> message_cases();
// Random bytes, random payloads in good frames, good requests with changed bytes: `rounds` of each.
[[nodiscard]] std::vector<WireCase> random_cases(std::uint64_t seed, int rounds);
[[nodiscard]] std::vector<BatchCase> batch_cases();
[[nodiscard]] std::vector<BatchCase> compressed_cases(const BrokerLimits& limits);

}  // namespace weir::clients
