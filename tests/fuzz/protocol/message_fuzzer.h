// What the decoder targets share: the first byte chooses the message, the second its version, the rest is decoded, a
// request as a whole frame with its header in front. What decodes must encode, and what was encoded must decode to the
// same. At exit each (message, version) prints how often it was decoded and refused.
//
//   WEIR_FUZZ_SEEDS=FOLDER   only write the golden bytes as seeds (from the root of the source tree)
//   WEIR_FUZZ_MESSAGE=NAME   every input is this message, whatever its first byte
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "unit/protocol/all_messages.h"
#include "unit/protocol/golden_lines.h"

namespace weir::protocol {

template <class List>
class MessageFuzzer {
 public:
  MessageFuzzer() {
    List::for_each([&]<class T>(std::type_identity<T>) {
      targets_.push_back({.name = std::string(message_name<T>),
                          .first = T::valid.first,
                          .run = &run<T>,
                          .seed = &seed<T>,
                          .counts = std::vector<Counts>(static_cast<std::size_t>(T::valid.last - T::valid.first + 1))});
    });
    if (const char* name = std::getenv("WEIR_FUZZ_MESSAGE")) {
      only_ = index_of(name);
      CHECK(only_ < targets_.size(), "no message {} here", name);
    }
  }

  void run_one(ByteView input) {
    if (input.size() < 2) return;
    Target& target = targets_[only_ < targets_.size() ? only_ : input[0] % targets_.size()];
    const ByteView bytes = input.subspan(2);
    run_version(target, input[1] % target.counts.size(), bytes);
    // The same bytes in another version, each in its turn: most layouts are shared by several.
    run_version(target, target.turn++ % target.counts.size(), bytes);
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

  void write_seeds(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    std::size_t written = 0;
    for (const GoldenLine& line : read_golden_lines()) {
      const std::size_t index = index_of(line.name);
      if (index == targets_.size()) continue;
      const Target& target = targets_[index];
      Bytes seed{static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(line.version - target.first)};
      const Bytes bytes = target.seed(line);
      seed.insert(seed.end(), bytes.begin(), bytes.end());
      std::ofstream file(folder / (line.name + "-" + std::to_string(written++)), std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    }
    std::fprintf(stderr, "wrote %zu seeds to %s\n", written, folder.c_str());
  }

 private:
  struct Counts {
    std::uint64_t decoded = 0;
    std::uint64_t refused = 0;
  };
  struct Target {
    std::string name;
    Version first;
    bool (*run)(MutableByteView bytes, Version version);
    Bytes (*seed)(const GoldenLine& line);
    std::vector<Counts> counts;
    std::size_t turn = 0;
  };

  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    const auto found = std::find_if(targets_.begin(), targets_.end(), [&](const Target& t) { return t.name == name; });
    return static_cast<std::size_t>(found - targets_.begin());
  }

  static void run_version(Target& target, std::size_t index, ByteView bytes) {
    Bytes copy(bytes.begin(), bytes.end());  // a block of its own, so that reading past its end is seen
    const bool decoded = target.run(copy, static_cast<Version>(target.first + static_cast<Version>(index)));
    ++(decoded ? target.counts[index].decoded : target.counts[index].refused);
  }

  template <Message T>
  static Bytes encoded(const T& message, Version version) {
    WireWriter writer;
    const Result<void> result = encode(writer, message, version);
    CHECK(result.has_value(), "{} version {} decodes and does not encode", message_name<T>, version);
    return writer.finish_bytes();
  }

  // Bytes are compared, not values: a NaN is not equal to itself.
  template <Message T>
  static bool run_body(MutableByteView body, Version version) {
    const Result<T> message = decode<T>(body, version);
    if (!message) return false;
    Bytes first = encoded(*message, version);
    const Bytes kept = first;
    const Result<T> again = decode<T>(MutableByteView(first), version);
    CHECK(again.has_value(), "{} version {} encodes to what does not decode", message_name<T>, version);
    CHECK(encoded(*again, version) == kept, "{} version {} changes on the way", message_name<T>, version);
    CHECK(!to_json(*message, version).empty(), "{} version {} prints nothing", message_name<T>, version);
    return true;
  }

  template <Message T>
  static bool run(MutableByteView bytes, Version version) {
    if constexpr (Request<T>) {
      const Version header_version = request_header_version(T::first_flexible, version);
      const Result<OpenedRequest> request = open_request(bytes, header_version);
      return request.has_value() && run_body<RequestHeader>(bytes, header_version) &&
             run_body<T>(request->body, version);
    } else {
      return run_body<T>(bytes, version);
    }
  }

  template <Message T>
  static Bytes seed(const GoldenLine& line) {
    Bytes bytes;
    if constexpr (Request<T>) {
      const RequestHeader header{.request_api_key = static_cast<std::int16_t>(T::api_key),
                                 .request_api_version = line.version,
                                 .correlation_id = 1,
                                 .client_id = "fuzz"};
      bytes = encoded(header, request_header_version(T::first_flexible, line.version));
    }
    bytes.insert(bytes.end(), line.bytes.begin(), line.bytes.end());
    return bytes;
  }

  std::vector<Target> targets_;
  std::size_t only_ = SIZE_MAX;
};

template <class List>
MessageFuzzer<List>& fuzzer() {
  static auto* const kFuzzer = new MessageFuzzer<List>;  // outlives the exit handlers
  return *kFuzzer;
}

// The first of libFuzzer's two entry points.
template <class List>
int initialize_fuzzer() {
  if (const char* folder = std::getenv("WEIR_FUZZ_SEEDS")) {
    fuzzer<List>().write_seeds(folder);
    std::exit(0);
  }
  return std::atexit([] { fuzzer<List>().print_counts(); });
}

}  // namespace weir::protocol
