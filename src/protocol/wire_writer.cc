#include "protocol/wire_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/varint.h"
#include "protocol/wire_reader.h"

namespace weir::protocol {

void WireWriter::uvarint(std::uint64_t value) {
  std::uint8_t code[10];
  raw({code, encode_uvarint(code, value)});
}

void WireWriter::raw(ByteView bytes) {
  if (bytes.empty()) return;
  std::memcpy(claim(bytes.size()), bytes.data(), bytes.size());
}

void WireWriter::fail(std::string_view problem) {
  if (problem_.empty()) problem_ = problem;
}

void WireWriter::string_length(std::size_t bytes, bool flexible) {
  if (bytes > kStringBytesMax) fail(fmt::format("a string of {} bytes, {} at most", bytes, kStringBytesMax));
  if (flexible) return uvarint(bytes + 1);
  integer(static_cast<std::int16_t>(bytes));
}

void WireWriter::length(std::uint64_t bytes_or_count, bool flexible) {
  if (bytes_or_count >= std::numeric_limits<std::int32_t>::max()) fail(fmt::format("a length of {}", bytes_or_count));
  if (flexible) return uvarint(bytes_or_count + 1);
  integer(static_cast<std::int32_t>(bytes_or_count));
}

void WireWriter::null_string(bool flexible) {
  if (flexible) return uvarint(0);
  integer(std::int16_t{-1});
}

void WireWriter::null_length(bool flexible) {
  if (flexible) return uvarint(0);
  integer(std::int32_t{-1});
}

void WireWriter::chain(ByteChain pieces) {
  if (pieces.empty()) return;
  close_piece();
  pieces_.append(std::move(pieces));
}

void WireWriter::end_sized(std::size_t begun) {
  CHECK(begun <= used_, "a chain was written inside a sized field");
  const std::size_t size_bytes = used_ - begun;
  const std::size_t code_bytes = uvarint_size_bytes(size_bytes);
  (void)claim(code_bytes);
  std::uint8_t* const start = buffer_.data() + begun;
  std::memmove(start + code_bytes, start, size_bytes);
  encode_uvarint(start, size_bytes);
}

void WireWriter::patch_front(std::int32_t value) {
  CHECK(pieces_.empty() || front_, "the front is a piece of somebody else's");
  Bytes& front = pieces_.empty() ? buffer_ : *front_;
  CHECK((pieces_.empty() ? used_ : front.size()) >= sizeof value, "nothing was written at the front");
  store_be(front.data(), value);
}

ByteChain WireWriter::finish() {
  close_piece();
  front_.reset();
  return std::exchange(pieces_, ByteChain{});
}

Bytes WireWriter::finish_bytes() {
  if (pieces_.empty()) return take_buffer();
  Bytes all;
  const auto chain = finish();
  for (const Piece& piece : chain.pieces()) {
    const auto* slice = std::get_if<SharedSlice>(&piece);
    CHECK(slice != nullptr, "a file range has no bytes in memory");
    all.insert(all.end(), slice->view.begin(), slice->view.end());
  }
  return all;
}

void WireWriter::grow(std::size_t size_bytes) {
  buffer_.resize(std::max(used_ + size_bytes, 2 * buffer_.size()));
}

Bytes WireWriter::take_buffer() {
  buffer_.resize(std::exchange(used_, 0));
  return std::exchange(buffer_, Bytes{});
}

void WireWriter::close_piece() {
  if (used_ == 0) return;
  auto owner = std::make_shared<Bytes>(take_buffer());
  if (pieces_.empty()) front_ = owner;
  const ByteView view{*owner};
  pieces_.append(SharedSlice{std::move(owner), view});
}

}  // namespace weir::protocol
