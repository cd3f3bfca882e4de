#include "storage/transaction_index.h"

#include <fmt/core.h>

namespace weir::storage {
namespace {

constexpr std::int16_t kVersion = 0;
constexpr std::size_t kProducerAt = 2;
constexpr std::size_t kFirstAt = 10;
constexpr std::size_t kLastAt = 18;
constexpr std::size_t kStableAt = 26;

}  // namespace

Bytes format_transaction_index(const std::vector<AbortedTransaction>& aborted) {
  Bytes bytes(aborted.size() * AbortedTransaction::kBytes);
  auto* at = bytes.data();
  for (const auto& transaction : aborted) {
    store_be(at, kVersion);
    store_be(at + kProducerAt, transaction.producer_id.value());
    store_be(at + kFirstAt, transaction.first_offset.value());
    store_be(at + kLastAt, transaction.last_offset.value());
    store_be(at + kStableAt, transaction.last_stable_offset.value());
    at += AbortedTransaction::kBytes;
  }
  return bytes;
}

Result<std::vector<AbortedTransaction>> parse_transaction_index(ByteView bytes, Offset segment_base, Offset segment_end,
                                                                std::string_view name) {
  const auto bad = [&](const char* problem) { return fail(Errc::kCorrupt, fmt::format("{}: {}", name, problem)); };
  if (bytes.size() % AbortedTransaction::kBytes != 0) return bad("its last entry is cut off");
  std::vector<AbortedTransaction> aborted;
  for (; !bytes.empty(); bytes = bytes.subspan(AbortedTransaction::kBytes)) {
    const auto* at = bytes.data();
    if (load_be<std::int16_t>(at) != kVersion) return bad("an entry's version is not 0");
    const AbortedTransaction entry{.producer_id = ProducerId{load_be<std::int64_t>(at + kProducerAt)},
                                   .first_offset = Offset{load_be<std::int64_t>(at + kFirstAt)},
                                   .last_offset = Offset{load_be<std::int64_t>(at + kLastAt)},
                                   .last_stable_offset = Offset{load_be<std::int64_t>(at + kStableAt)}};
    const bool ordered = aborted.empty() || entry.last_offset > aborted.back().last_offset;
    const bool inside = entry.last_offset >= segment_base && entry.last_offset < segment_end;
    if (!ordered || !inside || entry.first_offset > entry.last_offset) return bad("an entry is not of this segment");
    aborted.push_back(entry);
  }
  return aborted;
}

}  // namespace weir::storage
