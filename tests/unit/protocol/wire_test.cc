#include <gtest/gtest.h>

#include <limits>

#include "protocol/codec.h"
#include "protocol/schema/00_produce.h"
#include "protocol/schema/03_metadata.h"
#include "protocol/schema/20_delete_topics.h"
#include "protocol/wire_reader.h"
#include "protocol/wire_writer.h"

namespace weir::protocol {
namespace {

template <class Read>
Errc refusal(Bytes bytes, Read&& read) {
  WireReader reader{MutableByteView(bytes)};
  read(reader);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.bytes_left(), 0U);
  return reader.error("test").code;
}

TEST(WireReader, ReadsPrimitives) {
  Bytes bytes{0x01, 0xff, 0x80, 0x00, 0x00, 0x00, 0x00, 0x05, 0x02, 0xac, 0x02, 'o', 'k'};
  WireReader reader{MutableByteView(bytes)};
  EXPECT_EQ(reader.integer<std::int8_t>(), 1);
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.integer<std::int16_t>(), std::numeric_limits<std::int16_t>::min());
  EXPECT_EQ(reader.integer<std::uint32_t>(), 5U);
  EXPECT_EQ(reader.uvarint(), 2U);
  EXPECT_EQ(reader.uvarint(), 300U);
  EXPECT_EQ(as_text(reader.raw(2)), "ok");
  EXPECT_EQ(reader.bytes_left(), 0U);
  EXPECT_FALSE(reader.failed());
}

TEST(WireReader, KeepsItsFirstFailure) {
  Bytes bytes{0x00, 0x01, 0x02};
  WireReader reader{MutableByteView(bytes)};
  EXPECT_EQ(reader.integer<std::int32_t>(), 0);
  ASSERT_TRUE(reader.failed());
  EXPECT_EQ(reader.integer<std::int8_t>(), 0);
  EXPECT_EQ(reader.uvarint(), 0U);
  EXPECT_TRUE(reader.raw(1).empty());
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_EQ(to_string(reader.error("test")), "corrupt: test: the frame ends inside a number (byte 0 of 3)");
}

TEST(WireReader, RefusesLengthsPastTheEnd) {
  EXPECT_EQ(refusal({1, 2}, [](WireReader& reader) { (void)reader.raw(3); }), Errc::kCorrupt);
  EXPECT_EQ(refusal({1, 2}, [](WireReader& reader) { (void)reader.raw(std::numeric_limits<std::size_t>::max()); }),
            Errc::kCorrupt);
  EXPECT_EQ(refusal({1, 2}, [](WireReader& reader) { (void)reader.uuid(); }), Errc::kCorrupt);
  EXPECT_EQ(refusal({1, 2}, [](WireReader& reader) { (void)reader.enter(3); }), Errc::kCorrupt);
}

