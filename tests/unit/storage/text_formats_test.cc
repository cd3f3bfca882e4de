#include "storage/text_formats.h"

#include <gtest/gtest.h>

#include <random>

#include "support/seed.h"

namespace weir::storage {
namespace {

std::string problem_of(const auto& parsed) {
  return parsed.has_value() ? "none" : parsed.error().context;
}

TEST(CheckpointText, TakesWhatKafkaWrites) {
  const auto parsed = parse_checkpoint("0\n2\ntopic-a 0 17\ntopic.b 12 0\n", "f");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->size(), 2U);
  EXPECT_EQ(parsed->at({"topic.b", PartitionIndex{12}}), Offset{0});
  EXPECT_TRUE(parse_checkpoint("0\n0\n", "f").has_value());
  EXPECT_TRUE(parse_checkpoint("0\r\n1\r\na 1 2\r\n", "f").has_value());
  EXPECT_TRUE(parse_checkpoint("0\n1\na 1 2", "f").has_value());
}

TEST(CheckpointText, NamesTheLineThatIsWrong) {
  EXPECT_EQ(problem_of(parse_checkpoint("", "f")), "f:1: the version is not 0");
  EXPECT_EQ(problem_of(parse_checkpoint("1\n0\n", "f")), "f:1: the version is not 0");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n", "f")), "f:2: no number of entries");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n-1\n", "f")), "f:2: no number of entries");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n3000000000\n", "f")), "f:2: no number of entries");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n2\na 0 1\n", "f")), "f:3: 2 entries promised, 1 found");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na 0 1\nb 0 1\n", "f")), "f:4: more than the 1 entries promised");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na 0\n", "f")), "f:3: not \"topic partition offset\"");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na 0 1 2\n", "f")), "f:3: not \"topic partition offset\"");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na/b 0 1\n", "f")), "f:3: no topic name");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na -1 1\n", "f")), "f:3: no partition number");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na 0 -1\n", "f")), "f:3: no offset");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n1\na 0 1x\n", "f")), "f:3: no offset");
  EXPECT_EQ(problem_of(parse_checkpoint("0\n2147483647\n", "f")), "f:2: 2147483647 entries promised, 0 found");
}

TEST(IdentityText, TakesWhatKafkaWrites) {
  const auto parsed = parse_identity(
      "#\n#Fri Nov 20 10:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=AAECAwQFBgcICQoLDA0ODw\n"
      "node.id=1\nversion=1\n",
      "f");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->cluster_id, "MkU3OEVBNTcwNTJENDM2Qg");
  EXPECT_EQ(parsed->node_id, NodeId{1});
  EXPECT_EQ(parsed->directory_id.to_string(), "AAECAwQFBgcICQoLDA0ODw");
}

TEST(IdentityText, TakesOlderFormsAndJavasSpelling) {
  const auto old = parse_identity("version=0\nbroker.id=3\ncluster.id=c\n", "f");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->node_id, NodeId{3});
  EXPECT_TRUE(old->directory_id.is_zero());
  const auto spelled =
      parse_identity("  version : 1\n! note\n\nnode.id 4\ncluster.id=a\\:b\\=c\\u0041\nother=x\n", "f");
  ASSERT_TRUE(spelled.has_value());
  EXPECT_EQ(spelled->node_id, NodeId{4});
  EXPECT_EQ(spelled->cluster_id, "a:b=cA");
}

TEST(IdentityText, RefusesWhatIsNotAnIdentity) {
  EXPECT_EQ(problem_of(parse_identity("", "f")), "f:1: the version is \"\", not 0 or 1");
  EXPECT_EQ(problem_of(parse_identity("version=2\n", "f")), "f:1: the version is \"2\", not 0 or 1");
  EXPECT_EQ(problem_of(parse_identity("version=1\ncluster.id=c\n", "f")), "f:2: no node.id");
  EXPECT_EQ(problem_of(parse_identity("version=1\nnode.id=-1\ncluster.id=c\n", "f")), "f:3: no node.id");
  EXPECT_EQ(problem_of(parse_identity("version=1\nnode.id=1\n", "f")), "f:2: no cluster.id");
  EXPECT_EQ(problem_of(parse_identity("version=1\nnode.id=1\ncluster.id=c\ndirectory.id=zz\n", "f")),
            "f:4: directory.id \"zz\" is no id");
  EXPECT_EQ(problem_of(parse_identity("version=1\nnode.id=1\ncluster.id=c\\\nd\n", "f")),
            "f:3: an escape that can't be read");
}

