// Record batches as they stand in a message: opaque here, never copied on the way in. A decoded request borrows them
// from its frame, where the broker patches them in place; an encoded response takes pieces of memory and files.
#pragma once

#include "base/byte_chain.h"
#include "base/bytes.h"

namespace weir::protocol {

struct Records {
  bool is_null = true;
  // Into the frame that was decoded; lives as long as that frame's owner. Encoding copies it.
  MutableByteView view{};
  // Only for encoding, behind `view`: goes into the message's chain untouched.
  ByteChain chain{};

  // Present with no batch: what Fetch answers where there is nothing (never null).
  static Records none() { return {.is_null = false, .view = {}, .chain = {}}; }
  static Records of(MutableByteView bytes) { return {.is_null = false, .view = bytes, .chain = {}}; }
  static Records of(ByteChain pieces) { return {.is_null = false, .view = {}, .chain = std::move(pieces)}; }

  [[nodiscard]] std::uint64_t size_bytes() const { return view.size() + chain.size_bytes(); }

  // Equal bytes in memory, the same file ranges at the same places.
  friend bool operator==(const Records& a, const Records& b);
};

}  // namespace weir::protocol
