// The stream that kcat carries: `generate` prints records as KEY<tab>VALUE lines, `verify` reads what came back
// (PARTITION<tab>OFFSET<tab>KEY<tab>VALUE) and proves count, content, order and checksum. Every value can be computed
// from seed, size and sequence number, so a changed, lost, doubled or moved record is named.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace weir::clients {
namespace {

constexpr std::size_t kSequenceDigits = 12;
constexpr std::uint64_t kKeyCount = 1009;

struct Plan {
  std::uint64_t count = 1000;
  std::size_t value_bytes = 100;
  std::uint64_t seed = 1;
  std::uint64_t partitions = 6;
};

constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Makes the record of a sequence number. Half of a value is chosen by chance, half repeats, so that codecs have work.
class Stream {
 public:
  explicit Stream(const Plan& plan) : seed_(plan.seed), value_(plan.value_bytes, '.') {}

  std::string_view key(std::uint64_t sequence) {
    const auto end = fmt::format_to_n(key_, sizeof key_, "k{}", mix(seed_ ^ sequence) % kKeyCount);
    return {key_, end.size};
  }

  std::string_view value(std::uint64_t sequence) {
    static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    auto rest = sequence;
    for (std::size_t at = kSequenceDigits; at-- > 0; rest /= 10) value_[at] = static_cast<char>('0' + rest % 10);
    auto chance = mix(seed_ + sequence * 31);
    for (std::size_t at = kSequenceDigits; at + 16 <= value_.size(); at += 16) {
      chance = chance * 6364136223846793005 + 1442695040888963407;
      for (std::size_t i = 0; i < 8; ++i) value_[at + i] = kLetters[(chance >> (16 + 6 * i)) & 63];
    }
    return value_;
  }

 private:
  std::uint64_t seed_;
  std::string value_;
  char key_[24];
};

// The sum over all records, the same in any order of records.
class Checksum {
 public:
  void add(std::string_view key, std::string_view value) {
    sum_ += (std::uint64_t{crc32c(as_bytes(key))} << 32) | crc32c(as_bytes(value));
  }
  [[nodiscard]] std::uint64_t sum() const { return sum_; }

 private:
  std::uint64_t sum_ = 0;
};

int generate(const Plan& plan) {
  Stream stream(plan);
  Checksum checksum;
  std::string block;
  constexpr std::size_t kBlockBytes = 256 * 1024;
  for (std::uint64_t sequence = 0; sequence < plan.count; ++sequence) {
    const auto key = stream.key(sequence);
    const auto value = stream.value(sequence);
    checksum.add(key, value);
    block.append(key).append(1, '\t').append(value).append(1, '\n');
    if (block.size() >= kBlockBytes || sequence + 1 == plan.count) {
      if (std::fwrite(block.data(), 1, block.size(), stdout) != block.size()) return 1;
      block.clear();
    }
  }
  if (std::fflush(stdout) != 0) return 1;
  fmt::print(stderr, "generated {} records, checksum {:016x}\n", plan.count, checksum.sum());
  return 0;
}

class Verifier {
 public:
  explicit Verifier(const Plan& plan) : plan_(plan), stream_(plan), seen_(plan.count), partitions_(plan.partitions) {}

  void take(std::string_view line) {
    ++lines_;
    const auto partition = number(line);
    const auto offset = number(line);
    const auto key_end = line.find('\t');
    if (!partition || !offset || key_end == std::string_view::npos) return fault("not a record", line);
    const auto key = line.substr(0, key_end);
    const auto value = line.substr(key_end + 1);
    std::uint64_t sequence = 0;
    const auto digits = value.substr(0, kSequenceDigits);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + kSequenceDigits || sequence >= plan_.count) {
      return fault("no sequence number of ours", line);
    }
    if (key != stream_.key(sequence)) return fault("another key was sent", line);
    if (value != stream_.value(sequence)) return fault("another value was sent", line);
    if (*partition >= plan_.partitions) return fault("no such partition", line);
    if (seen_[sequence]) return fault("came twice", line);
    seen_[sequence] = true;
    in_place(partitions_[*partition], *offset, sequence, line);
    checksum_.add(key, value);
  }

