#include "base/bytes.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/buffer_pool.h"
#include "base/byte_chain.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "base/varint.h"

namespace weir {
namespace {

TEST(ByteOrder, IsBigEndian) {
  const std::uint8_t bytes[] = {0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xff};
  EXPECT_EQ(load_be<std::int8_t>(bytes), -128);
  EXPECT_EQ(load_be<std::int16_t>(bytes), static_cast<std::int16_t>(0x8001));
  EXPECT_EQ(load_be<std::uint32_t>(bytes), 0x80010203u);
  EXPECT_EQ(load_be<std::uint64_t>(bytes), 0x80010203040506ffull);
  std::uint8_t stored[8];
  store_be(stored, std::int64_t{-2});
  EXPECT_EQ(load_be<std::int64_t>(stored), -2);
  EXPECT_EQ(stored[7], 0xfe);
}

TEST(Crc32c, MatchesTheKnownVector) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, GoesOnFromAPart) {
  const std::string_view text = "the checksum of the whole is the checksum of its parts in a row";
  for (std::size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(crc32c(as_bytes(text.substr(split)), crc32c(as_bytes(text.substr(0, split)))), crc32c(as_bytes(text)));
  }
}

TEST(Varint, CodesWhatTheProtocolDocumentsSay) {
  struct Case {
    std::int64_t value;
    Bytes bytes;
  };
  const Case cases[] = {{0, {0x00}},         {-1, {0x01}},         {1, {0x02}},
                        {63, {0x7e}},        {-64, {0x7f}},        {64, {0x80, 0x01}},
                        {-65, {0x81, 0x01}}, {8191, {0xfe, 0x7f}}, {INT32_MIN, {0xff, 0xff, 0xff, 0xff, 0x0f}}};
  for (const auto& one : cases) {
    std::uint8_t coded[10];
    const auto size = encode_varlong(coded, one.value);
    EXPECT_EQ(Bytes(coded, coded + size), one.bytes) << one.value;
    const auto narrow = decode_varint(one.bytes);
    ASSERT_TRUE(narrow);
    EXPECT_EQ(narrow->value, one.value);
    EXPECT_EQ(narrow->size_bytes, one.bytes.size());
    const auto wide = decode_varlong(one.bytes);
    ASSERT_TRUE(wide);
    EXPECT_EQ(wide->value, one.value);
  }
}

TEST(Varint, ComesBackForTheExtremes) {
  for (const std::int64_t value : {INT64_MIN, INT64_MIN + 1, std::int64_t{-1}, INT64_MAX - 1, INT64_MAX}) {
    std::uint8_t coded[10];
    const auto size = encode_varlong(coded, value);
    EXPECT_EQ(size, uvarint_size_bytes(zigzag(value)));
    EXPECT_EQ(decode_varlong(ByteView(coded, size))->value, value);
  }
}

TEST(Varint, RefusesCutAndOverlongNumbers) {
  EXPECT_FALSE(decode_varint({}));
  EXPECT_FALSE(decode_varint(Bytes{0x80}));
  EXPECT_FALSE(decode_varint(Bytes(6, 0x80)));
  EXPECT_FALSE(decode_varint(Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}));
  EXPECT_FALSE(decode_varlong(Bytes(9, 0xff)));
  EXPECT_FALSE(decode_varlong(Bytes(11, 0x80)));
  EXPECT_TRUE(decode_varlong(Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}));
}

TEST(SeededRandom, RepeatsBySeed) {
  SeededRandom first(7);
  SeededRandom same(7);
  SeededRandom other(8);
  const auto value = first.next_u64();
  EXPECT_EQ(value, same.next_u64());
  EXPECT_NE(value, other.next_u64());
  EXPECT_NE(value, first.next_u64());
}

TEST(SystemRandom, FillsEveryByte) {
  SystemRandom random;
  Bytes ever(300, 0);
  for (int round = 0; round < 8; ++round) {
    Bytes bytes(ever.size());
    random.fill(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) ever[i] |= bytes[i];
  }
  for (std::size_t i = 0; i < ever.size(); ++i) EXPECT_NE(ever[i], 0) << i;
}

TEST(ByteChain, CountsMemoryAndFilesAndDropsEmptyPieces) {
  ByteChain chain;
  chain.append(Bytes{});
  chain.append(SharedSlice{});
  chain.append(FileRange{});
  EXPECT_TRUE(chain.empty());
  EXPECT_TRUE(chain.pieces().empty());
  chain.append(Bytes{1, 2, 3});
  FileRange range;
  range.size = 40;
  chain.append(std::move(range));
  ByteChain outer;
  outer.append(Bytes{0});
  outer.append(std::move(chain));
  EXPECT_EQ(outer.size_bytes(), 44u);
  EXPECT_EQ(outer.pieces().size(), 3u);
}

TEST(BufferPool, RoundsUpAndReusesWhatComesBack) {
  BufferPool pool(64 * kKiB);
  auto first = pool.take(1);
  EXPECT_EQ(first.bytes.size(), BufferPool::kSmallestBytes);
  auto second = pool.take(16 * kKiB + 1);
  EXPECT_EQ(second.bytes.size(), 32 * kKiB);
  EXPECT_EQ(pool.taken_bytes(), 48 * kKiB);
  const auto* memory = first.bytes.data();
  first = {};
  EXPECT_EQ(pool.taken_bytes(), 32 * kKiB);
  EXPECT_EQ(pool.take(100).bytes.data(), memory);
}

TEST(BufferPool, KeepsABufferOutWhileAnyViewOfItLives) {
  BufferPool pool(kMiB);
  auto buffer = pool.take(100);
  const auto* memory = buffer.bytes.data();
  auto view = buffer.owner;
  buffer = {};
  const auto other = pool.take(100);
  EXPECT_NE(other.bytes.data(), memory);
  view.reset();
  EXPECT_EQ(pool.take(100).bytes.data(), memory);
}

TEST(BufferPool, GivesLargeBuffersExactlyAndDoesNotKeepThem) {
  BufferPool pool(64 * kMiB);
  const auto large = pool.take(3'000'001);
  EXPECT_EQ(large.bytes.size(), 3'000'001u);
  EXPECT_EQ(pool.taken_bytes(), 3'000'001u);
}

TEST(BufferPool, MayDieBeforeItsBuffers) {
  Buffer buffer;
  {
    BufferPool pool;
    buffer = pool.take(100);
  }
  buffer.bytes[0] = 1;
}

}  // namespace
}  // namespace weir
