// A metadata log in memory whose appends a test can hold back or fail. Used on one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/async/one_shot.h"
#include "metadata/metadata_log.h"
#include "record/batch_header.h"

namespace weir::metadata {

class MemoryMetadataLog final : public MetadataLog {
 public:
  // `shard` runs the controller; it may change between lives of one log.
  void use(Shard& shard) { shard_ = &shard; }

  [[nodiscard]] Offset log_start() const override {
    return batches.empty() ? Offset(0) : record::BatchHeader::read(batches.front().data()).base_offset;
  }
  [[nodiscard]] Offset log_end() const override { return end(); }
  Result<void> read_from(Offset first, BatchVisitor visit) override {
    for (const auto& batch : batches) {
      if (record::BatchHeader::read(batch.data()).next_offset() > first) WEIR_TRY(visit(batch));
    }
    return {};
  }

  void release_before(Offset offset) override {
    ++release_count;
    std::erase_if(batches, [offset](const Bytes& batch) {
      return record::BatchHeader::read(batch.data()).next_offset() <= offset;
    });
  }

  boost::asio::awaitable<Result<void>> append_durably(Bytes appended) override {
    EXPECT_FALSE(in_flight_) << "two appends at once";
    in_flight_ = true;
    ++append_count;
    if (hold) {
      released_ = make_one_shot<bool>(*shard_);
      const auto released = released_;
      co_await released->wait();
    }
    in_flight_ = false;
    if (fail_with) {
      const auto code = *fail_with;
      co_return weir::fail(code, "append refused by the test");
    }
    take(appended);
    co_return Result<void>{};
  }

  // Lets the append go on that `hold` stopped.
  void release() {
    ASSERT_NE(released_, nullptr);
    std::exchange(released_, nullptr)->set(true);
  }

  [[nodiscard]] Offset end() const {
    return batches.empty() ? Offset(0) : record::BatchHeader::read(batches.back().data()).next_offset();
  }

  std::vector<Bytes> batches;
  int append_count = 0;
  int release_count = 0;
  bool hold = false;
  std::optional<Errc> fail_with;

 private:
  void take(ByteView rest) {
    while (!rest.empty()) {
      const auto header = record::check_batch(rest);
      ASSERT_TRUE(header.has_value()) << to_string(header.error());
      ASSERT_EQ(header->base_offset, end());
      batches.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(header->size_bytes()));
      rest = rest.subspan(header->size_bytes());
    }
  }

  Shard* shard_ = nullptr;
  bool in_flight_ = false;
  std::shared_ptr<OneShot<bool>> released_;
};

}  // namespace weir::metadata
