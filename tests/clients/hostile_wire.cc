// Hostile frames and messages: what goes wrong before a record is looked at.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <utility>

#include "base/random.h"
#include "clients/batch_bytes.h"
#include "clients/hostile_case.h"
#include "clients/requests.h"
#include "clients/wire_writer.h"

namespace weir::clients {
namespace {

constexpr std::int32_t kRequestBytesMax = 104857600;  // socket.request.max.bytes
constexpr std::int32_t kManyElements = 1'000'000'000;
constexpr std::int32_t kId = 11;

Bytes good_produce() {
  return produce_request(kId, kHostileTopic, 0, single_record_batch(as_bytes("well-formed")));
}

Bytes good_metadata() {
  return begin_request({.api_key = kMetadataKey, .api_version = 7, .correlation_id = kId})
      .i32(1)
      .string(kHostileTopic)
      .i8(0)
      .take();
}

Bytes good_list_offsets() {
  return begin_request({.api_key = kListOffsetsKey, .api_version = 5, .correlation_id = kId})
      .i32(-1)
      .i8(0)
      .i32(1)
      .string(kHostileTopic)
      .i32(1)
      .i32(0)
      .i32(-1)
      .i64(-1)
      .take();
}

Bytes good_api_versions() {
  return begin_request({.api_key = kApiVersionsKey, .api_version = 3, .correlation_id = kId, .flexible = true})
      .compact_string("weir-test")
      .compact_string("1.0")
      .uvarint(0)
      .take();
}

// A length that promises `size_bytes`, with a little after it.
WireCase length_case(std::int32_t size_bytes) {
  return {fmt::format("length_{}", size_bytes), Reaction::kHangUp,
          [size_bytes] { return WireWriter().i32(size_bytes).i64(0).i64(0).take(); }};
}

// A frame that holds too little for a request header.
WireCase short_case(std::size_t size_bytes) {
  return {fmt::format("frame_of_{}_bytes", size_bytes), Reaction::kHangUp,
          [size_bytes] { return frame(Bytes(size_bytes)); }};
}

WireCase unserved_case(std::int16_t api_key, std::int16_t version) {
  return {
      fmt::format("key_{}_version_{}", api_key, version), Reaction::kHangUp, [api_key, version] {
        return frame(
            begin_request({.api_key = api_key, .api_version = version, .correlation_id = kId}).i64(0).i64(0).view());
      }};
}

WireCase old_api_versions_case(std::int16_t version) {
  return {
      fmt::format("api_versions_{}", version), Reaction::kOldApiVersions, [version] {
        return frame(
            begin_request(
                {.api_key = kApiVersionsKey, .api_version = version, .correlation_id = kId, .flexible = version >= 3})
                .raw(as_bytes("not a body"))
                .view());
      }};
}

// A request whose body is put together by `write`.
template <class Write>
WireCase body_case(std::string name, Reaction reaction, const RequestHeader& header, Write write) {
  return {std::move(name), reaction, [header, write] {
            auto request = begin_request(header);
            write(request);
            return frame(request.view());
          }};
}

RequestHeader header(std::int16_t api_key, std::int16_t version, bool flexible = false) {
  return {.api_key = api_key, .api_version = version, .correlation_id = kId, .flexible = flexible};
}

void add_tagged_field_cases(std::vector<WireCase>& to) {
  constexpr auto kNullTopics = 0;
  to.push_back(body_case(
      "tagged_field_past_the_frame", Reaction::kHangUp, header(kMetadataKey, 9, true),
      [](WireWriter& w) { w.uvarint(kNullTopics).i8(0).i8(0).i8(0).uvarint(1).uvarint(5).uvarint(1000).i32(0); }));
  to.push_back(body_case("tagged_field_of_2_gib", Reaction::kHangUp, header(kMetadataKey, 9, true), [](WireWriter& w) {
    w.uvarint(kNullTopics).i8(0).i8(0).i8(0).uvarint(1).uvarint(5).uvarint(0x7fffffff).i32(0);
  }));
  to.push_back(body_case("a_billion_tagged_fields", Reaction::kHangUp, header(kMetadataKey, 9, true),
                         [](WireWriter& w) { w.uvarint(kNullTopics).i8(0).i8(0).i8(0).uvarint(kManyElements); }));
  to.push_back(body_case("overlong_varint", Reaction::kHangUp, header(kMetadataKey, 9, true),
                         [](WireWriter& w) { w.i64(-1).i64(-1); }));
  to.push_back(body_case("a_billion_tagged_fields_in_the_header", Reaction::kHangUp, header(kMetadataKey, 9),
                         [](WireWriter& w) { w.uvarint(kManyElements).uvarint(0).i8(0).i8(0).i8(0).uvarint(0); }));
  to.push_back(body_case(
      "unknown_tagged_field_is_skipped", Reaction::kAnswer, header(kMetadataKey, 9, true),
      [](WireWriter& w) { w.uvarint(kNullTopics).i8(0).i8(0).i8(0).uvarint(1).uvarint(77).uvarint(4).i32(0); }));
}

void add_count_cases(std::vector<WireCase>& to) {
  const auto many = [&to](std::string name, const RequestHeader& head, auto write) {
    to.push_back(body_case("a_billion_" + std::move(name), Reaction::kHangUp, head, write));
  };
  many("metadata_topics", header(kMetadataKey, 7), [](WireWriter& w) { w.i32(kManyElements).i64(0); });
  many("compact_metadata_topics", header(kMetadataKey, 9, true),
       [](WireWriter& w) { w.uvarint(kManyElements).i64(0); });
  many("produce_topics", header(kProduceKey, 8),
       [](WireWriter& w) { w.null_string().i16(-1).i32(1000).i32(kManyElements).i64(0); });
  many("produce_partitions", header(kProduceKey, 8),
       [](WireWriter& w) { w.null_string().i16(-1).i32(1000).i32(1).string(kHostileTopic).i32(kManyElements).i64(0); });
  many("compact_produce_topics", header(kProduceKey, 9, true),
       [](WireWriter& w) { w.uvarint(0).i16(-1).i32(1000).uvarint(kManyElements).i64(0); });
  many("fetch_topics", header(kFetchKey, 11),
       [](WireWriter& w) { w.i32(-1).i32(0).i32(0).i32(1).i8(0).i32(0).i32(-1).i32(kManyElements).i64(0); });
  many("forgotten_fetch_topics", header(kFetchKey, 11),
       [](WireWriter& w) { w.i32(-1).i32(0).i32(0).i32(1).i8(0).i32(0).i32(-1).i32(0).i32(kManyElements).i64(0); });
  many("list_offsets_topics", header(kListOffsetsKey, 5),
       [](WireWriter& w) { w.i32(-1).i8(0).i32(kManyElements).i64(0); });
  many("created_topics", header(kCreateTopicsKey, 4), [](WireWriter& w) { w.i32(kManyElements).i64(0); });
  many("configs", header(kCreateTopicsKey, 4),
       [](WireWriter& w) { w.i32(1).string("too-many").i32(1).i16(1).i32(0).i32(kManyElements).i64(0); });
  many("assignments", header(kCreateTopicsKey, 4),
       [](WireWriter& w) { w.i32(1).string("too-many").i32(1).i16(1).i32(kManyElements).i64(0); });
  many("deleted_topics", header(kDeleteTopicsKey, 1), [](WireWriter& w) { w.i32(kManyElements).i64(0); });
}

void add_length_cases(std::vector<WireCase>& to) {
  to.push_back(body_case("string_past_the_frame", Reaction::kHangUp, header(kMetadataKey, 7),
                         [](WireWriter& w) { w.i32(1).i16(32767).i64(0); }));
  to.push_back(body_case("string_of_negative_length", Reaction::kHangUp, header(kMetadataKey, 7),
                         [](WireWriter& w) { w.i32(1).i16(-5).i64(0); }));
  to.push_back(body_case("records_past_the_frame", Reaction::kHangUp, header(kProduceKey, 8), [](WireWriter& w) {
    w.null_string().i16(-1).i32(1000).i32(1).string(kHostileTopic).i32(1).i32(0).i32(0x7fffffff).i64(0);
  }));
  to.push_back({"client_id_past_the_frame", Reaction::kHangUp,
                [] { return frame(WireWriter().i16(kMetadataKey).i16(7).i32(kId).i16(30000).i64(0).view()); }});
  to.push_back(body_case("body_missing", Reaction::kHangUp, header(kProduceKey, 8), [](WireWriter&) {}));
}

}  // namespace

std::vector<WireCase> frame_cases() {
  std::vector<WireCase> cases;
  for (const std::int32_t size_bytes : {-1, -2, std::numeric_limits<std::int32_t>::min(),
                                        std::numeric_limits<std::int32_t>::max(), kRequestBytesMax + 1}) {
    cases.push_back(length_case(size_bytes));
  }
  for (const std::size_t size_bytes : {0U, 1U, 4U, 7U}) cases.push_back(short_case(size_bytes));
  const auto whole = frame(good_produce());
  for (std::size_t kept = 0; kept < whole.size(); ++kept) {
    cases.push_back({fmt::format("cut_after_{}_bytes", kept), Reaction::kSilence, [kept, whole] {
                       return Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept));
                     }});
  }
  return cases;
}

