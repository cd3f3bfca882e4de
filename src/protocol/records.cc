#include "protocol/records.h"

#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace weir::protocol {
namespace {

struct Flat {
  Bytes memory;
  std::vector<std::tuple<std::size_t, int, std::uint64_t, std::uint64_t>> files;  // after how many bytes of memory
  bool operator==(const Flat&) const = default;
};

Flat flatten(const Records& records) {
  Flat flat{.memory = {records.view.begin(), records.view.end()}, .files = {}};
  for (const Piece& piece : records.chain.pieces()) {
    if (const auto* slice = std::get_if<SharedSlice>(&piece)) {
      flat.memory.insert(flat.memory.end(), slice->view.begin(), slice->view.end());
    } else {
      const auto& range = std::get<FileRange>(piece);
      flat.files.emplace_back(flat.memory.size(), range.fd, range.offset, range.size);
    }
  }
  return flat;
}

}  // namespace

bool operator==(const Records& a, const Records& b) {
  if (a.is_null != b.is_null || a.size_bytes() != b.size_bytes()) return false;
  return a.is_null || flatten(a) == flatten(b);
}

}  // namespace weir::protocol
