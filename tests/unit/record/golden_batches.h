// The batches of golden/golden_batches.txt, for tests: by name, and the records that are in them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "record/record_view.h"

namespace weir::record {

inline constexpr std::int64_t kGoldenFirstTimestampMs = 1'700'000'000'000;

// By name; read once. Empty when the file isn't there (the tests run from the checkout's root).
const std::map<std::string, Bytes>& golden_batches();
const Bytes& golden_batch(const std::string& name);

struct PlainHeader {
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const PlainHeader&, const PlainHeader&) = default;
};

struct PlainRecord {
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<PlainHeader> headers;
  friend bool operator==(const PlainRecord&, const PlainRecord&) = default;
};

// Failures name records instead of dumping their memory.
void PrintTo(const PlainRecord& record, std::ostream* out);

// What GoldenBatches.java puts into record i, alike in every batch; `big` is record 1 of the big ones.
PlainRecord golden_record(std::int32_t index);
PlainRecord golden_big_record();

// A copy of what a reader yielded.
PlainRecord to_plain(const RecordView& record, std::int64_t timestamp_ms);

// Every record of a batch, or nothing and a test failure.
std::vector<PlainRecord> read_all(ByteView batch);

}  // namespace weir::record