std::vector<WireCase> message_cases() {
  std::vector<WireCase> cases;
  constexpr std::int16_t kKeys[] = {-32768, -1, 4, 5, 6, 7, 52, 99, 1000, 32767};
  for (const auto key : kKeys) cases.push_back(unserved_case(key, 0));
  constexpr std::pair<std::int16_t, std::int16_t> kUnserved[] = {
      {kProduceKey, 2},       {kProduceKey, 99},       {kProduceKey, -1},    {kFetchKey, 3},
      {kFetchKey, 99},        {kMetadataKey, 99},      {kListOffsetsKey, 0}, {kCreateTopicsKey, 1},
      {kCreateTopicsKey, 99}, {kInitProducerIdKey, 99}};
  for (const auto& [key, version] : kUnserved) cases.push_back(unserved_case(key, version));
  constexpr std::int16_t kVersions[] = {99, -1, 32767, -32768};
  for (const auto version : kVersions) cases.push_back(old_api_versions_case(version));
  add_tagged_field_cases(cases);
  add_count_cases(cases);
  add_length_cases(cases);
  return cases;
}

std::vector<WireCase> random_cases(std::uint64_t seed, int rounds) {
  const auto random = std::make_shared<SeededRandom>(seed);
  const auto some_bytes = [random](std::size_t bytes_max) {
    Bytes bytes(1 + random->next_u64() % bytes_max);
    random->fill(bytes);
    return bytes;
  };
  const std::vector<Bytes> good{good_produce(), good_metadata(), good_list_offsets(), good_api_versions()};
  std::vector<WireCase> cases;
  for (int round = 0; round < rounds; ++round) {
    cases.push_back({fmt::format("random_bytes_{}", round), Reaction::kAny, [=] { return some_bytes(4096); }});
    cases.push_back({fmt::format("random_payload_{}", round), Reaction::kAny, [=] { return frame(some_bytes(600)); }});
    cases.push_back({fmt::format("changed_request_{}", round), Reaction::kAny, [=] {
                       auto request = good[random->next_u64() % good.size()];
                       for (auto changes = 1 + random->next_u64() % 4; changes > 0; --changes) {
                         request[random->next_u64() % request.size()] = static_cast<std::uint8_t>(random->next_u64());
                       }
                       return frame(request);
                     }});
  }
  return cases;
}

}  // namespace weir::clients
