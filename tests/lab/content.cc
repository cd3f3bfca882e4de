#include "lab/content.h"

#include <string>

#include "base/crc32c.h"

namespace weir::lab {

Bytes filler(std::uint64_t value_id, std::size_t size_bytes) {
  constexpr std::size_t kStep = 16;
  auto chance = value_id * 0x9e3779b97f4a7c15 + 1;
  Bytes bytes(size_bytes, static_cast<std::uint8_t>(value_id));
  for (std::size_t at = 0; at + sizeof chance <= size_bytes; at += kStep) {
    chance = chance * 6364136223846793005 + 1442695040888963407;
    store_be(bytes.data() + at, chance ^ (chance >> 29));
  }
  return bytes;
}

std::array<std::uint8_t, kKeyBytes> key_of(std::uint64_t value_id, ByteView value) {
  std::array<std::uint8_t, kKeyBytes> key;
  store_be(key.data(), value_id);
  store_be(key.data() + sizeof value_id, crc32c(value, crc32c({key.data(), sizeof value_id})));
  return key;
}

Result<std::uint64_t> value_id_of(ByteView key, ByteView value) {
  if (key.size() != kKeyBytes) return fail(Errc::kCorrupt, "a key of " + std::to_string(key.size()) + " bytes");
  const auto id = load_be<std::uint64_t>(key.data());
  if (load_be<std::uint32_t>(key.data() + sizeof id) != crc32c(value, crc32c(key.first(sizeof id)))) {
    return fail(Errc::kCorrupt, "changed content of value " + std::to_string(id));
  }
  return id;
}

std::size_t size_by_chance(std::uint64_t chance) {
  constexpr std::uint64_t kLargeMax = kMiB - kKiB;  // key, record and batch framing stay below 1 MiB with it
  const auto share = chance % 1000;
  const auto rest = chance / 1000;
  if (share < 100) return 0;
  if (share < 900) return 1 + rest % 500;
  if (share < 998) return 500 + rest % (16 * kKiB);
  return 16 * kKiB + rest % (kLargeMax - 16 * kKiB);
}

}  // namespace weir::lab
