// A segment's `.index` and `.timeindex`: sorted entries of fixed size, the written ones in the file, the newest still
// pending in memory until what they point at is durable. The owner appends; readers search a snapshot of the written
// part, by pread and binary search in bounded memory, and the pending part under the segment's lock.
//
//   .index      8 bytes: relative_offset i32 (last offset of the batch - base) | position i32 (of that batch)
//   .timeindex 12 bytes: timestamp_ms i64 (largest so far in the segment) | relative_offset i32 (last offset of the
//              batch that holds it)
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/fs.h"

namespace weir::storage {

struct OffsetIndexEntry {
  static constexpr std::size_t kBytes = 8;
  std::int32_t relative_offset = 0;
  std::int32_t position = 0;

  static OffsetIndexEntry read(const std::uint8_t* from) {
    return {load_be<std::int32_t>(from), load_be<std::int32_t>(from + 4)};
  }
  void write(std::uint8_t* to) const {
    store_be(to, relative_offset);
    store_be(to + 4, position);
  }
  friend bool operator==(const OffsetIndexEntry&, const OffsetIndexEntry&) = default;
};

struct TimeIndexEntry {
  static constexpr std::size_t kBytes = 12;
  std::int64_t timestamp_ms = 0;
  std::int32_t relative_offset = 0;

  static TimeIndexEntry read(const std::uint8_t* from) {
    return {load_be<std::int64_t>(from), load_be<std::int32_t>(from + 8)};
  }
  void write(std::uint8_t* to) const {
    store_be(to, timestamp_ms);
    store_be(to + 8, relative_offset);
  }
  friend bool operator==(const TimeIndexEntry&, const TimeIndexEntry&) = default;
};

// The written part of an index at one moment. Any thread.
template <class Entry>
struct IndexSnapshot {
  std::shared_ptr<const File> file;
  std::uint64_t count = 0;

  [[nodiscard]] Result<Entry> entry(std::uint64_t index, ReadMode mode) const {
    std::array<std::uint8_t, Entry::kBytes> bytes;
    WEIR_TRY_ASSIGN(got, read_at(*file, bytes, index * Entry::kBytes, mode));
    if (got != bytes.size()) return fail(Errc::kCorrupt, "an index file is shorter than it was");
    return Entry::read(bytes.data());
  }

