// Proves the batches of a segment by their headers, in order: what lies outside a batch's checksum (offset, length,
// epoch, magic) is judged by its surroundings. A batch counts once the one behind it continues it, or its checksum
// vouches for its length. Below the durable floor what can't be a batch is damage, passed over up to the next one that
// can; at or above it every checksum is read, and the first bad batch ends the walk. One thread; blocks.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "storage/batch_walker.h"
#include "storage/fs.h"
#include "storage/leader_epochs.h"
#include "storage/segment_scan.h"

namespace weir::storage {

inline constexpr Offset kOffsetMax{std::numeric_limits<std::int64_t>::max()};

// A place where a batch starts, or the tail. `offset` is that batch's first offset (after a damaged range or in a gap
// perhaps a lower one, above all batches before it).
struct BatchPosition {
  std::uint64_t position = 0;
  Offset offset;
};

class HeaderWalk {
 public:
  // What is known of the part of a segment that is walked.
  struct Surroundings {
    Offset segment_base;
    std::uint64_t end_position = 0;  // of the file, or where a batch is known to start
    Offset end = kOffsetMax;         // no batch of this part reaches past it: where the next part or segment begins
    Offset boundary = kOffsetMax;    // an offset known to lie between two batches
    Offset floor = kOffsetMax;       // durable below
    const LeaderEpochs* epochs = nullptr;  // what is known of the log's epochs; outlives the walk
  };

  enum class Kind {
    kBatch,   // header() is proved; it stands at position()
    kDamage,  // [position(), next_position()) can't be read: offsets from expected() up to next_offset()
    kLost,    // the same, and no batch can be read behind it
    kBad,     // at or above the floor: the log ends at position()
    kEnd,     // of the part, or nothing but zeros follow: space prepared for batches that never came
  };

  // Starts where a batch does, or should. `file` outlives the walk.
  HeaderWalk(const File& file, const Surroundings& around, const BatchPosition& start);
  HeaderWalk(const HeaderWalk&) = delete;
  HeaderWalk& operator=(const HeaderWalk&) = delete;

  // Judges what stands at position(). Errors are the disk's.
  [[nodiscard]] Result<Kind> look();
  // Moves behind what look() judged: kBatch, kDamage or kLost.
  void pass();

  [[nodiscard]] std::uint64_t position() const { return position_; }
  // The next batch starts here or above.
  [[nodiscard]] Offset expected() const { return expected_; }
  [[nodiscard]] const record::BatchHeader& header() const { return *header_; }
  [[nodiscard]] std::uint64_t next_position() const { return next_position_; }
  [[nodiscard]] Offset next_offset() const { return next_offset_; }
  // Why it is damage.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // A batch below the floor that fits its neighbours has another epoch than the known ones say.
  [[nodiscard]] bool epochs_disagree() const { return epochs_disagree_; }
  // Of batches at or above the floor whose checksums were read.
  [[nodiscard]] std::uint64_t scanned_bytes() const { return scanned_bytes_; }

 private:
  using Peeked = std::optional<record::BatchHeader>;
  // The header at `position`; nullopt at the end and where no batch can start.
  [[nodiscard]] Result<Peeked> peek(std::uint64_t position);
  [[nodiscard]] Result<bool> find_problem();
  [[nodiscard]] bool has_wrong_epoch(const Peeked& follower);
  [[nodiscard]] bool skips_what_follows(const Peeked& follower) const;
  [[nodiscard]] Result<bool> checksum_holds(std::uint64_t position, const record::BatchHeader& header);
  [[nodiscard]] Result<bool> only_zeros_follow();
  [[nodiscard]] MutableByteView checksum_room();
  [[nodiscard]] Result<Kind> pass_damage();
  bool set_problem(const char* problem);

  const File& file_;
  const Surroundings around_;
  std::unique_ptr<Bytes> window_;
  Bytes checksum_room_;  // empty until it is needed
  BatchWalker walker_;
  std::uint64_t position_;
  Offset expected_;
  Peeked header_;
  bool was_batch_ = false;  // what look() saw
  std::string problem_;
  std::uint64_t next_position_ = 0;
  Offset next_offset_;
  std::uint64_t scanned_bytes_ = 0;
  LeaderEpoch epoch_before_ = kNoLeaderEpoch;  // of the last batch; none: this walk has seen none, or damage since
  bool epochs_disagree_ = false;
};

}  // namespace weir::storage
