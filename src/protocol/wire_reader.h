// Reads Kafka's primitive types from one frame, never past its end. Decoding walks stay straight-line: the first
// failure sticks, and from then on every read gives zero or nothing. Owned by the task that decodes.
//
// What always holds
//   1. No read touches a byte outside the frame.
//   2. Nothing is allocated for a length or a count before the bytes that must back it are known to be there, and all
//      that a walk allocates together stays under the budget below, whatever the frame says.
//   3. After a failure nothing is left to read, so a loop over elements ends at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/varint.h"
#include "model/uuid.h"

namespace weir::protocol {

// A struct of one small string takes 3 bytes in a frame and 72 in memory. These bound what the elements of all arrays
// of one message may take together: a fixed allowance that no sane request reaches, or this much for each frame byte.
inline constexpr std::uint64_t kDecodedBytesAllowance = 16 * kMiB;
inline constexpr std::uint64_t kDecodedBytesPerFrameByte = 4;

// Kafka's clients and brokers refuse longer strings in every version.
inline constexpr std::size_t kStringBytesMax = 32767;

class WireReader {
 public:
  explicit WireReader(MutableByteView frame)
      : frame_(frame), budget_bytes_(kDecodedBytesAllowance + kDecodedBytesPerFrameByte * frame.size()) {}

  // Any fixed-size big-endian integer.
  template <std::integral T>
  [[nodiscard]] T integer() {
    if (bytes_left() < sizeof(T)) return fail("the frame ends inside a number"), T{};
    const T value = load_be<T>(frame_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  [[nodiscard]] bool boolean() { return integer<std::uint8_t>() != 0; }
  [[nodiscard]] double float64() { return std::bit_cast<double>(integer<std::uint64_t>()); }
  [[nodiscard]] Uuid uuid();
  [[nodiscard]] std::uint32_t uvarint() {
    if (bytes_left() > 0 && frame_[position_] < 0x80) return frame_[position_++];
    return long_uvarint();
  }

  // The length before a string, bytes, records or an array; nullopt is null. Kafka takes any negative length for null.
  [[nodiscard]] std::optional<std::uint32_t> string_length(bool flexible) {
    return flexible ? compact_length() : length(integer<std::int16_t>());
  }
  [[nodiscard]] std::optional<std::uint32_t> length(bool flexible) {
    return flexible ? compact_length() : length(integer<std::int32_t>());
  }
  // `count` elements of at least `min_wire_bytes` on the wire (at least 1 is assumed) and `memory_bytes` in memory.
  [[nodiscard]] bool array_fits(std::uint32_t count, std::size_t min_wire_bytes, std::size_t memory_bytes);

  // The next `size_bytes` of the frame, borrowed from it; empty after a failure.
  [[nodiscard]] MutableByteView raw(std::size_t size_bytes);

  // A reader of the next `size_bytes` alone, sharing the budget; give it back to `leave` to go on behind them.
  [[nodiscard]] WireReader enter(std::size_t size_bytes);
  // Takes over the inner reader's failure and budget. All of the inner bytes must have been read.
  void leave(const WireReader& inner);

  [[gnu::cold]] void fail(const char* problem);  // `problem` is a literal
  // Puts the name of a field around a failure: called from the innermost field outward.
  void name_failure(std::string_view field_name);

  [[nodiscard]] bool failed() const { return problem_ != nullptr; }
  [[nodiscard]] std::size_t bytes_left() const { return frame_.size() - position_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  // What is not read yet; empty after a failure.
  [[nodiscard]] MutableByteView rest() const { return frame_.subspan(position_); }
  // Only after a failure. `message` names what was being decoded.
  [[nodiscard]] Error error(std::string_view message) const;

 private:
  [[nodiscard]] std::uint32_t long_uvarint();
  [[nodiscard]] std::optional<std::uint32_t> compact_length() {
    // Length plus one, 0 for null. Kafka counts in 32 signed bits: what is negative there is null as well.
    return length(static_cast<std::int32_t>(uvarint() - 1));
  }
  [[nodiscard]] static std::optional<std::uint32_t> length(std::int32_t value) {
    if (value < 0) return std::nullopt;
    return static_cast<std::uint32_t>(value);
  }

  MutableByteView frame_;
  std::size_t position_ = 0;
  std::uint64_t budget_bytes_;
  const char* problem_ = nullptr;
  std::size_t problem_at_ = 0;
  std::string path_;  // filled by name_failure only
};

}  // namespace weir::protocol
