// Goal: every declared message agrees with Apache Kafka's own definition of it, field by field and version by version.
// Method: walk the upstream JSON definitions (a folder with common/ and metadata/, named by WEIR_KAFKA_MESSAGES) beside
// our field lists. Without that folder the test is skipped and says so.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "protocol/wire_types.h"
#include "unit/protocol/all_messages.h"

namespace weir::protocol {
namespace {

namespace json = boost::json;

// ---- the upstream side

constexpr Versions kNone{1, 0};

Versions parse_versions(const json::object& field, std::string_view key, Versions absent) {
  const json::value* value = field.if_contains(key);
  if (value == nullptr) return absent;
  const std::string text(value->as_string());
  if (text == "none") return kNone;
  const auto first = static_cast<Version>(std::stoi(text));
  if (text.back() == '+') return {first, kVersionMax};
  const std::size_t dash = text.find('-');
  return {first, dash == std::string::npos ? first : static_cast<Version>(std::stoi(text.substr(dash + 1)))};
}

Versions both(Versions a, Versions b) {
  return {std::max(a.first, b.first), std::min(a.last, b.last)};
}

// "TopicId" and "topicId" as "topic_id".
std::string snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string text_of(const json::object& field, std::string_view key) {
  const json::value* value = field.if_contains(key);
  if (value == nullptr) return "";
  return value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
}

bool flag(const json::object& field, std::string_view key) {
  const json::value* value = field.if_contains(key);
  return value != nullptr && value->as_bool();
}

class Definitions {
 public:
  // By the name within the file, which is not always the file's.
  explicit Definitions(const std::filesystem::path& folder) {
    for (const char* part : {"common", "metadata"}) {
      for (const auto& file : std::filesystem::directory_iterator(folder / part)) load(file.path());
    }
  }
  [[nodiscard]] const std::map<std::string, json::object>& all() const { return by_name_; }

 private:
  void load(const std::filesystem::path& path) {
    if (path.extension() != ".json") return;
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    json::parse_options options;
    options.allow_comments = true;
    options.allow_trailing_commas = true;
    json::object definition = json::parse(text.str(), {}, options).as_object();
    by_name_[text_of(definition, "name")] = std::move(definition);
  }

