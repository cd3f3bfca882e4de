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
  explicit WireWriter(std::size_t expected_bytes = 256) : buffer_(expected_bytes) {}

  template <std::integral T>
  void integer(T value) {
    store_be(claim(sizeof(T)), value);
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

  void raw(ByteView bytes);
  // Closes the current piece and takes the chain's pieces as they are, files included.
  void chain(ByteChain pieces);

  // A tagged field's payload stands between these two: its size goes in front once it is known. `begin` gives what
  // `end` takes. No chain() in between: the payload must lie in one piece.
  [[nodiscard]] std::size_t begin_sized() const { return used_; }
  void end_sized(std::size_t begun);

  // Overwrites four bytes at the front of all that was written: a frame's size, known last.
  void patch_front(std::int32_t value);

  [[gnu::cold]] void fail(std::string_view problem);
  [[nodiscard]] bool failed() const { return !problem_.empty(); }
  [[nodiscard]] Error error() const { return Error{Errc::kInvalidArgument, problem_}; }
  [[nodiscard]] std::uint64_t size_bytes() const { return pieces_.size_bytes() + used_; }

  // All that was written, once. After a failure the bytes are worth nothing: ask failed() first.
  [[nodiscard]] ByteChain finish();
  // The same as one run of bytes, for a message without file pieces (a metadata record's value).
  [[nodiscard]] Bytes finish_bytes();

 private:
  // Room for `size_bytes` at the end of what was written, to be filled at once.
  std::uint8_t* claim(std::size_t size_bytes) {
    if (buffer_.size() - used_ < size_bytes) [[unlikely]]
      grow(size_bytes);
    used_ += size_bytes;
    return buffer_.data() + used_ - size_bytes;
  }
  void grow(std::size_t size_bytes);
  [[nodiscard]] Bytes take_buffer();
  void close_piece();

  Bytes buffer_;          // what is not yet a piece, and room behind it
  std::size_t used_ = 0;  // the bytes of it that were written
  ByteChain pieces_;
  std::shared_ptr<Bytes> front_;  // the first piece made from the buffer, for patch_front
  std::string problem_;
};

}  // namespace weir::protocol
