// A message of our own with every rule a field can have, against bytes written down by hand from the protocol's rules.
#include "protocol/descriptor.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>

#include "protocol/codec_walk.h"
#include "protocol/schema/01_fetch.h"

namespace weir::protocol {

struct Sample {
  static constexpr Versions valid{0, 3};
  static constexpr Version first_flexible = 2;

  struct Point {
    std::int16_t x = 0;
    std::int8_t y = 7;
    static consteval auto fields() {
      using M = Point;
      return std::tuple{field<&M::x>(), field<&M::y>(since(1), ignorable())};
    }
  };

  bool on = false;
  std::uint16_t port = 0;
  std::optional<std::string> rigid{};
  std::optional<Point> maybe_point{};
  std::int32_t late = -5;
  std::int32_t strict = 0;
  std::optional<std::vector<Point>> points{};
  std::optional<Bytes> blob{};
  std::optional<Point> tagged_point{};
  std::vector<std::string> tagged_names{};
  double ratio = 0.5;
  std::uint32_t last = 0;

  static consteval auto fields() {
    using M = Sample;
    return std::tuple{field<&M::on>(),
                      field<&M::port>(),
                      field<&M::rigid>(never_flexible()),
                      field<&M::maybe_point>(nullable_since(1)),
                      field<&M::late>(since(1), ignorable()),
                      field<&M::strict>(since(1)),
                      field<&M::points>(nullable_since(1)),
                      field<&M::blob>(),
                      field<&M::tagged_point>(since(2), tagged(9), ignorable()),
                      field<&M::tagged_names>(since(2), tagged(4), ignorable()),
                      field<&M::ratio>(since(3), tagged(200), ignorable()),
                      field<&M::last>()};
  }
};
static_assert(fields_complete<Sample>);

WEIR_INSTANTIATE_CODEC(Sample)

namespace {

struct Forgetful {
  std::int32_t listed = 0;
  std::int32_t forgotten = 0;
  static consteval auto fields() { return std::tuple{field<&Forgetful::listed>()}; }
};
struct Repeating {
  std::int32_t a = 0;
  std::int32_t b = 0;
  static consteval auto fields() { return std::tuple{field<&Repeating::a>(), field<&Repeating::a>()}; }
};
struct HoldsForgetful {
  std::optional<std::vector<Forgetful>> inner{};
  static consteval auto fields() { return std::tuple{field<&HoldsForgetful::inner>()}; }
};
static_assert(!fields_complete<Forgetful>);
static_assert(!fields_complete<Repeating>);
static_assert(!fields_complete<HoldsForgetful>);
static_assert(borrows_records<FetchResponse> && !borrows_records<FetchRequest>);

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Result<Bytes> encoded(const Sample& sample, Version version) {
  WireWriter writer;
  WEIR_TRY(encode(writer, sample, version));
  return writer.finish_bytes();
}

Result<Sample> decoded(Bytes bytes, Version version) {
  return decode<Sample>(MutableByteView(bytes), version);
}

Sample full_sample() {
  return Sample{.on = true,
                .port = 65535,
                .rigid = "ab",
                .maybe_point = Sample::Point{.x = 258, .y = 3},
                .late = 1,
                .strict = 2,
                .points = std::vector<Sample::Point>{{.x = 1, .y = 2}},
                .blob = Bytes{0xaa},
                .tagged_point = Sample::Point{.x = -1, .y = -1},
                .tagged_names = {"n", ""},
                .ratio = 1.0,
                .last = std::numeric_limits<std::uint32_t>::max()};
}

TEST(Descriptor, KnowsNamesFromTheMembers) {
  std::vector<std::string_view> names;
  for_each_field<Sample::Point>([&](const auto& field) { names.push_back(field.kName); });
  EXPECT_EQ(names, (std::vector<std::string_view>{"x", "y"}));
  EXPECT_EQ(message_name<Sample>, "Sample");
  EXPECT_EQ(message_name<Sample::Point>, "Point");
}

TEST(Descriptor, WritesFixedLengthsBelowTheFirstFlexibleVersion) {
  const Bytes expected = join({{1},                         // on
                               {0xff, 0xff},                // port
                               {0, 2, 'a', 'b'},            // rigid
                               {1, 1, 2, 3},                // maybe_point: present, x, y
                               {0, 0, 0, 1},                // late
                               {0, 0, 0, 2},                // strict
                               {0, 0, 0, 1, 0, 1, 2},       // points
                               {0, 0, 0, 1, 0xaa},          // blob
                               {0xff, 0xff, 0xff, 0xff}});  // last
  EXPECT_EQ(encoded(full_sample(), 1), expected);
  Sample without_tags = full_sample();
  without_tags.tagged_point.reset();
  without_tags.tagged_names.clear();
  without_tags.ratio = 0.5;
  EXPECT_EQ(decoded(expected, 1), without_tags);
}

TEST(Descriptor, WritesTagsInAscendingOrderBehindEveryStruct) {
  const Bytes expected = join({{1},
                               {0xff, 0xff},
                               {0, 2, 'a', 'b'},  // rigid keeps its 2-byte length
                               {1, 1, 2, 3, 0},   // maybe_point and its own tags
                               {0, 0, 0, 1},
                               {0, 0, 0, 2},
                               {2, 0, 1, 2, 0},  // points: count + 1
                               {2, 0xaa},        // blob: size + 1
                               {0xff, 0xff, 0xff, 0xff},
                               {3},                                              // tagged fields
                               {4, 4, 3, 2, 'n', 1},                             // names, 4 bytes
                               {9, 5, 1, 0xff, 0xff, 0xff, 0},                   // a nullable struct: varint 1 first
                               {0xc8, 0x01, 8, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}});  // 200, 1.0
  EXPECT_EQ(encoded(full_sample(), 3), expected);
  EXPECT_EQ(decoded(expected, 3), full_sample());
}

TEST(Descriptor, WritesNullsInBothFormsAndOmitsDefaults) {
  Sample nulls;
  const Bytes flexible =
      join({{0}, {0, 0}, {0xff, 0xff}, {0xff}, {0xff, 0xff, 0xff, 0xfb}, {0, 0, 0, 0}, {0}, {0}, {0, 0, 0, 0}, {0}});
  EXPECT_EQ(encoded(nulls, 2), flexible);
  EXPECT_EQ(decoded(flexible, 2), nulls);
  const Bytes fixed = join({{0},
                            {0, 0},
                            {0xff, 0xff},
                            {0xff},
                            {0xff, 0xff, 0xff, 0xfb},
                            {0, 0, 0, 0},
                            {0xff, 0xff, 0xff, 0xff},
                            {0xff, 0xff, 0xff, 0xff},
                            {0, 0, 0, 0}});
  EXPECT_EQ(encoded(nulls, 1), fixed);
  EXPECT_EQ(decoded(fixed, 1), nulls);
  // A null struct that stands in the tagged section is a single varint 0.
  Bytes with_null_tag = flexible;
  with_null_tag.back() = 1;
  with_null_tag.insert(with_null_tag.end(), {9, 1, 0});
  EXPECT_EQ(decoded(with_null_tag, 2), nulls);
}

TEST(Descriptor, TakesAnyNegativeLengthForNull) {
  const Bytes bytes = join({{0},
                            {0, 0},
                            {0x80, 0x00},
                            {0x80},
                            {0, 0, 0, 0},
                            {0, 0, 0, 0},
                            {0xff, 0xff, 0xff, 0xfe},
                            {0x80, 0, 0, 0},
                            {0, 0, 0, 0}});
  const Result<Sample> sample = decoded(bytes, 1);
  ASSERT_TRUE(sample.has_value());
  EXPECT_FALSE(sample->rigid || sample->maybe_point || sample->points || sample->blob);
}

TEST(Descriptor, GivesAbsentFieldsTheirDefaults) {
  const Bytes bytes = join({{0}, {0, 0}, {0, 0}, {1, 0, 9}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  const Result<Sample> sample = decoded(bytes, 0);
  ASSERT_TRUE(sample.has_value()) << to_string(sample.error());
  EXPECT_EQ(sample->late, -5);
  EXPECT_EQ(sample->maybe_point, (Sample::Point{.x = 9, .y = 7}));
  EXPECT_EQ(sample->ratio, 0.5);
}

TEST(Descriptor, RefusesNullWhereItIsNotAllowed) {
  const Bytes null_point = join({{0}, {0, 0}, {0, 0}, {0xff}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  const Result<Sample> sample = decoded(null_point, 0);
  ASSERT_FALSE(sample.has_value());
  EXPECT_EQ(sample.error().code, Errc::kCorrupt);
  EXPECT_NE(sample.error().context.find("maybe_point"), std::string::npos) << sample.error().context;

  Sample to_send;
  EXPECT_EQ(encoded(to_send, 0).error().code, Errc::kInvalidArgument);
  to_send.maybe_point = Sample::Point{};
  EXPECT_EQ(encoded(to_send, 0).error().code, Errc::kInvalidArgument);  // points are null
  to_send.points.emplace();
  EXPECT_TRUE(encoded(to_send, 0).has_value());
}

TEST(Descriptor, RefusesToDropAFieldThatIsNotIgnorable) {
  Sample sample;
  sample.maybe_point = Sample::Point{};
  sample.points.emplace();
  sample.strict = 1;
  const Result<Bytes> bytes = encoded(sample, 0);
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().code, Errc::kInvalidArgument);
  EXPECT_NE(bytes.error().context.find("strict"), std::string::npos);
  sample.strict = 0;
  sample.late = 77;  // ignorable
  EXPECT_TRUE(encoded(sample, 0).has_value());
}

TEST(Descriptor, RefusesVersionsThatTheMessageHasNot) {
  EXPECT_EQ(decoded({}, 4).error().code, Errc::kUnsupported);
  EXPECT_EQ(decoded({}, -1).error().code, Errc::kUnsupported);
  EXPECT_EQ(encoded(Sample{}, 4).error().code, Errc::kUnsupported);
}

TEST(Descriptor, RefusesBadTaggedSections) {
  Sample nulls;
  const Bytes good = *encoded(nulls, 3);
  const auto with_tags = [&](const Bytes& tags) {
    Bytes bytes(good.begin(), good.end() - 1);
    bytes.insert(bytes.end(), tags.begin(), tags.end());
    return decoded(bytes, 3);
  };
  EXPECT_TRUE(with_tags({1, 5, 2, 'x', 'y'}).has_value());                 // unknown: skipped
  EXPECT_TRUE(with_tags({2, 5, 0, 5, 0}).has_value());                     // unknown, twice, empty
  EXPECT_FALSE(with_tags({1, 5, 3, 'x', 'y'}).has_value());                // past the frame
  EXPECT_FALSE(with_tags({1, 4, 3, 'x', 'y'}).has_value());                // past the frame, known
  EXPECT_FALSE(with_tags({2, 5, 2, 'x', 'y'}).has_value());                // one too few
  EXPECT_FALSE(with_tags({1, 4, 2, 1, 0}).has_value());                    // payload shorter than declared
  EXPECT_FALSE(with_tags({1, 4, 1, 2, 1, 'n', 1}).has_value());            // payload longer than declared
  EXPECT_FALSE(with_tags({0xff, 0xff, 0xff, 0xff, 0x0f, 1}).has_value());  // 2^32 - 1 tagged fields
  EXPECT_FALSE(with_tags({1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f}).has_value());
  EXPECT_FALSE(with_tags({0x80, 0x80, 0x80, 0x80, 0x80, 0x00}).has_value());  // six bytes of varint
  Bytes version_2 = *encoded(nulls, 2);
  version_2.back() = 1;
  version_2.insert(version_2.end(), {0xc8, 0x01, 8, 0, 0, 0, 0, 0, 0, 0, 0});  // ratio is a field of version 3
  EXPECT_FALSE(decoded(version_2, 2).has_value());
}

TEST(Descriptor, NamesTheFieldThatDidNotDecode) {
  Bytes bytes = *encoded(full_sample(), 3);
  bytes.resize(9);  // inside maybe_point
  const Result<Sample> sample = decoded(bytes, 3);
  ASSERT_FALSE(sample.has_value());
  EXPECT_NE(sample.error().context.find("Sample version 3, field maybe_point.x"), std::string::npos)
      << sample.error().context;
}

TEST(Descriptor, ComparesEveryMember) {
  const Sample sample = full_sample();
  EXPECT_TRUE(sample == full_sample());
  Sample other = full_sample();
  other.points->front().y = 99;
  EXPECT_FALSE(other == sample);
  other = full_sample();
  other.last = 0;
  EXPECT_FALSE(other == sample);
}

TEST(Descriptor, PrintsTheFieldsOfOneVersion) {
  EXPECT_EQ(to_json(full_sample(), 3),
            R"({"on":true,"port":65535,"rigid":"ab","maybePoint":{"x":258,"y":3},"late":1,"strict":2,)"
            R"("points":[{"x":1,"y":2}],"blob":"qg==","taggedPoint":{"x":-1,"y":-1},"taggedNames":["n",""],)"
            R"("ratio":1.0,"last":4294967295})");
  EXPECT_EQ(to_json(Sample{}, 0),
            R"({"on":false,"port":0,"rigid":null,"maybePoint":null,"points":null,"blob":null,"last":0})");
}

TEST(Descriptor, PrintsTextThatIsNoUtf8AsReplacementCharacters) {
  const auto printed = [](std::string_view text) {
    std::string out;
    walk::print_text(out, text);
    return out;
  };
  EXPECT_EQ(printed("a\"b\\c\n\x7f"), R"("a\"b\\c\u000a\u007f")");
  EXPECT_EQ(printed("\xc3\xa9\xe9\x9b\xaa\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe9\x9b\xaa\xf0\x9f\x98\x80\"");
  EXPECT_EQ(printed("\xff\xc3"), R"("\ufffd\ufffd")");
  EXPECT_EQ(printed("\xc0\xaf"), R"("\ufffd\ufffd")");                      // overlong
  EXPECT_EQ(printed("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // a surrogate
  EXPECT_EQ(printed("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
  EXPECT_EQ(printed("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")");
}

TEST(ApiKey, HasKafkasNames) {
  EXPECT_EQ(to_string(ApiKey::kProduce), "Produce");
  EXPECT_EQ(to_string(ApiKey::kUnregisterController), "UnregisterController");
  EXPECT_EQ(to_string(ApiKey{95}), "UnknownApi");
  EXPECT_EQ(to_string(ApiKey{-1}), "UnknownApi");
}

}  // namespace
}  // namespace weir::protocol
