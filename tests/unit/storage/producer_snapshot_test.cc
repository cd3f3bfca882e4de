// Producer snapshots: Kafka's bytes, Weir's own file beside them, and what damage to either is worth.
#include "storage/producer_snapshot.h"

#include "base/crc32c.h"
#include "storage_fixture.h"

namespace weir::storage {
namespace {

ProducerMemory producer(std::int64_t id, int batch_count) {
  ProducerMemory memory{.id = ProducerId{id},
                        .epoch = ProducerEpoch{3},
                        .batches = {},
                        .timestamp_ms = 1'700'000'000'000 + id,
                        .coordinator_epoch = 9,
                        .open_transaction = Offset{id * 7}};
  for (int i = 0; i < batch_count; ++i) {
    memory.batches.push_back({.last_sequence = 10 * i + 4,
                              .last_offset = Offset{100 * id + i},
                              .offset_delta = 4,
                              .timestamp_ms = i + 1 == batch_count ? memory.timestamp_ms : 1000 + i});
  }
  return memory;
}

// Written out by hand from ProducerStateManager's schema: version, crc, count, one entry.
TEST(ProducerSnapshots, AreKafkasBytes) {
  const auto files = format_producers({producer(0x0102030405060708, 1)});
  EXPECT_TRUE(files.windows.empty());
  ASSERT_EQ(files.snapshot.size(), 10U + 46U);
  const auto* at = files.snapshot.data();
  EXPECT_EQ(load_be<std::int16_t>(at), 1);
  EXPECT_EQ(load_be<std::uint32_t>(at + 2), crc32c(ByteView(files.snapshot).subspan(6)));
  EXPECT_EQ(load_be<std::int32_t>(at + 6), 1);
  EXPECT_EQ(load_be<std::int64_t>(at + 10), 0x0102030405060708);
  EXPECT_EQ(load_be<std::int16_t>(at + 18), 3);
  EXPECT_EQ(load_be<std::int32_t>(at + 20), 4);
  EXPECT_EQ(load_be<std::int64_t>(at + 24), 100 * 0x0102030405060708);
  EXPECT_EQ(load_be<std::int32_t>(at + 32), 4);
  EXPECT_EQ(load_be<std::int64_t>(at + 36), 1'700'000'000'000 + 0x0102030405060708);
  EXPECT_EQ(load_be<std::int32_t>(at + 44), 9);
  EXPECT_EQ(load_be<std::int64_t>(at + 48), 0x0102030405060708 * 7);
}

TEST(ProducerSnapshots, KeepAllFiveBatches) {
  const std::vector<ProducerMemory> producers{producer(1, 0), producer(2, 1), producer(3, 5), producer(4, 2)};
  auto empty = producers;
  empty[0].batches.clear();
  const auto files = format_producers(producers);
  EXPECT_EQ(value_of(parse_producers(files.snapshot, files.windows, "s")), empty);
  // The newest batch keeps its own time when a marker came after it.
  auto marked = producer(3, 1);
  marked.timestamp_ms += 500;
  const auto with_marker = format_producers({marked});
  EXPECT_EQ(value_of(parse_producers(with_marker.snapshot, with_marker.windows, "s"))[0], marked);
  // Alone it tells of the newest ones, as Kafka would.
  const auto alone = value_of(parse_producers(files.snapshot, {}, "s"));
  ASSERT_EQ(alone.size(), 4U);
  EXPECT_EQ(alone[2].batches, (std::vector<BatchMemory>{producers[2].batches.back()}));
  // Of another snapshot: Kafka has written here since.
  const auto other = format_producers({producer(3, 2)});
  EXPECT_EQ(value_of(parse_producers(other.snapshot, files.windows, "s"))[0].batches.size(), 1U);
  EXPECT_TRUE(value_of(parse_producers(format_producers({}).snapshot, {}, "s")).empty());
}

TEST(ProducerSnapshots, DamageToAnyByteIsNoticed) {
  const auto files = format_producers({producer(1, 3), producer(2, 5)});
  for (const bool of_windows : {false, true}) {
    const auto& whole = of_windows ? files.windows : files.snapshot;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const bool cut : {false, true}) {
        if (of_windows && cut && at == 0) continue;  // an empty one is none
        auto bad = whole;
        if (cut) bad.resize(at);
        if (!cut) bad[at] ^= 0x10;
        const auto parsed =
            of_windows ? parse_producers(files.snapshot, bad, "s") : parse_producers(bad, files.windows, "s");
        EXPECT_EQ(code_of(parsed), Errc::kCorrupt) << at;
      }
    }
  }
}

TEST(ProducerSnapshots, HaveNamesThatKafkaPassesOver) {
  EXPECT_EQ(producer_windows_name(Offset{42}), "weir.00000000000000000042.producers");
  EXPECT_EQ(parse_producer_windows_name("weir.00000000000000000042.producers"), Offset{42});
  EXPECT_EQ(parse_producer_windows_name("00000000000000000042.snapshot"), std::nullopt);
}

TEST(ProducerSnapshots, AreReplacedForGood) {
  test::MemoryFs disk;
  ASSERT_OK(disk.create_directory("/data"));
  ASSERT_OK(disk.sync_directory("/"));
  const std::vector<ProducerMemory> producers{producer(3, 5)};
  ASSERT_OK(write_producers(disk, "/data", Offset{7}, format_producers(producers)));
  const auto image = disk.after_power_cut(test::PowerCut::kDrop, 0);
  EXPECT_EQ(value_of(read_producers(*image, "/data", Offset{7})), producers);
  EXPECT_EQ(code_of(read_producers(*image, "/data", Offset{8})), Errc::kNotFound);
  ASSERT_OK(remove_producers(*image, "/data", Offset{7}));
  EXPECT_TRUE(value_of(image->list("/data")).empty());
}

}  // namespace
}  // namespace weir::storage
