#include "storage/checkpoint_copy.h"

#include <gtest/gtest.h>

namespace weir::storage {
namespace {

constexpr CheckpointTexts kTexts = {"0\n2\nt 0 100\nt 1 101\n", "0\n1\nt 1 7\n", "0\n2\nt 0 200\nt 1 201\n"};

TEST(CheckpointCopy, RoundTrips) {
  EXPECT_EQ(parse_checkpoint_copy(format_checkpoint_copy(kTexts), "copy"), kTexts);
  EXPECT_EQ(parse_checkpoint_copy(format_checkpoint_copy({}), "copy"), CheckpointTexts{});
}

TEST(CheckpointCopy, IsReadable) {
  EXPECT_EQ(format_checkpoint_copy({"a", "bc", ""}), "1 1 2 0 364b3fb7\nabc");  // CRC-32C of "abc"
}

TEST(CheckpointCopy, AnyOtherByteIsNoticed) {
  const auto whole = format_checkpoint_copy(kTexts);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    EXPECT_FALSE(parse_checkpoint_copy(whole.substr(0, at), "copy").has_value()) << "cut at " << at;
    for (int other = 0; other < 256; ++other) {
      auto garbled = whole;
      garbled[at] = static_cast<char>(other);
      if (garbled == whole) continue;
      const auto parsed = parse_checkpoint_copy(garbled, "/data/copy");
      ASSERT_FALSE(parsed.has_value()) << "byte " << at << " is " << other;
      EXPECT_EQ(parsed.error().code, Errc::kCorrupt);
      EXPECT_TRUE(parsed.error().context.starts_with("/data/copy: "));
    }
  }
  EXPECT_FALSE(parse_checkpoint_copy(whole + "0", "copy").has_value());
}

TEST(CheckpointCopy, NothingAndNonsenseAreNoticed) {
  for (const auto* text : {"", "\n", "1", "1 ", "1 0 0 0 \n", "1 99999999999999999999 0 0 00000000\n",
                           "1 18446744073709551615 1 0 00000000\n", "1 -1 0 0 00000000\n"}) {
    EXPECT_FALSE(parse_checkpoint_copy(text, "copy").has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::storage
