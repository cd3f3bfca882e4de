#include "unit/protocol/golden_lines.h"

#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace weir::protocol {
namespace {

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    std::uint8_t byte = 0;
    const auto digits = hex.substr(0, 2);
    std::from_chars(digits.begin(), digits.end(), byte, 16);
    bytes.push_back(byte);
  }
  return bytes;
}

}  // namespace

std::vector<GoldenLine> read_golden_lines() {
  std::vector<GoldenLine> lines;
  std::ifstream file("tests/unit/protocol/golden/golden_bytes.txt");
  for (std::string text; std::getline(file, text);) {
    std::istringstream fields(text);
    GoldenLine line;
    std::string version;
    std::string hex;
    std::getline(fields, line.name, '\t');
    std::getline(fields, version, '\t');
    std::getline(fields, hex, '\t');
    std::getline(fields, line.json);
    line.version = static_cast<Version>(std::stoi(version));
    line.bytes = from_hex(hex);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace weir::protocol