  std::map<std::string, json::object> by_name_;
};

// Nested structs of a message by name: in place, or in the list of common ones.
const json::array* fields_of_struct(const json::object& message, const json::object& field, std::string_view name) {
  if (const json::value* fields = field.if_contains("fields")) return &fields->as_array();
  const json::value* common = message.if_contains("commonStructs");
  if (common == nullptr) return nullptr;
  for (const json::value& candidate : common->as_array()) {
    if (text_of(candidate.as_object(), "name") == name) return &candidate.at("fields").as_array();
  }
  return nullptr;
}

// ---- our side

template <class T>
std::string wire_type() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (walk::is_wire_integer<T>) {
    using Integer = walk::wire_integer<T>;
    return (std::is_signed_v<Integer> ? "int" : "uint") + std::to_string(8 * sizeof(Integer));
  } else if constexpr (std::is_same_v<T, double>) {
    return "float64";
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return "uuid";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return "bytes";
  } else if constexpr (std::is_same_v<T, Records>) {
    return "records";
  } else if constexpr (Described<T>) {
    return std::string(message_name<T>);
  } else if constexpr (walk::is_optional<T>) {
    return wire_type<typename T::value_type>();
  } else {
    return "[]" + wire_type<typename T::value_type>();
  }
}

template <class T>
constexpr bool can_be_null = walk::is_optional<T> || std::is_same_v<T, Records>;

// A default as Kafka's definitions write it; what they leave out is zero, empty, false, or null for records.
template <class T>
std::string default_text(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (is_strong_int<T>) {
    return std::to_string(value.value());
  } else if constexpr (walk::is_wire_integer<T>) {
    return std::to_string(static_cast<walk::wire_integer<T>>(value));
  } else if constexpr (std::is_same_v<T, double>) {
    return fmt::format("{}", value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (walk::is_optional<T>) {
    return value ? default_text(*value) : "null";
  } else {
    return value == T{} ? "" : "not the type's own";
  }
}

template <class T>
std::string expected_default(const json::object& field) {
  std::string text = text_of(field, "default");
  if (walk::is_wire_integer<T>) return std::to_string(text.empty() ? 0 : std::stoll(text, nullptr, 0));
  if (std::is_same_v<T, bool>) return text.empty() ? "false" : text;
  if (std::is_same_v<T, double>) return text.empty() ? "0" : text;
  return text;
}

// ---- the comparison

class Comparison {
 public:
  explicit Comparison(const json::object& message) : message_(message) {}

  template <Described T>
  void compare_struct(const json::array& upstream, Versions range, const std::string& path) {
    std::vector<std::string> expected_order;
    for (const json::value& value : upstream) {
      const json::object& field = value.as_object();
      if (both(parse_versions(field, "versions", kNone), range).empty()) continue;
      expected_order.push_back(snake_case(text_of(field, "name")));
    }
    std::vector<std::string> order;
    for_each_field<T>([&](const auto& field) { order.emplace_back(field.kName); });
    ASSERT_EQ(order, expected_order) << path;

    for_each_field<T>([&](const auto& field) {
      for (const json::value& value : upstream) {
        if (snake_case(text_of(value.as_object(), "name")) != field.kName) continue;
        compare_field<T>(field, value.as_object(), range, fmt::format("{}.{}", path, field.kName));
      }
    });
  }

 private:
  template <Described T, auto Member>
  void compare_field(const Field<Member>& field, const json::object& upstream, Versions range,
                     const std::string& path) {
    using Value = typename Field<Member>::Value;
    ++fields_compared;
    const FieldRules& rules = field.rules;
    const Versions versions = parse_versions(upstream, "versions", kNone);
    const Versions nullable = parse_versions(upstream, "nullableVersions", kNone);
    const Versions tagged_in = parse_versions(upstream, "taggedVersions", kNone);
    bool missing_somewhere = false;
    for (Version version = range.first; version <= range.last; ++version) {
      const std::string where = fmt::format("{} version {}", path, version);
      EXPECT_EQ(rules.versions.contains(version), versions.contains(version)) << where;
      missing_somewhere |= !versions.contains(version);
      if (!versions.contains(version)) continue;
      EXPECT_EQ(can_be_null<Value> && rules.nullable.contains(version), nullable.contains(version)) << where;
      EXPECT_EQ(rules.tagged.contains(version), tagged_in.contains(version)) << where;
    }
    EXPECT_EQ(wire_type<Value>(), text_of(upstream, "type")) << path;
    EXPECT_EQ(rules.tag == kNoTag ? "" : std::to_string(rules.tag), text_of(upstream, "tag")) << path;
    EXPECT_EQ(rules.never_flexible, text_of(upstream, "flexibleVersions") == "none") << path;
    if (missing_somewhere) {
      EXPECT_EQ(rules.ignorable, flag(upstream, "ignorable")) << path;
    }

    const std::string default_value = default_text(field.in(default_of<T>()));
    // A nullable field that stands in every version always comes with a value: its default never shows, and null is
    // the better one to begin an answer with.
    const bool shows = missing_somewhere || rules.tag != kNoTag || !walk::is_optional<Value>;
    if (shows || default_value != "null") {
      EXPECT_EQ(default_value, expected_default<Value>(upstream)) << path;
    }

    using Element = typename detail::Element<Value>::type;
    if constexpr (Described<Element>) {
      const json::array* fields = fields_of_struct(message_, upstream, message_name<Element>);
      ASSERT_NE(fields, nullptr) << path;
      compare_struct<Element>(*fields, both(versions, range), path);
    }
  }

  const json::object& message_;

 public:
  std::size_t fields_compared = 0;
};

// Only the request's definition says that the latest version of both is not stable yet.
bool latest_is_unstable(const Definitions& definitions, std::string name) {
  if (name.ends_with("Response")) name.replace(name.size() - 8, 8, "Request");
  const auto found = definitions.all().find(name);
  return found != definitions.all().end() && flag(found->second, "latestVersionUnstable");
}

template <Message T>
std::size_t compare_message(const Definitions& definitions) {
  const std::string name(message_name<T>);
  const auto found = definitions.all().find(name);
  if (found == definitions.all().end()) {
    ADD_FAILURE() << "Kafka has no " << name;
    return 0;
  }
  const json::object& upstream = found->second;
  Versions valid = parse_versions(upstream, "validVersions", kNone);
  if (latest_is_unstable(definitions, name)) --valid.last;
  EXPECT_EQ(T::valid, valid) << name;
  const Versions flexible = parse_versions(upstream, "flexibleVersions", kNone);
  EXPECT_EQ(T::first_flexible, flexible.empty() ? kNeverFlexible : flexible.first) << name;
  if constexpr (requires { T::api_key; }) {
    EXPECT_EQ(std::to_string(static_cast<std::int16_t>(T::api_key)), text_of(upstream, "apiKey")) << name;
  }
  if constexpr (requires { T::record_type; }) {
    EXPECT_EQ(std::to_string(T::record_type), text_of(upstream, "apiKey")) << name;
  }
  Comparison comparison(upstream);
  comparison.compare_struct<T>(upstream.at("fields").as_array(), T::valid, name);
  return comparison.fields_compared;
}

const char* definitions_folder() {
  return std::getenv("WEIR_KAFKA_MESSAGES");
}

TEST(SchemaDefinitions, AgreeWithKafkas) {
  if (definitions_folder() == nullptr) GTEST_SKIP() << "WEIR_KAFKA_MESSAGES is not set";
  const Definitions upstream(definitions_folder());
  std::size_t fields = 0;
  AllMessages::for_each([&]<class T>(std::type_identity<T>) { fields += compare_message<T>(upstream); });
  std::cout << fmt::format("compared {} messages, {} fields\n", AllMessages::kCount, fields);
  EXPECT_GT(fields, 300U);
}

// An adopted metadata log may hold any of them.
TEST(SchemaDefinitions, HaveEveryMetadataRecord) {
  if (definitions_folder() == nullptr) GTEST_SKIP() << "WEIR_KAFKA_MESSAGES is not set";
  std::size_t records = 0;
  const Definitions definitions(definitions_folder());
  for (const auto& [name, definition] : definitions.all()) {
    if (text_of(definition, "type") != "metadata") continue;
    ++records;
    EXPECT_TRUE(MetadataRecords::visit_named(name, [](auto) {})) << name;
  }
  EXPECT_EQ(records, MetadataRecords::kCount);
}

}  // namespace
}  // namespace weir::protocol