  int report() {
    Checksum sent;
    std::uint64_t missing = 0;
    for (std::uint64_t sequence = 0; sequence < plan_.count; ++sequence) {
      sent.add(stream_.key(sequence), stream_.value(sequence));
      if (!seen_[sequence] && missing++ < kFaultsPrinted) fmt::print(stderr, "missing: sequence {}\n", sequence);
    }
    std::uint64_t used = 0;
    for (const auto& partition : partitions_) used += partition.next_offset > 0 ? 1 : 0;
    const bool spread = plan_.count < 1000 || used == plan_.partitions;
    if (!spread) fmt::print(stderr, "only {} of {} partitions hold records\n", used, plan_.partitions);
    const bool equal = sent.sum() == checksum_.sum();
    fmt::print(stderr,
               "consumed {} of {} records in {} partitions, missing {}, faults {}, checksum {:016x} {} {:016x}\n",
               lines_, plan_.count, used, missing, faults_, checksum_.sum(), equal ? "=" : "!=", sent.sum());
    return faults_ == 0 && missing == 0 && spread && equal && lines_ == plan_.count ? 0 : 1;
  }

 private:
  static constexpr std::uint64_t kFaultsPrinted = 10;

  struct Partition {
    std::uint64_t next_offset = 0;
    std::uint64_t next_sequence = 0;  // the least that may come
  };

  // Takes the number before the next tab off the front of `line`.
  static std::optional<std::uint64_t> number(std::string_view& line) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr == line.data() + line.size() || *parsed.ptr != '\t') return std::nullopt;
    line.remove_prefix(static_cast<std::size_t>(parsed.ptr - line.data()) + 1);
    return value;
  }

  void in_place(Partition& partition, std::uint64_t offset, std::uint64_t sequence, std::string_view line) {
    if (offset != partition.next_offset) fault("not at the next offset", line);
    if (sequence < partition.next_sequence) fault("out of order", line);
    partition = {.next_offset = offset + 1, .next_sequence = sequence + 1};
  }

  void fault(std::string_view what, std::string_view line) {
    if (faults_++ < kFaultsPrinted) fmt::print(stderr, "{} (line {}): {:.120}\n", what, lines_, line);
  }

  const Plan& plan_;
  Stream stream_;
  std::vector<bool> seen_;
  std::vector<Partition> partitions_;
  Checksum checksum_;
  std::uint64_t lines_ = 0;
  std::uint64_t faults_ = 0;
};

int verify(const Plan& plan) {
  Verifier verifier(plan);
  std::string block(1 << 20, '\0');
  std::size_t held = 0;
  for (;;) {
    if (held == block.size()) block.resize(block.size() * 2);
    const auto got = std::fread(block.data() + held, 1, block.size() - held, stdin);
    std::string_view text(block.data(), held + got);
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      verifier.take(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    held = text.size();
    std::memmove(block.data(), text.data(), held);
    if (got == 0) break;
  }
  if (held > 0) verifier.take(std::string_view(block.data(), held));
  return verifier.report();
}

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  weir::clients::Plan plan;
  CLI::App app{"Makes and checks the record stream that kcat carries"};
  app.require_subcommand(1);
  const auto* generate =
      app.add_subcommand("generate", "print the records, one line each: KEY<tab>VALUE")->fallthrough();
  app.add_subcommand("verify", "read PARTITION<tab>OFFSET<tab>KEY<tab>VALUE lines and compare")->fallthrough();
  app.add_option("--count", plan.count, "records");
  app.add_option("--value-bytes", plan.value_bytes, "size of each value")->check(CLI::Range(12, 1 << 20));
  app.add_option("--partitions", plan.partitions, "partitions of the topic");
  app.add_option("--seed", plan.seed, "seed of keys and values")->envname("WEIR_SEED");
  CLI11_PARSE(app, argc, argv);
  return generate->parsed() ? weir::clients::generate(plan) : weir::clients::verify(plan);
}
