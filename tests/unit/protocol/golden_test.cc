// Goal: for every message and version that Weir declares, bytes made by Apache Kafka's own classes decode to the values
// that Kafka's JSON shows, and encode back to the same bytes; no part of such a message decodes.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "unit/protocol/all_messages.h"
#include "unit/protocol/golden_lines.h"

namespace weir::protocol {
namespace {

std::string label(const GoldenLine& line) {
  return line.name + " version " + std::to_string(line.version);
}

// Calls check(line, decoded message, its bytes) for each line.
template <class Check>
void for_each_decoded(Check&& check) {
  const std::vector<GoldenLine> lines = read_golden_lines();
  ASSERT_FALSE(lines.empty());
  for (const GoldenLine& line : lines) {
    const bool known = AllMessages::visit_named(line.name, [&]<class T>(std::type_identity<T>) {
      Bytes bytes = line.bytes;
      WireReader reader{MutableByteView(bytes)};
      const Result<T> message = decode<T>(reader, line.version);
      ASSERT_TRUE(message.has_value()) << label(line) << ": " << to_string(message.error());
      EXPECT_EQ(reader.bytes_left(), 0U) << label(line);
      check(line, *message, bytes);
    });
    EXPECT_TRUE(known) << label(line);
  }
}

TEST(GoldenBytes, CoverEveryVersionOfEveryMessage) {
  std::map<std::string, std::set<Version>> golden;
  for (const GoldenLine& line : read_golden_lines()) golden[line.name].insert(line.version);
  EXPECT_EQ(golden.size(), AllMessages::kCount);
  AllMessages::for_each([&]<class T>(std::type_identity<T>) {
    const std::set<Version>& versions = golden[std::string(message_name<T>)];
    std::set<Version> declared;
    for (Version version = T::valid.first; version <= T::valid.last; ++version) declared.insert(version);
    EXPECT_EQ(versions, declared) << message_name<T>;
  });
}

TEST(GoldenBytes, EncodeToTheSameBytes) {
  for_each_decoded([]<class T>(const GoldenLine& line, const T& message, const Bytes& bytes) {
    WireWriter writer;
    const Result<void> encoded = encode(writer, message, line.version);
    ASSERT_TRUE(encoded.has_value()) << label(line) << ": " << to_string(encoded.error());
    EXPECT_EQ(writer.finish_bytes(), bytes) << label(line) << '\n' << line.json;
  });
}

TEST(GoldenBytes, PrintAsKafkaPrintsThem) {
  for_each_decoded([]<class T>(const GoldenLine& line, const T& message, const Bytes&) {
    boost::json::error_code problem;
    const std::string text = to_json(message, line.version);
    const boost::json::value ours = boost::json::parse(text, problem);
    ASSERT_FALSE(problem) << label(line) << '\n' << text;
    EXPECT_EQ(ours, boost::json::parse(line.json)) << label(line) << '\n' << text << '\n' << line.json;
  });
}

TEST(GoldenBytes, AreRefusedWhenCutAnywhere) {
  for_each_decoded([]<class T>(const GoldenLine& line, const T&, const Bytes& bytes) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const Result<T> message = decode<T>(MutableByteView(part), line.version);
      ASSERT_FALSE(message.has_value()) << label(line) << " cut at byte " << size << " of " << bytes.size();
      EXPECT_EQ(message.error().code, Errc::kCorrupt) << label(line);
    }
  });
}

TEST(GoldenBytes, DecodeWithBytesBehindThem) {
  for_each_decoded([]<class T>(const GoldenLine& line, const T& message, Bytes bytes) {
    bytes.insert(bytes.end(), {0xff, 0xff, 0x7f, 0x00});
    const Result<T> longer = decode<T>(MutableByteView(bytes), line.version);
    ASSERT_TRUE(longer.has_value()) << label(line);
    EXPECT_TRUE(*longer == message) << label(line);
  });
}

TEST(GoldenBytes, DecodeWithAnUnknownTag) {
  std::size_t tried = 0;
  for_each_decoded([&]<class T>(const GoldenLine& line, const T& message, Bytes bytes) {
    // The top level's tagged section comes last; only an empty one can be replaced without understanding it.
    const auto print_tags = [&] { return to_json(message, line.version); };
    if (line.version < T::first_flexible || bytes.back() != 0) return;
    bool tags_set = false;
    for_each_field<T>([&](const auto& field) {
      tags_set |= field.rules.tag != kNoTag && !(field.in(message) == field.in(default_of<T>()));
    });
    if (tags_set) return;
    bytes.back() = 1;
    bytes.insert(bytes.end(), {0xe3, 0x07, 0x03, 'a', 'b', 'c'});  // tag 995, three bytes
    const Result<T> tagged_message = decode<T>(MutableByteView(bytes), line.version);
    ASSERT_TRUE(tagged_message.has_value()) << label(line) << '\n' << print_tags();
    EXPECT_TRUE(*tagged_message == message) << label(line);
    ++tried;
  });
  EXPECT_GT(tried, 100U);
}

// One flipped bit gives another message or none, never a crash or a decoder that reads on.
TEST(GoldenBytes, SurviveFlippedBits) {
  std::size_t decoded = 0;
  std::size_t refused = 0;
  for_each_decoded([&]<class T>(const GoldenLine& line, const T&, const Bytes& bytes) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes flipped = bytes;
      flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
      const Result<T> message = decode<T>(MutableByteView(flipped), line.version);
      ++(message.has_value() ? decoded : refused);
      if (!message) continue;
      WireWriter writer;
      ASSERT_TRUE(encode(writer, *message, line.version).has_value()) << label(line) << " bit " << bit;
    }
  });
  EXPECT_GT(decoded, 1000U);
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace weir::protocol