  // The last entry for which `holds`, which is true for a first part of the entries. nullopt: for none. With entries
  // out of order (a damaged file) the answer is some entry for which it holds, or none.
  template <class Predicate>
  [[nodiscard]] Result<std::optional<Entry>> last_where(Predicate holds, ReadMode mode) const {
    constexpr std::uint64_t kBlockEntries = 4096 / Entry::kBytes;
    std::uint64_t begin = 0;
    std::uint64_t end = count;
    std::optional<Entry> best;
    while (end - begin > kBlockEntries) {
      const auto middle = begin + (end - begin) / 2;
      WEIR_TRY_ASSIGN(found, entry(middle, mode));
      if (holds(found)) {
        best = found;
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    std::array<std::uint8_t, kBlockEntries * Entry::kBytes> block;
    const auto bytes = MutableByteView(block).first((end - begin) * Entry::kBytes);
    if (bytes.empty()) return best;
    WEIR_TRY_ASSIGN(got, read_at(*file, bytes, begin * Entry::kBytes, mode));
    std::size_t first = 0;
    std::size_t last = got / Entry::kBytes;
    while (first < last) {
      const auto middle = first + (last - first) / 2;
      const auto candidate = Entry::read(block.data() + middle * Entry::kBytes);
      if (holds(candidate)) {
        best = candidate;
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return best;
  }
};

// The owner's side. Readers call snapshot(), last() and find_pending() under the segment's lock; the owner takes it for
// the calls marked (lock), and alone changes anything.
template <class Entry>
class SparseIndex {
 public:
  // `count` entries of the file at `path` hold; `last` is the newest of them.
  SparseIndex(FileSystem& fs, Path path, std::uint64_t count, std::optional<Entry> last)
      : fs_(fs), path_(std::move(path)), written_count_(count), last_written_(last), last_(last) {}

  [[nodiscard]] std::uint64_t count() const { return written_count_ + pending_.size(); }
  [[nodiscard]] const std::optional<Entry>& last() const { return last_; }
  [[nodiscard]] const std::optional<Entry>& last_written() const { return last_written_; }
  [[nodiscard]] const std::vector<Entry>& pending() const { return pending_; }
  [[nodiscard]] const Path& path() const { return path_; }

  // (lock)
  void add(const Entry& entry) {
    pending_.push_back(entry);
    last_ = entry;
  }

  // (lock) The last pending entry for which `holds`, as in IndexSnapshot::last_where.
  template <class Predicate>
  [[nodiscard]] std::optional<Entry> last_pending_where(Predicate holds) const {
    const auto end = std::ranges::partition_point(pending_, holds);
    return end == pending_.begin() ? std::nullopt : std::optional(*std::prev(end));
  }

  // (lock) Opens the file at the first use, so that idle segments hold no descriptor for it.
  [[nodiscard]] Result<IndexSnapshot<Entry>> snapshot() {
    if (written_count_ != 0 && file_ == nullptr) {
      auto file = fs_.open(path_, OpenMode::kReadWrite);
      // Renamed with its deleted segment, of which somebody still reads: only a hint, which is done without.
      if (!file && file.error().code == Errc::kNotFound) return IndexSnapshot<Entry>{};
      if (!file) return std::unexpected(std::move(file).error());
      file_ = *std::move(file);
    }
    return IndexSnapshot<Entry>{file_, written_count_};
  }

  // (lock) The file, created if missing; sets `created` when its name is new.
  [[nodiscard]] Result<std::shared_ptr<File>> file_for_writing(bool& created) {
    if (file_ != nullptr) return file_;
    WEIR_TRY_ASSIGN(file, fs_.open(path_, OpenMode::kOpenOrCreate));
    file_ = std::move(file);
    created = created || written_count_ == 0;
    return file_;
  }

  // Without the lock: writes the first `count` pending entries after those that the file holds. A part written before
  // a failure is written over by the next attempt.
  [[nodiscard]] Result<void> write_pending(File& file, std::size_t count) const {
    constexpr std::size_t kBatchEntries = 64;
    std::array<std::uint8_t, kBatchEntries * Entry::kBytes> bytes;
    for (std::size_t done = 0; done < count;) {
      const auto step = std::min(count - done, kBatchEntries);
      for (std::size_t i = 0; i < step; ++i) pending_[done + i].write(bytes.data() + i * Entry::kBytes);
      const auto view = ByteView(bytes).first(step * Entry::kBytes);
      WEIR_TRY(file.pwritev({&view, 1}, (written_count_ + done) * Entry::kBytes));
      done += step;
    }
    return {};
  }

  // (lock) The first `count` pending entries are in the file now.
  void mark_written(std::size_t count) {
    if (count == 0) return;
    last_written_ = pending_[count - 1];
    written_count_ += count;
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  // (lock) The file, opened again if it was closed since something was written; null: nothing was.
  [[nodiscard]] Result<std::shared_ptr<File>> file_to_sync() {
    if (file_ == nullptr && written_count_ == 0) return nullptr;
    bool created = false;
    return file_for_writing(created);
  }
  // (lock) Gives the descriptor back; the next lookup opens the file again.
  void release_file() { file_ = nullptr; }

 private:
  FileSystem& fs_;
  const Path path_;
  std::shared_ptr<File> file_;
  std::uint64_t written_count_;
  std::optional<Entry> last_written_;
  std::vector<Entry> pending_;
  std::optional<Entry> last_;
};

}  // namespace weir::storage
