// Writes Kafka's primitive types into a ByteChain: small fields gather in one buffer, record bytes join the chain as
// the pieces they are. A value that the wire can't carry is a failure that sticks; finish() reports it. Owned by the
// task that encodes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_chain.h"
#include "base/bytes.h"
#include "base/result.h"
#include "model/uuid.h"

namespace weir::protocol {

class WireWriter {
 public:
  // `expected_bytes`: room to make at once, so that an ordinary message is written into a single allocation.
  explicit WireWriter(std::size_t expected_bytes = 256) { buffer_.reserve(expected_bytes); }

  template <std::integral T>
  void integer(T value) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + sizeof(T));
    store_be(buffer_.data() + at, value);
  }
  void boolean(bool value) { integer<std::uint8_t>(value ? 1 : 0); }
  void float64(double value) { integer(std::bit_cast<std::uint64_t>(value)); }
  void uuid(const Uuid& id) { raw(id.bytes); }
  void uvarint(std::uint64_t value);

  // The length before a string, bytes, records or an array.
  void string_length(std::size_t bytes, bool flexible);
  void length(std::uint64_t bytes_or_count, bool flexible);
  void null_string(bool flexible);
  void null_length(bool flexible);  // null bytes, records or array

  void raw(ByteView bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  // Closes the current piece and takes the chain's pieces as they are, files included.
  void chain(ByteChain pieces);

  // A tagged field's payload stands between these two: its size goes in front once it is known. `begin` gives what
  // `end` takes. No chain() in between: the payload must lie in one piece.
  [[nodiscard]] std::size_t begin_sized() const { return buffer_.size(); }
  void end_sized(std::size_t begun);

  // Overwrites four bytes at the front of all that was written: a frame's size, known last.
  void patch_front(std::int32_t value);

  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }
  [[nodiscard]] bool failed() const { return !problem_.empty(); }
  [[nodiscard]] Error error() const { return Error{Errc::kInvalidArgument, problem_}; }
  [[nodiscard]] std::uint64_t size_bytes() const { return pieces_.size_bytes() + buffer_.size(); }

  // All that was written, once. After a failure the bytes are worth nothing: ask failed() first.
  [[nodiscard]] ByteChain finish();
  // The same as one run of bytes, for a message without file pieces (a metadata record's value).
  [[nodiscard]] Bytes finish_bytes();

 private:
  void close_piece();

  Bytes buffer_;  // written, not yet a piece
  ByteChain pieces_;
  std::shared_ptr<Bytes> front_;  // the first piece made from the buffer, for patch_front
  std::string problem_;
};

}  // namespace weir::protocol
