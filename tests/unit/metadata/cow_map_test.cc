#include "metadata/cow_map.h"
#include "support/seed.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>

namespace weir::metadata {
namespace {

using Map = CowMap<std::string, int, std::string_view>;

std::shared_ptr<const int> value(int n) {
  return std::make_shared<const int>(n);
}

std::map<std::string, int> content(const Map& map) {
  std::map<std::string, int> all;
  map.for_each([&](const std::string& key, const auto& held) { all.emplace(key, *held); });
  return all;
}

TEST(CowMap, ACopyDoesNotSeeLaterChanges) {
  Map first;
  first.put("a", value(1));
  first.put("b", value(2));
  Map second = first;
  second.put("a", value(10));
  second.erase("b");
  second.put("c", value(3));
  EXPECT_EQ(content(first), (std::map<std::string, int>{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(content(second), (std::map<std::string, int>{{"a", 10}, {"c", 3}}));
  EXPECT_EQ(first.size(), 2u);
  EXPECT_EQ(second.size(), 2u);
  EXPECT_EQ(second.find("b"), nullptr);
}

TEST(CowMap, DifferencesNameBothSides) {
  Map before;
  for (int i = 0; i < 1000; ++i) before.put("k" + std::to_string(i), value(i));
  Map after = before;
  after.erase("k7");
  after.put("k8", value(-8));
  after.put("new", value(1));
  std::map<std::string, std::pair<int, int>> seen;
  Map::for_each_difference(before, after, [&](const std::string& key, const auto& old, const auto& now) {
    seen[key] = {old ? *old : -100, now ? *now : -100};
  });
  EXPECT_EQ(seen, (std::map<std::string, std::pair<int, int>>{{"k7", {7, -100}}, {"k8", {8, -8}}, {"new", {-100, 1}}}));
}

TEST(CowMap, EqualityLooksAtValues) {
  Map a;
  Map b;
  a.put("x", value(1));
  b.put("x", value(1));
  EXPECT_TRUE(a == b);
  b.put("x", value(2));
  EXPECT_FALSE(a == b);
  b.put("x", value(1));
  b.put("y", value(1));
  EXPECT_FALSE(a == b);
}

// Goal: the map is an ordinary map, whatever is done to it, and snapshots taken on the way keep what they had.
TEST(CowMap, AgreesWithAnOrdinaryMap) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  Map map;
  std::map<std::string, int> model;
  std::vector<std::pair<Map, std::map<std::string, int>>> snapshots;
  for (int step = 0; step < 3000; ++step) {
    const auto key = std::to_string(random() % 700);
    if (random() % 3 == 0) {
      map.erase(key);
      model.erase(key);
    } else {
      map.put(key, value(step));
      model[key] = step;
    }
    if (step % 500 == 0) snapshots.emplace_back(map, model);
    ASSERT_EQ(map.size(), model.size());
    const auto found = map.find(key);
    ASSERT_EQ(found != nullptr, model.contains(key));
  }
  snapshots.emplace_back(map, model);
  for (const auto& [copy, expected] : snapshots) EXPECT_EQ(content(copy), expected);
}

}  // namespace
}  // namespace weir::metadata
