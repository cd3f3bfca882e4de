#include "unit/record/golden_lines.h"

#include <fstream>

namespace weir::record {

namespace {

Bytes unhex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace

std::map<std::string, Bytes> read_golden_lines() {
  std::map<std::string, Bytes> by_name;
  std::ifstream file("tests/unit/record/golden/golden_batches.txt");
  std::string name;
  std::string hex;
  while (file >> name >> hex) by_name.emplace(name, unhex(hex));
  return by_name;
}

}  // namespace weir::record
