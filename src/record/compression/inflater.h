// Streamed decompression of a batch's records, one implementation a codec, with a bound on the output. An Inflater
// belongs to the task that made it and must not outlive the bytes it reads.
//
// Always: no more than `max_inflated_bytes` ever come out; the work is bounded by input plus output; every byte of the
// input was consumed when the end is reported (clients disagree on what follows the compressed data, so nothing may).
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "model/codec.h"

namespace weir::record {

class Inflater {
 public:
  explicit Inflater(std::uint64_t max_inflated_bytes) : left_bytes_(max_inflated_bytes) {}
  virtual ~Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Writes at least one byte and at most out.size() (> 0) to `out` and returns how many; 0: the data has ended as its
  // format demands. kCorrupt: it does not decode. kTooLarge: it would exceed the bound. Not to be called after an
  // error.
  [[nodiscard]] Result<std::size_t> read(MutableByteView out);

 private:
  // As read, without the bound.
  virtual Result<std::size_t> inflate(MutableByteView out) = 0;

  std::uint64_t left_bytes_;
};

// An inflater over `compressed`. kCorrupt: the data can't begin so. kTooLarge: it declares more than the bound.
// kUnsupported: Codec::kNone or no codec at all.
[[nodiscard]] Result<std::unique_ptr<Inflater>> make_inflater(Codec codec, ByteView compressed,
                                                              std::uint64_t max_inflated_bytes);

}  // namespace weir::record
