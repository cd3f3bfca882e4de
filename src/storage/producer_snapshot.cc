#include "storage/producer_snapshot.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/crc32c.h"
#include "storage/segment_names.h"

namespace weir::storage {
namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCrcAt = 2;
constexpr std::size_t kCrcEnd = 6;
constexpr std::size_t kHeaderBytes = 10;  // of a .snapshot
constexpr std::size_t kEntryBytes = 46;
constexpr std::size_t kWindowsHeaderBytes = 14;
constexpr std::size_t kWindowHeaderBytes = 9;
constexpr std::size_t kBatchBytes = 24;
constexpr std::uint64_t kFileBytesMax = 256 * kMiB;  // five million producers
constexpr std::string_view kWindowsPrefix = "weir.";
constexpr std::string_view kWindowsSuffix = ".producers";

// Appends big-endian numbers.
class Writer {
 public:
  template <class T>
  Writer& put(T value) {
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    store_be(bytes_.data() + at, value);
    return *this;
  }
  // The finished file: its checksum covers all behind it.
  Bytes finish() {
    store_be(bytes_.data() + kCrcAt, crc32c(ByteView(bytes_).subspan(kCrcEnd)));
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
};

// Reads them; the caller has made sure of the size.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    const auto value = load_be<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  ByteView rest_;
};

std::uint32_t crc_in(ByteView file) {
  return load_be<std::uint32_t>(file.data() + kCrcAt);
}

// What every version of both files begins with.
const char* start_problem(ByteView file, std::size_t header_bytes) {
  if (file.size() < header_bytes) return "shorter than its header";
  if (load_be<std::int16_t>(file.data()) != kVersion) return "its version is not 1";
  if (crc_in(file) != crc32c(file.subspan(kCrcEnd))) return "its checksum is wrong";
  return nullptr;
}

BatchMemory take_batch(Reader& from) {
  BatchMemory batch;
  batch.last_sequence = from.take<std::int32_t>();
  batch.last_offset = Offset{from.take<std::int64_t>()};
  batch.offset_delta = from.take<std::int32_t>();
  batch.timestamp_ms = from.take<std::int64_t>();
  return batch;
}

// Whether the batches of a producer are more than the newest one, with the producer's own timestamp.
bool needs_window(const ProducerMemory& producer) {
  if (producer.batches.size() != 1) return producer.batches.size() > 1;
  return producer.batches.back().timestamp_ms != producer.timestamp_ms;  // a marker came later
}

// Puts the whole windows in place. False: the bytes are not what a writer made.
bool take_windows(ByteView windows, std::vector<ProducerMemory>& producers) {
  std::unordered_map<ProducerId, ProducerMemory*> by_id;
  for (auto& producer : producers) by_id.emplace(producer.id, &producer);
  Reader reader(windows.subspan(kWindowsHeaderBytes - sizeof(std::int32_t)));
  const auto count = reader.take<std::int32_t>();
  for (std::int32_t i = 0; i < count; ++i) {
    if (reader.left() < kWindowHeaderBytes) return false;
    const auto found = by_id.find(ProducerId{reader.take<std::int64_t>()});
    const auto batch_count = static_cast<std::size_t>(reader.take<std::uint8_t>());
    if (found == by_id.end() || reader.left() < batch_count * kBatchBytes) return false;
    std::vector<BatchMemory> batches;
    for (std::size_t k = 0; k < batch_count; ++k) batches.push_back(take_batch(reader));
    auto& known = found->second->batches;
    if (batches.empty() || known.empty() || batches.back().last_offset != known.back().last_offset) return false;
    known = std::move(batches);
  }
  return reader.left() == 0;
}

Path snapshot_path(const Path& directory, Offset offset) {
  return directory / segment_file_name(offset, kProducerSnapshotSuffix);
}

}  // namespace

