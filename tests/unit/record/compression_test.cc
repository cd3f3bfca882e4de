// Goal: every codec gives back what it was given, takes each framing found in the wild, and refuses everything else
// within bounded memory.
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

#include <fstream>
#include <random>

#include "record/compression/deflater.h"
#include "record/compression/inflate_window.h"
#include "record/compression/inflater.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#endif
#endif

namespace weir::record {
namespace {

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

// Reads to the end in pieces of `step`.
Result<Bytes> inflate_all(Codec codec, ByteView compressed, std::uint64_t max_bytes = kNoLimit,
                          std::size_t step = 7000) {
  WEIR_TRY_ASSIGN(inflater, make_inflater(codec, compressed, max_bytes));
  Bytes plain;
  while (true) {
    const auto size = plain.size();
    plain.resize(size + step);
    WEIR_TRY_ASSIGN(count, inflater->read(MutableByteView(plain).subspan(size)));
    plain.resize(size + count);
    if (count == 0) return plain;
  }
}

Bytes deflated(Codec codec, ByteView plain) {
  Bytes out;
  EXPECT_TRUE(deflate(codec, default_level(codec), plain, kNoLimit, out));
  return out;
}

// Compressible, but not trivially.
Bytes some_text(std::size_t size_bytes, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  Bytes text(size_bytes);
  for (auto& byte : text) byte = static_cast<std::uint8_t>('a' + random() % 5);
  return text;
}

Bytes joined(Bytes first, ByteView second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Errc error_of(const Result<Bytes>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Errc::kNotFound : result.error().code;
}

class Compression : public testing::TestWithParam<Codec> {};
INSTANTIATE_TEST_SUITE_P(Codecs, Compression, testing::Values(Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(Compression, GivesBackWhatItWasGiven) {
  for (const std::size_t size : {0, 1, 100, 32 * 1024, 64 * 1024, 64 * 1024 + 1, 1'000'000}) {
    const Bytes plain = some_text(size);
    const Bytes compressed = deflated(GetParam(), plain);
    for (const std::size_t step : {std::size_t{1000}, std::size_t{96 * 1024}, size + 1}) {
      const auto inflated = inflate_all(GetParam(), compressed, kNoLimit, step);
      ASSERT_TRUE(inflated.has_value()) << size << ": " << to_string(inflated.error());
      EXPECT_TRUE(*inflated == plain) << size << " bytes in steps of " << step;
    }
  }
}

TEST_P(Compression, GivesBackNoise) {
  std::mt19937 random(3);
  Bytes plain(300'000);
  for (auto& byte : plain) byte = static_cast<std::uint8_t>(random());
  const auto inflated = inflate_all(GetParam(), deflated(GetParam(), plain), kNoLimit, 5);
  ASSERT_TRUE(inflated.has_value()) << to_string(inflated.error());
  EXPECT_TRUE(*inflated == plain);
}

TEST_P(Compression, ReadsByteByByte) {
  const Bytes plain = some_text(3000);
  EXPECT_TRUE(inflate_all(GetParam(), deflated(GetParam(), plain), kNoLimit, 1).value() == plain);
}

TEST_P(Compression, OutputStopsAtTheLimit) {
  const Bytes plain = some_text(200'000);
  const Bytes compressed = deflated(GetParam(), plain);
  EXPECT_TRUE(inflate_all(GetParam(), compressed, plain.size()).has_value());
  EXPECT_EQ(error_of(inflate_all(GetParam(), compressed, plain.size() - 1)), Errc::kTooLarge);
  EXPECT_EQ(error_of(inflate_all(GetParam(), compressed, 0)), Errc::kTooLarge);
}

TEST_P(Compression, InputStopsAtTheLimit) {
  const Bytes plain = some_text(200'000);
  const auto size = deflated(GetParam(), plain).size();
  for (const std::uint64_t max_bytes : {std::uint64_t{0}, std::uint64_t{10}, std::uint64_t{size - 1}}) {
    Bytes out{1, 2, 3};
    const auto outcome = deflate(GetParam(), default_level(GetParam()), plain, max_bytes, out);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Errc::kTooLarge);
  }
  Bytes out{1, 2, 3};
  ASSERT_TRUE(deflate(GetParam(), default_level(GetParam()), plain, size + 64, out));
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 3), (Bytes{1, 2, 3}));
  EXPECT_EQ(out.size(), size + 3);
}

TEST_P(Compression, CutAnywhereIsNotTheWhole) {
  const Bytes plain = some_text(100'000);
  const Bytes compressed = deflated(GetParam(), plain);
  const std::size_t stride = compressed.size() / 400 + 1;
  for (std::size_t size = 0; size < compressed.size();
       size += size < 64 || size + 64 > compressed.size() ? 1 : stride) {
    const auto inflated = inflate_all(GetParam(), ByteView(compressed).first(size), kNoLimit, 50'000);
    // Xerial snappy has no end mark, so a cut between two blocks shows only in the records.
    if (inflated && GetParam() == Codec::kSnappy) {
      EXPECT_LT(inflated->size(), plain.size()) << size;
      continue;
    }
    EXPECT_EQ(error_of(inflated), Errc::kCorrupt) << size;
  }
}

TEST_P(Compression, NothingMayFollow) {
  const Bytes compressed = deflated(GetParam(), some_text(1000));
  for (const Bytes& rest : {Bytes{0}, Bytes{1, 2, 3}, Bytes(40, 0)}) {
    EXPECT_EQ(error_of(inflate_all(GetParam(), joined(compressed, rest))), Errc::kCorrupt) << rest.size();
  }
}

TEST_P(Compression, FlippedBitsNeverCrash) {
  const Bytes plain = some_text(2000);
  const Bytes compressed = deflated(GetParam(), plain);
  for (std::size_t bit = 0; bit < compressed.size() * 8; bit += bit < 200 ? 1 : 7) {
    Bytes broken = compressed;
    broken[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    const auto inflated = inflate_all(GetParam(), broken, 10'000);
    if (inflated) {
      EXPECT_LE(inflated->size(), 10'000u);
    }
  }
}

TEST_P(Compression, WorksInsideItself) {
  const Bytes first = deflated(GetParam(), some_text(200'000, 1));
  const Bytes second = deflated(GetParam(), some_text(200'000, 2));
  auto outer = make_inflater(GetParam(), first, kNoLimit);
  ASSERT_TRUE(outer.has_value());
  Bytes piece(1000);
  Bytes whole;
  while (true) {
    const auto count = (*outer)->read(piece);
    ASSERT_TRUE(count.has_value());
    if (*count == 0) break;
    whole.insert(whole.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
    if (whole.size() % 50'000 < 1000) {
      ASSERT_TRUE(inflate_all(GetParam(), second).has_value());
    }
  }
  EXPECT_TRUE(whole == some_text(200'000, 1));
}

TEST(CompressionIds, OthersAreUnsupported) {
  Bytes out;
  for (const int id : {0, 5, 6, 7}) {
    EXPECT_EQ(make_inflater(static_cast<Codec>(id), Bytes{1, 2, 3}, 10).error().code, Errc::kUnsupported) << id;
    EXPECT_EQ(deflate(static_cast<Codec>(id), 0, Bytes{1}, 10, out).error().code, Errc::kUnsupported) << id;
  }
}

// ---- framings

TEST(Gzip, MembersFollowEachOther) {
  const Bytes first = some_text(70'000, 1);
  const Bytes second = some_text(50'000, 2);
  const Bytes empty = deflated(Codec::kGzip, {});
  const Bytes compressed =
      joined(joined(joined(deflated(Codec::kGzip, first), empty), deflated(Codec::kGzip, second)), empty);
  EXPECT_TRUE(inflate_all(Codec::kGzip, compressed).value() == joined(first, second));
}

TEST(Gzip, ChecksumAndLengthAreProved) {
  const Bytes compressed = deflated(Codec::kGzip, some_text(1000));
  for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
    Bytes broken = compressed;
    broken[broken.size() - from_end] ^= 1;
    EXPECT_EQ(error_of(inflate_all(Codec::kGzip, broken)), Errc::kCorrupt) << from_end;
  }
}

Bytes raw_snappy(const Bytes& plain) {
  std::string out;
  snappy::Compress(reinterpret_cast<const char*>(plain.data()), plain.size(), &out);
  const ByteView bytes = as_bytes(out);
  return {bytes.begin(), bytes.end()};
}

TEST(Snappy, RawBlobIsOneBlock) {
  const Bytes plain = some_text(200'000);
  EXPECT_TRUE(inflate_all(Codec::kSnappy, raw_snappy(plain)).value() == plain);
}

TEST(Snappy, WritesXerialBlocksOf32KiB) {
  const Bytes compressed = deflated(Codec::kSnappy, some_text(40'000));
  const Bytes header = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_EQ(Bytes(compressed.begin(), compressed.begin() + 16), header);
  const auto first_block = load_be<std::uint32_t>(compressed.data() + 16);
  std::size_t size = 0;
  ASSERT_TRUE(snappy::GetUncompressedLength(reinterpret_cast<const char*>(compressed.data() + 20), first_block, &size));
  EXPECT_EQ(size, 32u * 1024);
}

TEST(Snappy, DeclaredSizeIsRefusedBeforeItIsAllocated) {
  // 4 GiB - 1 in five bytes, then nothing that could make it.
  const Bytes declares_4_gib = {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 'a'};
  EXPECT_EQ(error_of(inflate_all(Codec::kSnappy, declares_4_gib)), Errc::kCorrupt);
  // 23 times the input is out of reach for snappy, 22 times is not refused by its size.
  EXPECT_EQ(make_inflater(Codec::kSnappy, Bytes{46, 0}, kNoLimit).error().context,
            "a snappy block of 2 bytes declares 46");
  EXPECT_EQ(make_inflater(Codec::kSnappy, Bytes{44, 0}, kNoLimit).error().context, "a snappy block is bad");
}

TEST(Snappy, XerialOfVersionZeroAndCutBlocksAreRefused) {
  Bytes compressed = deflated(Codec::kSnappy, some_text(1000));
  EXPECT_EQ(error_of(inflate_all(Codec::kSnappy, joined(compressed, Bytes{0, 0, 0, 0}))), Errc::kCorrupt);
  EXPECT_EQ(error_of(inflate_all(Codec::kSnappy, joined(compressed, Bytes{0xff, 0xff, 0xff, 0xff}))), Errc::kCorrupt);
  compressed[11] = 0;
  EXPECT_EQ(error_of(inflate_all(Codec::kSnappy, compressed)), Errc::kCorrupt);
}

Bytes lz4_frame(const Bytes& plain, const LZ4F_preferences_t& preferences) {
  Bytes out(LZ4F_compressFrameBound(plain.size(), &preferences));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), &preferences));
  return out;
}

TEST(Lz4, TakesChecksumsContentSizeAndLargeBlocks) {
  const Bytes plain = some_text(5'000'000);
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.contentSize = plain.size();
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  for (const auto block : {LZ4F_max64KB, LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB}) {
    preferences.frameInfo.blockSizeID = block;
    EXPECT_TRUE(inflate_all(Codec::kLz4, lz4_frame(plain, preferences)).value() == plain) << block;
  }
  Bytes broken = lz4_frame(plain, preferences);
  broken.back() ^= 1;
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, broken)), Errc::kCorrupt);
}

TEST(Lz4, RefusesWhatJavaCantRead) {
  const Bytes plain = some_text(200'000);
  LZ4F_preferences_t linked{};
  linked.frameInfo.blockMode = LZ4F_blockLinked;
  linked.frameInfo.blockSizeID = LZ4F_max64KB;
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, lz4_frame(plain, linked))), Errc::kCorrupt);

  LZ4F_preferences_t dictionary{};
  dictionary.frameInfo.blockMode = LZ4F_blockIndependent;
  dictionary.frameInfo.dictID = 5;
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, lz4_frame(plain, dictionary))), Errc::kCorrupt);

  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, joined(skippable, deflated(Codec::kLz4, plain)))), Errc::kCorrupt);

  const Bytes good = deflated(Codec::kLz4, plain);
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, joined(good, good))), Errc::kCorrupt);
  Bytes bad_header = good;
  bad_header[6] ^= 1;  // the header's checksum
  EXPECT_EQ(error_of(inflate_all(Codec::kLz4, bad_header)), Errc::kCorrupt);
}

// As a client at `window_log` streams: without the content's size.
Bytes zstd_stream(const Bytes& plain, int window_log) {
  Bytes out(ZSTD_compressBound(plain.size()) + 1000);
  auto* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1);
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ZSTD_inBuffer first{plain.data(), plain.size() / 2, 0};
  while (first.pos < first.size) ZSTD_compressStream2(context, &output, &first, ZSTD_e_continue);
  ZSTD_inBuffer second{plain.data() + first.size, plain.size() - first.size, 0};
  while (ZSTD_compressStream2(context, &output, &second, ZSTD_e_end) != 0) {
  }
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  EXPECT_EQ(ZSTD_getFrameContentSize(out.data(), out.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  return out;
}

TEST(Zstd, NeedsNoContentSize) {
  const Bytes plain = some_text(3'000'000);
  EXPECT_TRUE(inflate_all(Codec::kZstd, zstd_stream(plain, 21)).value() == plain);
}

TEST(Zstd, FramesFollowEachOther) {
  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9};
  const Bytes compressed = joined(joined(deflated(Codec::kZstd, Bytes{1, 2}), skippable), zstd_stream(Bytes{3, 4}, 10));
  EXPECT_EQ(inflate_all(Codec::kZstd, compressed).value(), (Bytes{1, 2, 3, 4}));
}

TEST(Zstd, TakesTheWindowOfLevel22AndNoWider) {
  const Bytes plain = some_text(100'000);
  EXPECT_TRUE(inflate_all(Codec::kZstd, zstd_stream(plain, 27)).value() == plain);
  EXPECT_EQ(error_of(inflate_all(Codec::kZstd, zstd_stream(plain, 28))), Errc::kCorrupt);
}

// ---- nothing earlier shows through

// liblz4 1.9.4 keeps what is left of a declared content size over a reset; gzip and zstd have as much to forget.
TEST_P(Compression, AnAbandonedBatchDoesNotSpoilTheNext) {
  const Bytes plain = some_text(300'000);
  Bytes compressed = deflated(GetParam(), plain);
  if (GetParam() == Codec::kLz4) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.frameInfo.contentSize = plain.size();
    compressed = lz4_frame(plain, preferences);
  }
  Bytes broken = compressed;
  broken[broken.size() / 2] ^= 0xff;
  for (const std::size_t read_bytes : {1, 1000, 100'000, 299'999}) {
    for (const ByteView first : {ByteView(compressed), ByteView(broken), ByteView(compressed).first(1000)}) {
      auto abandoned = make_inflater(GetParam(), first, kNoLimit);
      ASSERT_TRUE(abandoned.has_value());
      Bytes piece(read_bytes);
      (void)(*abandoned)->read(piece);
      abandoned->reset();
      const auto inflated = inflate_all(GetParam(), deflated(GetParam(), plain));
      ASSERT_TRUE(inflated.has_value()) << read_bytes << ": " << to_string(inflated.error());
      EXPECT_TRUE(*inflated == plain);
    }
  }
}

// Deflate's bit order: fields from the lowest bit up, Huffman codes from their highest bit down.
class BitWriter {
 public:
  void field(unsigned value, int bits) {
    for (int i = 0; i < bits; ++i) bit((value >> i) & 1);
  }
  void code(unsigned value, int bits) {
    for (int i = bits - 1; i >= 0; --i) bit((value >> i) & 1);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  void bit(unsigned value) {
    if (used_ % 8 == 0) bytes_.push_back(0);
    bytes_.back() |= static_cast<std::uint8_t>(value << (used_++ % 8));
  }
  Bytes bytes_;
  int used_ = 0;
};

// Each codec's form of: the literal 'A', then three or more bytes from four bytes back, where nothing is.
Bytes reaching_back(Codec codec) {
  switch (codec) {
    case Codec::kGzip: {
      BitWriter bits;
      bits.field(1, 1);    // last block
      bits.field(1, 2);    // fixed codes
      bits.code(0x71, 8);  // 'A'
      bits.code(1, 7);     // length 3
      bits.code(3, 5);     // distance 4
      bits.code(0, 7);     // end
      return joined(joined(Bytes{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, bits.bytes()), Bytes(8, 0));
    }
    case Codec::kSnappy: return {5, 0x00, 'A', 0x01, 4};  // length 5; literal of 1; copy of 4, offset 4
    case Codec::kLz4: {
      Bytes frame = deflated(Codec::kLz4, Bytes{1});
      frame.resize(7);
      return joined(frame, Bytes{11, 0, 0, 0, 0x10, 'A', 4, 0, 0x50, 'b', 'c', 'd', 'e', 'f', 0, 0, 0, 0, 0});
    }
    default: {
      // Compressed against a prefix that the reader doesn't have.
      const Bytes prefix = some_text(5000);
      const Bytes plain(prefix.begin() + 100, prefix.begin() + 4900);
      Bytes out(ZSTD_compressBound(plain.size()));
      auto* const context = ZSTD_createCCtx();
      ZSTD_CCtx_refPrefix(context, prefix.data(), prefix.size());
      out.resize(ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
      ZSTD_freeCCtx(context);
      EXPECT_LT(out.size(), 100u);
      return out;
    }
  }
}

TEST_P(Compression, NeverReachesBackIntoEarlierData) {
  const Bytes secret = some_text(300'000);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(inflate_all(GetParam(), deflated(GetParam(), secret)).has_value());
    EXPECT_EQ(error_of(inflate_all(GetParam(), reaching_back(GetParam()), kNoLimit, 300'000)), Errc::kCorrupt);
  }
}

// ---- bombs

// Resets and reads the process's peak of resident memory.
void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}
std::uint64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "VmHWM:") continue;
    std::uint64_t kib = 0;
    status >> kib;
    return kib * kKiB;
  }
  return 0;
}

// By how much the peak has grown; 0 under a sanitizer, whose own memory comes and goes as it likes. The kernel's count
// is not exact: a later peak may read a little lower.
std::uint64_t growth_bytes(std::uint64_t before) {
#ifdef WEIR_SANITIZED
  const std::uint64_t peak = before;
#else
  const std::uint64_t peak = peak_bytes();
#endif
  return peak > before ? peak - before : 0;
}

TEST_P(Compression, HundredMebibytesOfZerosPassThroughAWindow) {
  const Bytes bomb = deflated(GetParam(), Bytes(100 * kMiB, 0));
  reset_peak();
  const std::uint64_t before = peak_bytes();
  for (const std::uint64_t max_bytes : {1 * kMiB, 99 * kMiB, 100 * kMiB}) {
    auto inflater = make_inflater(GetParam(), bomb, max_bytes);
    ASSERT_TRUE(inflater.has_value());
    InflateWindow window(*std::move(inflater));
    const auto skipped = window.skip(100 * kMiB);
    if (max_bytes == 100 * kMiB) {
      EXPECT_TRUE(skipped.value());
      EXPECT_FALSE(window.require(1).value());
    } else {
      ASSERT_FALSE(skipped.has_value());
      EXPECT_EQ(skipped.error().code, Errc::kTooLarge);
    }
  }
  EXPECT_LT(growth_bytes(before), 8 * kMiB);
}

TEST(Bombs, RawSnappyIsRefusedBeforeItIsInflated) {
  const Bytes bomb = raw_snappy(Bytes(100 * kMiB, 0));
  reset_peak();
  const std::uint64_t before = peak_bytes();
  EXPECT_EQ(error_of(inflate_all(Codec::kSnappy, bomb, 99 * kMiB)), Errc::kTooLarge);
  EXPECT_LT(growth_bytes(before), 1 * kMiB);
}

TEST(Bombs, WideZstdWindowCostsOnlyWhatComesOut) {
  const Bytes bomb = zstd_stream(Bytes(100 * kMiB, 0), 27);
  reset_peak();
  const std::uint64_t before = peak_bytes();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(error_of(inflate_all(Codec::kZstd, bomb, 4 * kMiB)), Errc::kTooLarge);
  }
  EXPECT_LT(growth_bytes(before), 24 * kMiB);
}

// ---- the window

TEST(InflateWindow, ViewsAreSideBySideWhateverTheStep) {
  const Bytes plain = some_text(1'000'000);
  const Bytes compressed = deflated(Codec::kLz4, plain);
  InflateWindow window(*make_inflater(Codec::kLz4, compressed, kNoLimit));
  std::mt19937 random(5);
  std::size_t at = 0;
  while (at < plain.size()) {
    const std::size_t want = std::min<std::size_t>(random() % 200'000, plain.size() - at);
    ASSERT_TRUE(window.require(want).value());
    ASSERT_GE(window.view().size(), want);
    ASSERT_TRUE(std::equal(window.view().begin(), window.view().begin() + static_cast<std::ptrdiff_t>(want),
                           plain.begin() + static_cast<std::ptrdiff_t>(at)));
    const std::size_t pass = random() % 3 == 0 ? std::min<std::size_t>(want + 70'000, plain.size() - at) : want / 2 + 1;
    ASSERT_TRUE(window.skip(pass).value());
    at += pass;
  }
  EXPECT_FALSE(window.require(1).value());
  EXPECT_FALSE(window.skip(1).value());
}

TEST(InflateWindow, WantingMoreThanThereIsCostsNothing) {
  const Bytes compressed = deflated(Codec::kZstd, Bytes(1000, 7));
  InflateWindow window(*make_inflater(Codec::kZstd, compressed, kNoLimit));
  EXPECT_FALSE(window.require(std::size_t{1} << 40).value());
  EXPECT_EQ(window.view().size(), 1000u);
}

}  // namespace
}  // namespace weir::record