TEST(IdentityText, RoundTripsAnyClusterId) {
  for (const auto* id : {"plain", " leading", "a=b:c", "#x!", "back\\slash", "tab\tnew\nline"}) {
    DirectoryIdentity identity{id, NodeId{2147483647}, *Uuid::parse("AAECAwQFBgcICQoLDA0ODw")};
    const auto parsed = parse_identity(format_identity(identity), "f");
    ASSERT_TRUE(parsed.has_value()) << problem_of(parsed);
    EXPECT_EQ(parsed->cluster_id, id);
    EXPECT_EQ(parsed->node_id, identity.node_id);
    EXPECT_EQ(parsed->directory_id, identity.directory_id);
  }
}

// Goal: of what was written here, no change goes unnoticed that makes it say something else. Method: cut at each byte,
// each byte replaced by every other.
TEST(IdentityText, ItsChecksumNoticesAnyChange) {
  const DirectoryIdentity identity{"MkU3OEVBNTcwNTJENDM2Qg", NodeId{12}, *Uuid::parse("AAECAwQFBgcICQoLDA0ODw")};
  const auto text = format_identity(identity);
  EXPECT_TRUE(parse_identity(text, "f")->checked);
  EXPECT_FALSE(parse_identity(text.substr(text.find('\n') + 1), "f")->checked);
  const auto expect_noticed = [&](const std::string& changed) {
    const auto parsed = parse_identity(changed, "f");
    if (!parsed) return;
    EXPECT_FALSE(parsed->checked) << changed;
    EXPECT_EQ(parsed->cluster_id, identity.cluster_id) << changed;
    EXPECT_EQ(parsed->node_id, identity.node_id) << changed;
    EXPECT_EQ(parsed->directory_id, identity.directory_id) << changed;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    expect_noticed(text.substr(0, at));
    for (int byte = 0; byte < 256; ++byte) {
      auto changed = text;
      changed[at] = static_cast<char>(byte);
      if (changed != text) expect_noticed(changed);
    }
  }
  EXPECT_NE(problem_of(parse_identity(text + "\n", "f")).find("f:1: the checksum"), std::string::npos);
}

TEST(PartitionMetadataText, IsStrict) {
  const auto id = *Uuid::parse("AAECAwQFBgcICQoLDA0ODw");
  EXPECT_EQ(*parse_partition_metadata(format_partition_metadata(id), "f"), id);
  EXPECT_EQ(*parse_partition_metadata("version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw\n", "f"), id);
  EXPECT_EQ(problem_of(parse_partition_metadata("", "f")), "f:1: the version is not 0");
  EXPECT_EQ(problem_of(parse_partition_metadata("version: 1\n", "f")), "f:1: the version is not 0");
  EXPECT_EQ(problem_of(parse_partition_metadata("version: 0\n", "f")), "f:2: no topic_id");
  EXPECT_EQ(problem_of(parse_partition_metadata("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "f")),
            "f:2: topic_id \"AAAAAAAAAAAAAAAAAAAAAA\" is no id");
  EXPECT_EQ(problem_of(parse_partition_metadata("version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw\nmore\n", "f")),
            "f:3: a line too many");
}

// Each state file cut and garbled at each byte: an error or an answer, never a crash.
TEST(TextFormats, SurviveAnyDamage) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  const std::string texts[] = {"0\n2\ntopic-a 0 17\ntopic.b 12 0\n",
                               "version=1\nnode.id=1\ncluster.id=a\\:b\ndirectory.id=AAECAwQFBgcICQoLDA0ODw\n",
                               "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw"};
  for (const auto& text : texts) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (int i = 0; i < 20; ++i) {
        auto damaged = i == 0 ? text.substr(0, at) : text;
        if (i > 0) damaged[at] = static_cast<char>(random());
        static_cast<void>(parse_checkpoint(damaged, "f"));
        static_cast<void>(parse_identity(damaged, "f"));
        static_cast<void>(parse_partition_metadata(damaged, "f"));
      }
    }
  }
}

}  // namespace
}  // namespace weir::storage