TEST(WireReader, RefusesVarintsWithoutAnEnd) {
  EXPECT_EQ(refusal({}, [](WireReader& reader) { (void)reader.uvarint(); }), Errc::kCorrupt);
  EXPECT_EQ(refusal({0x80}, [](WireReader& reader) { (void)reader.uvarint(); }), Errc::kCorrupt);
  EXPECT_EQ(refusal({0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, [](WireReader& reader) { (void)reader.uvarint(); }),
            Errc::kCorrupt);
}

TEST(WireReader, CountsACompactLengthInSignedBits) {
  // 0 is null; 2^31 + 1 stands for 2^31, which is negative to Kafka and so null as well.
  Bytes bytes{0x00, 0x01, 0x81, 0x80, 0x80, 0x80, 0x08};
  WireReader reader{MutableByteView(bytes)};
  EXPECT_EQ(reader.length(true), std::nullopt);
  EXPECT_EQ(reader.length(true), 0U);
  EXPECT_EQ(reader.length(true), std::nullopt);
  EXPECT_FALSE(reader.failed());
}

TEST(WireReader, BoundsArraysByTheBytesLeftAndByTheBudget) {
  Bytes bytes(100);
  WireReader reader{MutableByteView(bytes)};
  EXPECT_TRUE(reader.array_fits(25, 4, 8));
  EXPECT_TRUE(reader.array_fits(100, 0, 8));  // elements of no bytes count as one byte each
  EXPECT_EQ(refusal(bytes, [](WireReader& r) { (void)r.array_fits(26, 4, 8); }), Errc::kCorrupt);
  EXPECT_EQ(refusal(bytes, [](WireReader& r) { (void)r.array_fits(101, 0, 8); }), Errc::kCorrupt);
  EXPECT_EQ(refusal(bytes, [](WireReader& r) { (void)r.array_fits(std::numeric_limits<std::uint32_t>::max(), 4, 8); }),
            Errc::kCorrupt);
  // The budget is for all arrays together, those in tagged fields included.
  constexpr std::size_t kHalf = kDecodedBytesAllowance / 2;
  EXPECT_EQ(refusal(bytes,
                    [](WireReader& r) {
                      EXPECT_TRUE(r.array_fits(1, 1, kHalf));
                      WireReader inner = r.enter(10);
                      EXPECT_TRUE(inner.array_fits(1, 1, kHalf));
                      (void)inner.raw(10);
                      r.leave(inner);
                      EXPECT_FALSE(r.array_fits(1, 1, kDecodedBytesPerFrameByte * 100 + 1));
                    }),
            Errc::kCorrupt);
}

TEST(WireReader, RefusesATaggedFieldThatIsNotReadToItsEnd) {
  EXPECT_EQ(refusal({1, 2, 3},
                    [](WireReader& reader) {
                      WireReader inner = reader.enter(2);
                      (void)inner.integer<std::int8_t>();
                      reader.leave(inner);
                    }),
            Errc::kCorrupt);
}

// Nothing but the size of the frame may decide how much is allocated.
TEST(Decode, RefusesABillionElements) {
  Bytes fixed{0x3b, 0x9a, 0xca, 0x00, 0, 0, 0, 0};
  EXPECT_FALSE(decode<DeleteTopicsRequest>(MutableByteView(fixed), 1).has_value());
  Bytes compact{0x81, 0x94, 0xeb, 0xdc, 0x03, 0, 0, 0, 0};
  EXPECT_FALSE(decode<DeleteTopicsRequest>(MutableByteView(compact), 5).has_value());
  EXPECT_FALSE(decode<MetadataRequest>(MutableByteView(compact), 9).has_value());
  EXPECT_FALSE(decode<MetadataRequest>(MutableByteView(compact), 12).has_value());
}

TEST(Decode, RefusesTwoGiBOfStringsBytesAndRecords) {
  // Produce version 3 and 9: transactional id, acks, timeout, one topic, one partition, records of 2^31 - 1 bytes.
  Bytes fixed{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1};
  EXPECT_FALSE(decode<ProduceRequest>(MutableByteView(fixed), 3).has_value());
  Bytes compact{0, 0, 1, 0, 0, 0, 9, 2, 2, 't', 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07, 1};
  EXPECT_FALSE(decode<ProduceRequest>(MutableByteView(compact), 9).has_value());
}

TEST(Decode, TakesRecordsOfAnyNegativeLengthAsNull) {
  Bytes bytes{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe};
  const Result<ProduceRequest> request = decode<ProduceRequest>(MutableByteView(bytes), 3);
  ASSERT_TRUE(request.has_value()) << to_string(request.error());
  EXPECT_TRUE(request->topic_data[0].partition_data[0].records.is_null);
}

TEST(Decode, BorrowsRecordsFromTheFrame) {
  Bytes bytes{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 7, 8, 9};
  const Result<ProduceRequest> request = decode<ProduceRequest>(MutableByteView(bytes), 3);
  ASSERT_TRUE(request.has_value()) << to_string(request.error());
  const MutableByteView view = request->topic_data[0].partition_data[0].records.view;
  ASSERT_EQ(view.size(), 3U);
  view[0] = 0x55;
  EXPECT_EQ(bytes[bytes.size() - 3], 0x55);
}

TEST(Decode, RefusesArraysThatTakeFarMoreMemoryThanTheirFrame) {
  // Two million empty names: 2 MB in the frame, 64 MB in memory.
  WireWriter writer;
  writer.length(2'000'000, true);
  writer.raw(Bytes(2'000'000, 0x01));
  writer.integer(std::int32_t{0});
  writer.uvarint(0);
  Bytes bytes = writer.finish_bytes();
  const Result<DeleteTopicsRequest> request = decode<DeleteTopicsRequest>(MutableByteView(bytes), 5);
  ASSERT_FALSE(request.has_value());
  EXPECT_NE(request.error().context.find("memory"), std::string::npos) << request.error().context;

  // A hundred thousand real ones are fine.
  DeleteTopicsRequest many;
  for (int i = 0; i < 100'000; ++i) many.topic_names.push_back("topic-" + std::to_string(i));
  ASSERT_TRUE(encode(writer, many, 5).has_value());
  bytes = writer.finish_bytes();
  EXPECT_TRUE(decode<DeleteTopicsRequest>(MutableByteView(bytes), 5) == many);
}

TEST(Decode, RefusesAStringOver32767BytesInEveryVersion) {
  WireWriter writer;
  writer.length(1, true);
  writer.length(kStringBytesMax + 1, true);
  writer.raw(Bytes(kStringBytesMax + 1, 'x'));
  writer.integer(std::int32_t{0});
  writer.uvarint(0);
  Bytes bytes = writer.finish_bytes();
  EXPECT_FALSE(decode<DeleteTopicsRequest>(MutableByteView(bytes), 5).has_value());

  DeleteTopicsRequest request{.topics = {}, .topic_names = {std::string(kStringBytesMax + 1, 'x')}, .timeout_ms = 0};
  EXPECT_EQ(encode(writer, request, 5).error().code, Errc::kInvalidArgument);
  WireWriter fresh;
  request.topic_names[0].pop_back();
  EXPECT_TRUE(encode(fresh, request, 5).has_value());
}

TEST(WireWriter, TakesRecordsAsPiecesAndFilesUntouched) {
  ByteChain batches;
  batches.append(Bytes{1, 2, 3});
  batches.append(FileRange{.owner = nullptr, .fd = 7, .offset = 100, .size = 50});
  ProduceRequest request;
  request.topic_data.resize(1);
  request.topic_data[0].partition_data.resize(2);
  request.topic_data[0].partition_data[0].records = Records::of(std::move(batches));
  request.topic_data[0].partition_data[1].records = Records::none();

  WireWriter writer;
  writer.integer(std::int32_t{0});
  ASSERT_TRUE(encode(writer, request, 3).has_value());
  writer.patch_front(0x01020304);
  const ByteChain chain = writer.finish();
  ASSERT_EQ(chain.pieces().size(), 4U);  // before, the batch in memory, the file, behind
  const ByteView before = std::get<SharedSlice>(chain.pieces()[0]).view;
  EXPECT_EQ(load_be<std::int32_t>(before.data()), 0x01020304);
  EXPECT_EQ(load_be<std::int32_t>(before.data() + before.size() - 4), 53);
  const auto& file = std::get<FileRange>(chain.pieces()[2]);
  EXPECT_EQ(file.fd, 7);
  EXPECT_EQ(file.offset, 100U);
  EXPECT_EQ(file.size, 50U);
  EXPECT_EQ(chain.size_bytes(), before.size() + 53 + 8);  // the second partition: index and a length of 0
}

TEST(WireWriter, SizesWhatStandsBetweenBeginAndEnd) {
  WireWriter writer;
  writer.integer(std::int8_t{9});
  const std::size_t begun = writer.begin_sized();
  writer.raw(Bytes(200, 0x11));
  writer.end_sized(begun);
  const Bytes bytes = writer.finish_bytes();
  ASSERT_EQ(bytes.size(), 1U + 2U + 200U);
  EXPECT_EQ(bytes[1], 0xc8);  // 200 as a varint
  EXPECT_EQ(bytes[2], 0x01);
  EXPECT_EQ(bytes[3], 0x11);
}

TEST(WireWriter, GivesAllBytesInOneRun) {
  WireWriter writer;
  writer.integer(std::int16_t{1});
  ByteChain chain;
  chain.append(Bytes{5, 6});
  writer.chain(std::move(chain));
  writer.integer(std::int8_t{2});
  EXPECT_EQ(writer.size_bytes(), 5U);
  EXPECT_EQ(writer.finish_bytes(), (Bytes{0, 1, 5, 6, 2}));
}

TEST(Records, CompareBytesWhereverTheyLie) {
  Bytes bytes{1, 2, 3};
  ByteChain chain;
  chain.append(Bytes{1});
  chain.append(Bytes{2, 3});
  EXPECT_TRUE(Records::of(MutableByteView(bytes)) == Records::of(std::move(chain)));
  EXPECT_FALSE(Records::of(MutableByteView(bytes)) == Records::none());
  EXPECT_FALSE(Records{} == Records::none());
  ByteChain file;
  file.append(FileRange{.owner = nullptr, .fd = 3, .offset = 0, .size = 3});
  EXPECT_FALSE(Records::of(MutableByteView(bytes)) == Records::of(file));
  EXPECT_TRUE(Records::of(file) == Records::of(file));
}

}  // namespace
}  // namespace weir::protocol
