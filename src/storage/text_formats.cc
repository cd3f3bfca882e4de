#include "storage/text_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "model/topic_name.h"

namespace weir::storage {
namespace {

// Hands out lines with their numbers. A line ends with \n or \r\n; the last one may go without.
class Lines {
 public:
  Lines(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  std::string_view next() {
    ++number_;
    const auto end = rest_.find('\n');
    auto line = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  // About the line that next() gave last.
  [[nodiscard]] std::unexpected<Error> bad(std::string_view problem) const {
    return fail(Errc::kCorrupt, fmt::format("{}:{}: {}", name_, std::max(number_, 1), problem));
  }

 private:
  std::string_view rest_;
  std::string_view name_;
  int number_ = 0;
};

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

std::vector<std::string_view> split_at_blanks(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::ranges::find_if(line, is_blank) - line.begin();
    if (end != 0) words.push_back(line.substr(0, static_cast<std::size_t>(end)));
    line.remove_prefix(std::min(line.size(), static_cast<std::size_t>(end) + 1));
  }
  return words;
}

// One escape of a Java properties file; `at` stands behind the backslash. nullopt: not ASCII, or cut off.
std::optional<char> unescape(std::string_view text, std::size_t& at) {
  if (at >= text.size()) return std::nullopt;
  const auto c = text[at++];
  switch (c) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'f': return '\f';
    case 'u': {
      if (at + 4 > text.size()) return std::nullopt;
      int code = 0;
      const auto* const begin = text.data() + at;
      const auto parsed = std::from_chars(begin, begin + 4, code, 16);
      if (parsed.ec != std::errc{} || parsed.ptr != begin + 4 || code < 0 || code > 0x7f) return std::nullopt;
      at += 4;
      return static_cast<char>(code);
    }
    default: return c;
  }
}

struct Property {
  std::string key;
  std::string value;
};

// nullopt: an escape that is cut off (a continued line among them) or outside ASCII.
std::optional<Property> parse_property(std::string_view line) {
  Property property;
  std::size_t at = 0;
  while (at < line.size() && is_blank(line[at])) ++at;
  while (at < line.size() && line[at] != '=' && line[at] != ':' && !is_blank(line[at])) {
    auto c = std::optional(line[at++]);
    if (*c == '\\') c = unescape(line, at);
    if (!c) return std::nullopt;
    property.key += *c;
  }
  while (at < line.size() && is_blank(line[at])) ++at;
  if (at < line.size() && (line[at] == '=' || line[at] == ':')) ++at;
  while (at < line.size() && is_blank(line[at])) ++at;
  while (at < line.size()) {
    auto c = std::optional(line[at++]);
    if (*c == '\\') c = unescape(line, at);
    if (!c) return std::nullopt;
    property.value += *c;
  }
  return property;
}

std::string escape_value(std::string_view value) {
  std::string escaped;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto c = value[i];
    if (c == '\n' || c == '\r' || c == '\t' || c == '\f') {
      fmt::format_to(std::back_inserter(escaped), "\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '\\' || c == '=' || c == ':' || c == '#' || c == '!' || (c == ' ' && i == 0)) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

constexpr std::string_view kChecksumComment = "#weir.crc32c=";

std::string checksum_of(std::string_view text) {
  return fmt::format("{:08x}", crc32c(as_bytes(text)));
}

// True: the text begins with a checksum, and it is right. False: it has none.
Result<bool> check_text(std::string_view text, std::string_view name) {
  if (!text.starts_with(kChecksumComment)) return false;
  const auto end = std::min(text.find('\n'), text.size());
  const auto written = text.substr(kChecksumComment.size(), end - kChecksumComment.size());
  if (end < text.size() && written == checksum_of(text.substr(end + 1))) return true;
  return fail(Errc::kCorrupt, fmt::format("{}:1: the checksum is not that of the lines below it; restore the file from "
                                          "a copy, or, if they were changed on purpose, remove this line",
                                          name));
}

}  // namespace

Result<OffsetCheckpoint> parse_checkpoint(std::string_view text, std::string_view name) {
  Lines lines(text, name);
  if (lines.next() != "0") return lines.bad("the version is not 0");
  const auto count = parse_number<std::int32_t>(lines.next());
  if (!count || *count < 0) return lines.bad("no number of entries");
  OffsetCheckpoint offsets;
  for (std::int32_t i = 0; i < *count; ++i) {
    if (lines.at_end()) return lines.bad(fmt::format("{} entries promised, {} found", *count, i));
    const auto words = split_at_blanks(lines.next());
    if (words.size() != 3) return lines.bad("not \"topic partition offset\"");
    const auto partition = parse_number<std::int32_t>(words[1]);
    const auto offset = parse_number<std::int64_t>(words[2]);
    if (topic_name_problem(words[0])) return lines.bad("no topic name");
    if (!partition || *partition < 0) return lines.bad("no partition number");
    if (!offset || *offset < 0) return lines.bad("no offset");
    offsets.insert_or_assign({std::string(words[0]), PartitionIndex{*partition}}, Offset{*offset});
  }
  if (lines.at_end()) return offsets;
  lines.next();
  return lines.bad(fmt::format("more than the {} entries promised", *count));
}

std::string format_checkpoint(const OffsetCheckpoint& offsets) {
  auto text = fmt::format("0\n{}\n", offsets.size());
  for (const auto& [of, offset] : offsets) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", of.topic, of.partition.value(), offset.value());
  }
  return text;
}

Result<DirectoryIdentity> parse_identity(std::string_view text, std::string_view name) {
  WEIR_TRY_ASSIGN(checked, check_text(text, name));
  Lines lines(text, name);
  std::map<std::string, std::string> values;
  while (!lines.at_end()) {
    const auto line = lines.next();
    const auto begin = std::ranges::find_if_not(line, is_blank);
    if (begin == line.end() || *begin == '#' || *begin == '!') continue;
    auto property = parse_property(line);
    if (!property) return lines.bad("an escape that can't be read");
    values.insert_or_assign(std::move(property->key), std::move(property->value));
  }
  const auto version = values["version"];
  if (version != "0" && version != "1") return lines.bad(fmt::format("the version is \"{}\", not 0 or 1", version));
  const auto* const node_key = version == "1" ? "node.id" : "broker.id";
  const auto node = parse_number<std::int32_t>(values[node_key]);
  if (!node || *node < 0) return lines.bad(fmt::format("no {}", node_key));
  if (values["cluster.id"].empty()) return lines.bad("no cluster.id");
  Uuid directory_id;
  if (const auto& written = values["directory.id"]; !written.empty()) {
    const auto parsed = Uuid::parse(written);
    if (!parsed) return lines.bad(fmt::format("directory.id \"{}\" is no id", written));
    directory_id = *parsed;
  }
  return DirectoryIdentity{values["cluster.id"], NodeId{*node}, directory_id, checked};
}

std::string format_identity(const DirectoryIdentity& identity) {
  auto text = fmt::format("version=1\ncluster.id={}\nnode.id={}\n", escape_value(identity.cluster_id),
                          identity.node_id.value());
  if (!identity.directory_id.is_zero()) text += fmt::format("directory.id={}\n", identity.directory_id.to_string());
  return fmt::format("{}{}\n{}", kChecksumComment, checksum_of(text), text);
}

Result<Uuid> parse_partition_metadata(std::string_view text, std::string_view name) {
  constexpr std::string_view kTopicIdKey = "topic_id:";
  Lines lines(text, name);
  if (lines.next() != "version: 0") return lines.bad("the version is not 0");
  auto line = lines.next();
  if (!line.starts_with(kTopicIdKey)) return lines.bad("no topic_id");
  line.remove_prefix(kTopicIdKey.size());
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  const auto id = Uuid::parse(line);
  if (!id || id->is_zero()) return lines.bad(fmt::format("topic_id \"{}\" is no id", line));
  if (!lines.at_end()) {
    lines.next();
    return lines.bad("a line too many");
  }
  return *id;
}

std::string format_partition_metadata(const Uuid& topic_id) {
  return fmt::format("version: 0\ntopic_id: {}", topic_id.to_string());
}

Result<LeaderEpochs> parse_leader_epochs(std::string_view text, std::string_view name) {
  if (text.empty()) return LeaderEpochs();
  Lines lines(text, name);
  if (lines.next() != "0") return lines.bad("the version is not 0");
  const auto count = parse_number<std::int32_t>(lines.next());
  if (!count || *count < 0) return lines.bad("no number of entries");
  std::vector<EpochStart> starts;
  for (std::int32_t i = 0; i < *count; ++i) {
    if (lines.at_end()) return lines.bad(fmt::format("{} entries promised, {} found", *count, i));
    const auto words = split_at_blanks(lines.next());
    if (words.size() != 2) return lines.bad("not \"epoch start_offset\"");
    const auto epoch = parse_number<std::int32_t>(words[0]);
    const auto start = parse_number<std::int64_t>(words[1]);
    if (!epoch || *epoch < 0) return lines.bad("no epoch");
    if (!start || *start < 0) return lines.bad("no offset");
    const EpochStart entry{LeaderEpoch{*epoch}, Offset{*start}};
    if (!starts.empty() && (entry.epoch <= starts.back().epoch || entry.start <= starts.back().start)) {
      return lines.bad("below the entry before it");
    }
    starts.push_back(entry);
  }
  if (lines.at_end()) return LeaderEpochs(std::move(starts));
  lines.next();
  return lines.bad(fmt::format("more than the {} entries promised", *count));
}

std::string format_leader_epochs(const LeaderEpochs& epochs) {
  auto text = fmt::format("0\n{}\n", epochs.starts().size());
  for (const auto& [epoch, start] : epochs.starts()) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", epoch.value(), start.value());
  }
  return text;
}

std::string format_clean_marker(std::int64_t broker_epoch) {
  return fmt::format(R"({{"version":0,"brokerEpoch":{}}})", broker_epoch);
}

}  // namespace weir::storage