ProducerSnapshot format_producers(const std::vector<ProducerMemory>& producers) {
  ProducerSnapshot files;
  Writer snapshot;
  snapshot.put(kVersion).put(std::uint32_t{0}).put(static_cast<std::int32_t>(producers.size()));
  std::int32_t windows_count = 0;
  for (const auto& producer : producers) {
    const auto newest = producer.batches.empty() ? BatchMemory{} : producer.batches.back();
    snapshot.put(producer.id.value()).put(producer.epoch.value()).put(newest.last_sequence);
    snapshot.put(newest.last_offset.value()).put(newest.offset_delta).put(producer.timestamp_ms);
    snapshot.put(producer.coordinator_epoch).put(producer.open_transaction.value());
    if (needs_window(producer)) ++windows_count;
  }
  files.snapshot = snapshot.finish();
  if (windows_count == 0) return files;
  Writer windows;
  windows.put(kVersion).put(std::uint32_t{0}).put(crc_in(files.snapshot)).put(windows_count);
  for (const auto& producer : producers) {
    if (!needs_window(producer)) continue;
    windows.put(producer.id.value()).put(static_cast<std::uint8_t>(producer.batches.size()));
    for (const auto& batch : producer.batches) {
      windows.put(batch.last_sequence).put(batch.last_offset.value()).put(batch.offset_delta).put(batch.timestamp_ms);
    }
  }
  files.windows = windows.finish();
  return files;
}

Result<std::vector<ProducerMemory>> parse_producers(ByteView snapshot, ByteView windows, std::string_view name) {
  const auto bad = [&](const char* problem) { return fail(Errc::kCorrupt, fmt::format("{}: {}", name, problem)); };
  if (const auto* problem = start_problem(snapshot, kHeaderBytes)) return bad(problem);
  Reader reader(snapshot.subspan(kCrcEnd));
  const auto count = reader.take<std::int32_t>();
  if (count < 0 || reader.left() != static_cast<std::size_t>(count) * kEntryBytes) return bad("its size is wrong");
  std::vector<ProducerMemory> producers;
  producers.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    ProducerMemory producer;
    producer.id = ProducerId{reader.take<std::int64_t>()};
    producer.epoch = ProducerEpoch{reader.take<std::int16_t>()};
    const auto newest = take_batch(reader);
    producer.timestamp_ms = newest.timestamp_ms;
    if (newest.last_offset >= Offset{0}) producer.batches.push_back(newest);
    producer.coordinator_epoch = reader.take<std::int32_t>();
    producer.open_transaction = Offset{reader.take<std::int64_t>()};
    producers.push_back(std::move(producer));
  }
  if (windows.empty()) return producers;
  if (start_problem(windows, kWindowsHeaderBytes) != nullptr) return bad("its older batches are damaged");
  if (load_be<std::uint32_t>(windows.data() + kCrcEnd) != crc_in(snapshot)) return producers;
  if (!take_windows(windows, producers)) return bad("its older batches are not its own");
  return producers;
}

std::string producer_windows_name(Offset offset) {
  return std::string(kWindowsPrefix) + segment_file_name(offset, kWindowsSuffix);
}

std::optional<Offset> parse_producer_windows_name(std::string_view name) {
  if (!name.starts_with(kWindowsPrefix)) return std::nullopt;
  return parse_segment_file_name(name.substr(kWindowsPrefix.size()), kWindowsSuffix);
}

Result<std::vector<ProducerMemory>> read_producers(FileSystem& fs, const Path& directory, Offset offset) {
  const auto path = snapshot_path(directory, offset);
  WEIR_TRY_ASSIGN(snapshot, read_whole_file(fs, path, kFileBytesMax));
  auto windows = read_whole_file(fs, directory / producer_windows_name(offset), kFileBytesMax);
  if (!windows && windows.error().code != Errc::kNotFound) return std::unexpected(std::move(windows).error());
  if (windows && windows->empty()) return fail(Errc::kCorrupt, path.native() + ": what lies beside it is empty");
  return parse_producers(snapshot, windows ? ByteView(*windows) : ByteView(), path.native());
}

Result<void> write_producers(FileSystem& fs, const Path& directory, Offset offset, const ProducerSnapshot& content) {
  // What belongs to the snapshot goes before it: a snapshot that is there alone is Kafka's, or has nothing to add.
  if (!content.windows.empty()) {
    WEIR_TRY(write_file_atomically(fs, directory / producer_windows_name(offset), content.windows));
  }
  return write_file_atomically(fs, snapshot_path(directory, offset), content.snapshot);
}

Result<void> remove_producers(FileSystem& fs, const Path& directory, Offset offset) {
  const Path paths[] = {snapshot_path(directory, offset), directory / producer_windows_name(offset)};
  for (const auto& path : paths) {
    auto removed = fs.unlink(path);
    if (!removed && removed.error().code != Errc::kNotFound) return removed;
  }
  return {};
}

}  // namespace weir::storage
