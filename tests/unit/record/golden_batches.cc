#include "unit/record/golden_batches.h"

#include <gtest/gtest.h>

#include <ostream>

#include "record/record_reader.h"
#include "unit/record/golden_lines.h"

namespace weir::record {

namespace {

std::optional<std::string> to_text(const std::optional<ByteView>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

}  // namespace

const std::map<std::string, Bytes>& golden_batches() {
  static const auto batches = read_golden_lines();
  return batches;
}

const Bytes& golden_batch(const std::string& name) {
  return golden_batches().at(name);
}

void PrintTo(const PlainRecord& record, std::ostream* out) {
  *out << record.offset_delta << "@" << record.timestamp_ms << " key " << record.key.value_or("null") << ", value of "
       << record.value.value_or("").size() << " bytes, " << record.headers.size() << " headers";
}

PlainRecord golden_record(std::int32_t index) {
  PlainRecord record;
  const std::string number = std::to_string(index);
  record.offset_delta = index;
  record.timestamp_ms = kGoldenFirstTimestampMs + 7 * index;
  if (index % 3 != 2) record.key = "key-" + number;
  if (index % 5 != 4) {
    record.value.emplace();
    for (std::int32_t i = 0; i < index % 20; ++i) *record.value += "value-" + number + " ";
  }
  for (std::int32_t i = 0; i < index % 4; ++i) {
    std::optional<std::string> value = "v" + std::to_string(i);
    if (i == index % 4 - 1) value = std::nullopt;
    record.headers.push_back({"h" + std::to_string(i), value});
  }
  return record;
}

PlainRecord golden_big_record() {
  PlainRecord record{
      .offset_delta = 1, .timestamp_ms = kGoldenFirstTimestampMs + 7, .key = "big", .value = "", .headers = {}};
  for (int i = 0; i < 10000; ++i) *record.value += "0123456789abcdefghijklmnopqrst";
  return record;
}

PlainRecord to_plain(const RecordView& record, std::int64_t timestamp_ms) {
  PlainRecord plain{.offset_delta = record.offset_delta,
                    .timestamp_ms = timestamp_ms,
                    .key = to_text(record.key),
                    .value = to_text(record.value),
                    .headers = {}};
  HeaderReader headers(record);
  while (const auto header = headers.next())
    plain.headers.push_back({std::string(header->key), to_text(header->value)});
  return plain;
}

std::vector<PlainRecord> read_all(ByteView batch) {
  std::vector<PlainRecord> records;
  auto reader = RecordReader::open(batch, {.max_inflated_bytes = 256 * kMiB});
  if (!reader) {
    ADD_FAILURE() << to_string(reader.error());
    return {};
  }
  RecordView record;
  while (true) {
    const auto more = reader->next(record);
    if (!more) {
      ADD_FAILURE() << to_string(more.error());
      return {};
    }
    if (!*more) return records;
    records.push_back(to_plain(record, reader->timestamp_ms(record.timestamp_delta)));
  }
}

}  // namespace weir::record
