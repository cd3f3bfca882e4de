#include "config/suggest.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", "abd"), 1u);
  EXPECT_EQ(edit_distance("abc", "acb"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggest, TakesTheNearestOrNone) {
  constexpr std::string_view kKnown[] = {"serve", "version", "config"};
  EXPECT_EQ(nearest("serv", kKnown), "serve");
  EXPECT_EQ(nearest("verison", kKnown), "version");
  EXPECT_EQ(nearest("produce", kKnown), std::nullopt);
  EXPECT_EQ(nearest("", kKnown), std::nullopt);
  EXPECT_EQ(nearest(std::string(100000, 'x'), kKnown), std::nullopt);
}

}  // namespace
}  // namespace weir::config
