// Kafka's variable-length integers: 7-bit groups, least significant first; signed ones are zigzag coded.
// Decoders never read past `bytes` and refuse encodings longer than 5 (32 bit) or 10 (64 bit) bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace weir {

template <class T>
struct VarintResult {
  T value;
  std::size_t size_bytes;
};

// nullopt: the bytes end inside the number, or it is overlong.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<VarintResult<T>> decode_uvarint(ByteView bytes) {
  constexpr std::size_t kMaxBytes = sizeof(T) == 4 ? 5 : 10;
  T value = 0;
  for (std::size_t i = 0; i < kMaxBytes && i < bytes.size(); ++i) {
    value |= static_cast<T>(static_cast<T>(bytes[i] & 0x7f) << (7 * i));
    if ((bytes[i] & 0x80) == 0) return VarintResult<T>{value, i + 1};
  }
  return std::nullopt;
}

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t n) {
  return static_cast<std::int64_t>((n >> 1) ^ (~(n & 1) + 1));
}

// A record's `varint`: zigzag, at most 32 bits.
[[nodiscard]] constexpr std::optional<VarintResult<std::int32_t>> decode_varint(ByteView bytes) {
  const auto raw = decode_uvarint<std::uint32_t>(bytes);
  if (!raw) return std::nullopt;
  return VarintResult<std::int32_t>{static_cast<std::int32_t>((raw->value >> 1) ^ (~(raw->value & 1) + 1)),
                                    raw->size_bytes};
}

// A record's `varlong`: zigzag, 64 bits.
[[nodiscard]] constexpr std::optional<VarintResult<std::int64_t>> decode_varlong(ByteView bytes) {
  const auto raw = decode_uvarint<std::uint64_t>(bytes);
  if (!raw) return std::nullopt;
  return VarintResult<std::int64_t>{unzigzag(raw->value), raw->size_bytes};
}

[[nodiscard]] constexpr std::size_t uvarint_size_bytes(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// `to` has room for uvarint_size_bytes(value). Returns the bytes written.
constexpr std::size_t encode_uvarint(std::uint8_t* to, std::uint64_t value) {
  std::size_t size = 0;
  while (value >= 0x80) {
    to[size++] = static_cast<std::uint8_t>(value | 0x80);
    value >>= 7;
  }
  to[size++] = static_cast<std::uint8_t>(value);
  return size;
}

// A 32-bit zigzag number widens to the same code as its 64-bit form, so one encoder serves both.
constexpr std::size_t encode_varlong(std::uint8_t* to, std::int64_t value) {
  return encode_uvarint(to, zigzag(value));
}

}  // namespace weir
