#include "storage/leftovers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "storage/batch_walker.h"
#include "storage/producer_snapshot.h"
#include "storage/segment_names.h"

namespace weir::storage {
namespace {

constexpr std::size_t kWindowBytes = 64 * kKiB;

// A swap file replaces the segments from its base to its end. It was complete and durable when it got that name, so
// the replacement is carried through; the old ones go for good before any name becomes final.
Result<void> finish_swaps(FileSystem& fs, const Path& directory, const std::set<std::string>& names) {
  const auto swap_log_suffix = std::string(kLogSuffix) + std::string(kSwapSuffix);
  for (const auto& name : names) {
    const auto base = parse_segment_file_name(name, swap_log_suffix);
    if (!base) continue;
    WEIR_TRY_ASSIGN(file, fs.open(directory / name, OpenMode::kRead));
    WEIR_TRY_ASSIGN(size, file->size_bytes());
    Bytes window(kWindowBytes);
    BatchWalker walker(*file, *base, 0, size, ReadMode::kMayBlock, window);
    auto end = *base;
    for (;;) {
      auto header = walker.peek();
      if (!header && header.error().code != Errc::kCorrupt) return std::unexpected(std::move(header).error());
      if (!header || !*header) break;
      end = (*header)->next_offset();
      walker.skip(**header);
    }
    for (const auto& other : names) {
      for (const auto suffix : {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
        const auto replaced = parse_segment_file_name(other, suffix);
        if (replaced && *replaced >= *base && *replaced < end) WEIR_TRY(unlink_if_exists(fs, directory / other));
      }
    }
  }
  WEIR_TRY(fs.sync_directory(directory));
  for (const auto& name : names) {
    if (!name.ends_with(kSwapSuffix)) continue;
    WEIR_TRY(fs.rename(directory / name, directory / name.substr(0, name.size() - kSwapSuffix.size())));
  }
  return {};
}

// An index or a snapshot that was to replace another.
bool is_half_written(const std::string& name) {
  if (!name.ends_with(kTemporarySuffix)) return false;
  const auto final_name = name.substr(0, name.size() - kTemporarySuffix.size());
  return parse_segment_file_name(final_name, kOffsetIndexSuffix).has_value() ||
         parse_segment_file_name(final_name, kTimeIndexSuffix).has_value() ||
         parse_segment_file_name(final_name, kProducerSnapshotSuffix).has_value() ||
         parse_producer_windows_name(final_name).has_value();
}

}  // namespace

Result<void> unlink_if_exists(FileSystem& fs, const Path& path) {
  auto unlinked = fs.unlink(path);
  if (!unlinked && unlinked.error().code != Errc::kNotFound) return unlinked;
  return {};
}

Result<ClearedDirectory> clear_leftovers(FileSystem& fs, const Path& directory) {
  WEIR_TRY_ASSIGN(entries, fs.list(directory));
  ClearedDirectory cleared;
  std::set<std::string> names;
  std::string lowest_cleaned = "~";  // after every digit: names of twenty digits compare as their numbers do
  for (const auto& entry : entries) {
    if (entry.is_directory) continue;
    names.insert(entry.name);
    if (entry.name.ends_with(kCleanedSuffix)) lowest_cleaned = std::min(lowest_cleaned, entry.name.substr(0, 20));
  }
  bool has_swaps = false;
  for (auto it = names.begin(); it != names.end();) {
    const auto& name = *it;
    const bool superseded = name.ends_with(kSwapSuffix) && name.substr(0, 20) >= lowest_cleaned;
    if (superseded || is_half_written(name) || name.ends_with(kDeletedSuffix) || name.ends_with(kCleanedSuffix)) {
      WEIR_TRY(fs.unlink(directory / name));
      cleared.names_changed = true;
      it = names.erase(it);
      continue;
    }
    has_swaps = has_swaps || name.ends_with(kSwapSuffix);
    ++it;
  }
  if (has_swaps) {
    WEIR_TRY(finish_swaps(fs, directory, names));
    WEIR_TRY_ASSIGN(without_swaps, clear_leftovers(fs, directory));
    without_swaps.names_changed = true;
    return without_swaps;
  }
  for (const auto& name : names) {
    if (const auto base = parse_segment_file_name(name, kLogSuffix)) cleared.bases.insert(*base);
  }
  for (const auto& name : names) {
    for (const auto suffix : {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
      const auto base = parse_segment_file_name(name, suffix);
      if (!base || cleared.bases.contains(*base)) continue;
      WEIR_TRY(fs.unlink(directory / name));
      cleared.names_changed = true;
    }
  }
  return cleared;
}

}  // namespace weir::storage
