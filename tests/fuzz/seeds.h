// How a fuzz target gives its seeds: with WEIR_FUZZ_SEEDS=FOLDER in the environment it writes them there and ends, and
// does nothing else. Run from the root of the source tree: golden bytes are read below tests/unit.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "base/check.h"

namespace weir::fuzz {

class SeedFolder {
 public:
  explicit SeedFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  void add(const std::string& name, ByteView input) {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    CHECK(file.flush().good(), "can't write {}", (folder_ / name).string());
    ++count_;
  }

  [[nodiscard]] int count() const { return count_; }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

// Belongs in LLVMFuzzerInitialize; `write(SeedFolder&)` adds the target's seeds. A target without any would fuzz from
// nothing and look just as busy: that ends with an error.
template <class Write>
void write_seeds_if_asked(Write&& write) {
  const char* folder = std::getenv("WEIR_FUZZ_SEEDS");
  if (folder == nullptr) return;
  SeedFolder seeds(folder);
  write(seeds);
  CHECK(seeds.count() > 0, "no golden bytes for this target; is this the root of the source tree?");
  std::exit(0);
}

}  // namespace weir::fuzz
