#include "protocol/wire_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::protocol {

Uuid WireReader::uuid() {
  Uuid id;
  const MutableByteView bytes = raw(id.bytes.size());
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

std::uint32_t WireReader::long_uvarint() {
  const auto decoded = decode_uvarint<std::uint32_t>(frame_.subspan(position_));
  if (!decoded) return fail("a varint has no end"), 0;
  position_ += decoded->size_bytes;
  return decoded->value;
}

void WireReader::fail(const char* problem) {
  if (problem_ != nullptr) return;
  problem_ = problem;
  problem_at_ = position_;
  position_ = frame_.size();
}

bool WireReader::array_fits(std::uint32_t count, std::size_t min_wire_bytes, std::size_t memory_bytes) {
  const std::uint64_t wire_bytes = std::uint64_t{count} * std::max<std::size_t>(min_wire_bytes, 1);
  if (wire_bytes > bytes_left()) return fail("an array has more elements than the frame has room for"), false;
  const std::uint64_t wanted_bytes = std::uint64_t{count} * memory_bytes;
  if (wanted_bytes > budget_bytes_) return fail("the arrays take too much memory for a frame of this size"), false;
  budget_bytes_ -= wanted_bytes;
  return true;
}

MutableByteView WireReader::raw(std::size_t size_bytes) {
  if (size_bytes > bytes_left()) return fail("a length reaches past the end of the frame"), MutableByteView{};
  const MutableByteView bytes = frame_.subspan(position_, size_bytes);
  position_ += size_bytes;
  return bytes;
}

WireReader WireReader::enter(std::size_t size_bytes) {
  WireReader inner(raw(size_bytes));
  inner.budget_bytes_ = budget_bytes_;
  return inner;
}

void WireReader::leave(const WireReader& inner) {
  budget_bytes_ = inner.budget_bytes_;
  if (failed()) return;
  if (!inner.failed() && inner.bytes_left() == 0) return;
  const std::size_t inner_start = position_ - inner.frame_.size();
  fail(inner.failed() ? inner.problem_ : "a tagged field is shorter than its declared size");
  problem_at_ = inner_start + (inner.failed() ? inner.problem_at_ : inner.position_);
  path_ = inner.path_;
}

void WireReader::name_failure(std::string_view field_name) {
  path_ = path_.empty() ? std::string(field_name) : fmt::format("{}.{}", field_name, path_);
}

Error WireReader::error(std::string_view message) const {
  return Error{Errc::kCorrupt,
               fmt::format("{}{}{}: {} (byte {} of {})", message, path_.empty() ? "" : ", field ", path_,
                           problem_ == nullptr ? "no failure" : problem_, problem_at_, frame_.size())};
}

}  // namespace weir::protocol
