#include "protocol/json_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace weir::protocol::walk {
namespace {

// The length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF show in the second byte.
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) >= 0xa0) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) >= 0x90) return 0;
  return size;
}

}  // namespace

void print_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t size = utf8_sequence_bytes(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else if (size == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

void print_base64(std::string& out, ByteView bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 3))) {
    const std::uint32_t group = (std::uint32_t{bytes[0]} << 16) |
                                (bytes.size() > 1 ? std::uint32_t{bytes[1]} << 8 : 0) |
                                (bytes.size() > 2 ? std::uint32_t{bytes[2]} : 0);
    out += kDigits[group >> 18];
    out += kDigits[(group >> 12) & 0x3f];
    out += bytes.size() > 1 ? kDigits[(group >> 6) & 0x3f] : '=';
    out += bytes.size() > 2 ? kDigits[group & 0x3f] : '=';
  }
  out += '"';
}

void print_float64(std::string& out, double value) {
  out += std::isfinite(value) ? fmt::format("{:#}", value) : fmt::format("\"{}\"", value);
}

void print_integer(std::string& out, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

void print_records(std::string& out, const Records& records) {
  if (records.is_null) {
    out += "null";
    return;
  }
  out.insert(out.size() - 2, "SizeInBytes");  // before the quote and the colon of the name just printed
  fmt::format_to(std::back_inserter(out), "{}", records.size_bytes());
}

void print_name(std::string& out, std::string_view snake_case_name) {
  out += '"';
  bool upper = false;
  for (const char c : snake_case_name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  out += "\":";
}

}  // namespace weir::protocol::walk
