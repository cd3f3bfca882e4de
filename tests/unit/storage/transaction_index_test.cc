// The index of aborted transactions: Kafka's bytes, and what is no such index.
#include "storage/transaction_index.h"

#include "storage_fixture.h"

namespace weir::storage {
namespace {

const std::vector<AbortedTransaction> kAborted{{ProducerId{7}, Offset{100}, Offset{120}, Offset{121}},
                                               {ProducerId{0x0102030405060708}, Offset{90}, Offset{130}, Offset{131}}};

TEST(TransactionIndexes, AreKafkasBytes) {
  const auto bytes = format_transaction_index(kAborted);
  ASSERT_EQ(bytes.size(), 68U);
  EXPECT_EQ(load_be<std::int16_t>(bytes.data() + 34), 0);
  EXPECT_EQ(load_be<std::int64_t>(bytes.data() + 36), 0x0102030405060708);
  EXPECT_EQ(load_be<std::int64_t>(bytes.data() + 44), 90);
  EXPECT_EQ(load_be<std::int64_t>(bytes.data() + 52), 130);
  EXPECT_EQ(load_be<std::int64_t>(bytes.data() + 60), 131);
  EXPECT_EQ(value_of(parse_transaction_index(bytes, Offset{100}, Offset{131}, "i")), kAborted);
  EXPECT_TRUE(value_of(parse_transaction_index({}, Offset{0}, Offset{1}, "i")).empty());
}

TEST(TransactionIndexes, RefuseWhatIsNotOfTheSegment) {
  const auto bytes = format_transaction_index(kAborted);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto parsed = parse_transaction_index(ByteView(bytes).first(size), Offset{100}, Offset{131}, "i");
    EXPECT_EQ(parsed.has_value(), size % AbortedTransaction::kBytes == 0);
  }
  EXPECT_EQ(code_of(parse_transaction_index(bytes, Offset{121}, Offset{131}, "i")), Errc::kCorrupt);
  EXPECT_EQ(code_of(parse_transaction_index(bytes, Offset{100}, Offset{130}, "i")), Errc::kCorrupt);
  EXPECT_EQ(code_of(parse_transaction_index(format_transaction_index({kAborted[1], kAborted[0]}), Offset{0},
                                            Offset{200}, "i")),
            Errc::kCorrupt);
  auto other_version = bytes;
  other_version[1] = 1;
  EXPECT_EQ(code_of(parse_transaction_index(other_version, Offset{100}, Offset{131}, "i")), Errc::kCorrupt);
}

}  // namespace
}  // namespace weir::storage
