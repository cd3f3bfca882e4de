// What the decoder targets share: an input's first byte chooses a message of the target's list, the second its version,
// the rest is decoded, a request as a whole frame with its header in front. At exit each (message, version) prints how
// often it was decoded and refused (message_checks.h says what that means). One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/protocol/message_checks.h"
#include "fuzz/seeds.h"
#include "unit/protocol/golden_lines.h"

namespace weir::protocol {

template <class List>
class MessageFuzzer {
 public:
  MessageFuzzer() {
    List::for_each([&]<class T>(std::type_identity<T>) {
      targets_.push_back({.name = std::string(message_name<T>),
                          .first = T::valid.first,
                          .check = &check_bytes<T>,
                          .header = &header_in_front<T>,
                          .counts = std::vector<Counts>(static_cast<std::size_t>(T::valid.last - T::valid.first + 1))});
    });
  }

  // What else is tried with an input follows from its bytes alone, so that a finding shows itself again.
  void run_one(ByteView input) {
    if (input.size() < 2) return;
    Target& target = targets_[input[0] % targets_.size()];
    const ByteView bytes = input.subspan(2);
    const std::size_t chance = std::hash<std::string_view>{}(as_text(input));
    run_version(target, input[1] % target.counts.size(), bytes, chance);
    // In another version as well, as most layouts are shared by several; half of the time cut short.
    const bool cut = chance % 2 == 0;
    run_version(target, chance / 2 % target.counts.size(),
                cut ? bytes.first(chance / 1024 % (bytes.size() + 1)) : bytes, chance);
  }

  void print_counts() const {
    for (const Target& target : targets_) {
      for (std::size_t i = 0; i < target.counts.size(); ++i) {
        std::fprintf(stderr, "decoded %s version %d: %llu, refused %llu\n", target.name.c_str(),
                     target.first + static_cast<int>(i), static_cast<unsigned long long>(target.counts[i].decoded),
                     static_cast<unsigned long long>(target.counts[i].refused));
      }
    }
  }

  // The golden bytes of every message here.
  void write_seeds(fuzz::SeedFolder& seeds) const {
    for (const GoldenLine& line : read_golden_lines()) {
      const auto target = std::ranges::find(targets_, line.name, &Target::name);
      if (target == targets_.end()) continue;
      Bytes seed{static_cast<std::uint8_t>(target - targets_.begin()),
                 static_cast<std::uint8_t>(line.version - target->first)};
      const Bytes header = target->header(line.version);
      seed.insert(seed.end(), header.begin(), header.end());
      seed.insert(seed.end(), line.bytes.begin(), line.bytes.end());
      seeds.add(line.name + "-" + std::to_string(seeds.count()), seed);
    }
  }

 private:
  struct Counts {
    std::uint64_t decoded = 0;
    std::uint64_t refused = 0;
  };
  struct Target {
    std::string name;
    Version first;
    bool (*check)(MutableByteView bytes, Version version, Version other);
    Bytes (*header)(Version version);
    std::vector<Counts> counts;
  };

  static void run_version(Target& target, std::size_t index, ByteView bytes, std::size_t chance) {
    Bytes copy(bytes.begin(), bytes.end());  // a block of its own, so that reading past its end is seen
    // One version below the valid ones and one above take part as well.
    const auto other = static_cast<Version>(target.first - 1 + static_cast<int>(chance % (target.counts.size() + 2)));
    const bool decoded = target.check(copy, static_cast<Version>(target.first + static_cast<int>(index)), other);
    ++(decoded ? target.counts[index].decoded : target.counts[index].refused);
  }

  // What stands before a golden body in a seed.
  template <Message T>
  static Bytes header_in_front(Version version) {
    if constexpr (Request<T>) {
      const RequestHeader header{.request_api_key = static_cast<std::int16_t>(T::api_key),
                                 .request_api_version = version,
                                 .correlation_id = 1,
                                 .client_id = "fuzz"};
      return encoded(header, request_header_version(T::first_flexible, version));
    }
    return {};
  }

  std::vector<Target> targets_;
};

template <class List>
MessageFuzzer<List>& fuzzer() {
  static auto* const kFuzzer = new MessageFuzzer<List>;  // outlives the exit handlers
  return *kFuzzer;
}

// The first of libFuzzer's two entry points.
template <class List>
int initialize_fuzzer() {
  fuzz::write_seeds_if_asked([](fuzz::SeedFolder& seeds) { fuzzer<List>().write_seeds(seeds); });
  return std::atexit([] { fuzzer<List>().print_counts(); });
}

}  // namespace weir::protocol
