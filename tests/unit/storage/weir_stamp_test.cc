#include "storage/weir_stamp.h"

#include <gtest/gtest.h>

namespace weir::storage {
namespace {

TEST(WeirStamp, RoundTrips) {
  const EpochSpan span{LeaderEpoch(5), LeaderEpoch(2147483647)};
  EXPECT_EQ(parse_stamp(format_stamp(span)), span);
  EXPECT_TRUE(span.contains(LeaderEpoch(5)));
  EXPECT_TRUE(span.contains(LeaderEpoch(6)));
  EXPECT_FALSE(span.contains(LeaderEpoch(4)));
}

// Goal: damage makes it no stamp. Method: cut at each byte, each byte replaced by every other.
TEST(WeirStamp, DamagedIsNone) {
  const auto text = format_stamp({LeaderEpoch(5), LeaderEpoch(17)});
  for (std::size_t at = 0; at < text.size(); ++at) {
    EXPECT_EQ(parse_stamp(text.substr(0, at)), std::nullopt);
    for (int byte = 0; byte < 256; ++byte) {
      auto changed = text;
      changed[at] = static_cast<char>(byte);
      if (changed != text) EXPECT_EQ(parse_stamp(changed), std::nullopt) << changed;
    }
  }
  EXPECT_EQ(parse_stamp(text + " "), std::nullopt);
}

}  // namespace
}  // namespace weir::storage
