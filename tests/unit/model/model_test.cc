#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "model/codec.h"
#include "model/error_code.h"
#include "model/ids.h"
#include "model/topic_name.h"
#include "model/uuid.h"

namespace weir {
namespace {

TEST(Uuid, ReadsAndWritesKafkasTextForm) {
  EXPECT_EQ(Uuid{}.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(kMetadataTopicId.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
  Uuid id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(0xff - 7 * i);
  const auto text = id.to_string();
  EXPECT_EQ(text.size(), 22u);
  EXPECT_EQ(Uuid::parse(text), id);
}

TEST(Uuid, UsesTheUrlSafeAlphabet) {
  Uuid id;
  id.bytes.fill(0xff);
  EXPECT_EQ(id.to_string(), "_____________________w");
  EXPECT_EQ(Uuid::parse("_____________________w"), id);
}

TEST(Uuid, RefusesWhatIsNotAnId) {
  for (const char* bad : {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAA+AAAAAAAAAAA",
                          "AAAAAAAAAAAAAAAAAAAAA/"}) {
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  }
}

TEST(Uuid, OfChanceIsVersionFourAndNoOption) {
  SeededRandom random(1);
  std::unordered_set<Uuid> seen;
  for (int i = 0; i < 2000; ++i) {
    const auto id = Uuid::random(random);
    EXPECT_EQ(id.bytes[6] >> 4, 4);
    EXPECT_EQ(id.bytes[8] >> 6, 2);
    EXPECT_NE(id.to_string().front(), '-');
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(TopicName, FollowsKafkasRules) {
  for (const char* good : {"a", "A.b_c-9", "...", "__consumer_offsets"}) EXPECT_FALSE(topic_name_problem(good)) << good;
  EXPECT_FALSE(topic_name_problem(std::string(249, 'x')));
  for (const char* bad : {"", ".", "..", "a b", "a/b", "\xc3\xa9", "a\n"}) EXPECT_TRUE(topic_name_problem(bad)) << bad;
  EXPECT_TRUE(topic_name_problem(std::string(250, 'x')));
  EXPECT_TRUE(topic_name_problem(std::string_view("a\0b", 3)));
}

TEST(TopicName, CollidesOnlyByDotsAndUnderscores) {
  EXPECT_TRUE(topic_names_collide("a.b", "a_b"));
  EXPECT_TRUE(topic_names_collide("a.b", "a.b"));
  EXPECT_FALSE(topic_names_collide("a-b", "a_b"));
  EXPECT_FALSE(topic_names_collide("a.b", "a.bc"));
}

TEST(TopicName, KnowsTheInternalTopics) {
  EXPECT_TRUE(is_internal_topic("__consumer_offsets"));
  EXPECT_TRUE(is_internal_topic("__transaction_state"));
  EXPECT_TRUE(is_internal_topic("__share_group_state"));
  EXPECT_FALSE(is_internal_topic("__mine"));
  EXPECT_FALSE(is_internal_topic(kMetadataTopic));
}

TEST(Ids, HashAndCompareByValue) {
  const TopicPartition one{"t", PartitionIndex{1}};
  EXPECT_EQ(one, (TopicPartition{"t", PartitionIndex{1}}));
  EXPECT_LT(one, (TopicPartition{"t", PartitionIndex{2}}));
  EXPECT_EQ(std::unordered_set<TopicPartition>{one}.count(TopicPartition{"t", PartitionIndex{1}}), 1u);
}

TEST(ErrorCode, KeepsKafkasNumbers) {
  EXPECT_EQ(static_cast<std::int16_t>(ErrorCode::kUnknownServerError), -1);
  EXPECT_EQ(static_cast<std::int16_t>(ErrorCode::kOutOfOrderSequenceNumber), 45);
  EXPECT_EQ(to_string(ErrorCode::kOutOfOrderSequenceNumber), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  EXPECT_EQ(to_string(Codec::kZstd), "zstd");
}

}  // namespace
}  // namespace weir
