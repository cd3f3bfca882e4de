// When a sync hangs, in the device's queue or for want of a processor, everything appended behind it would wait as
// long: at a fixed rate of small appends that is most of the worst hundredth. So a second sync of the same segment may
// go out beside one that takes longer than usual, and what it covers is durable when it has ended, whatever the first
// still does.
//
// What makes that safe:
// - The second one syncs through a description of the file of its own (File::reopen), opened while no sync was out. The
//   kernel reports each failure of writing back once to every description: neither takes the other's report away. It is
//   used only after an ended sync that found nothing wrong, so that no failure was told to somebody before it was
//   opened. (A device that fails to empty its own cache tells whoever asked it to, and no description: one sync may
//   hear of it and the next not, as with two logs on one device.)
// - It goes out only over zeros that an earlier, ended sync made durable (Segment::zero_ahead), and only beside a job
//   that does nothing but sync this segment: then nothing but the bytes themselves, of both, is to be made durable, no
//   size, extent or name.
//
// One log's, its owner's alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "model/ids.h"
#include "storage/segment.h"

namespace weir::storage {

class SecondSync {
 public:
  // A job goes out that syncs `active`; `is_plain`: and does nothing else. No second sync is opened while one is out.
  void begin_first(const Segment& active, bool is_plain, SteadyTime now);
  void end_first(bool succeeded, SteadyTime now);

  // When the job that is out is late, and the next sync of `active` may pass it. nullopt: none is out that it may.
  [[nodiscard]] std::optional<SteadyTime> due_at(const Segment& active) const;
  // The description to sync; due_at() has come.
  [[nodiscard]] std::shared_ptr<File> begin(const Segment& active);
  void end() { is_out_ = false; }
  [[nodiscard]] bool is_out() const { return is_out_; }

 private:
  using Nanos = std::chrono::nanoseconds;

  [[nodiscard]] Nanos late_after() const;

  bool is_out_ = false;
  bool first_is_plain_ = false;
  SteadyTime first_began_;
  Nanos usual_time_{0};                   // of a job
  const File* candidate_ = nullptr;       // the second description when the job went out
  const File* proved_ = nullptr;          // one that a job without failure has ended beside
  Offset segment_ = kNoOffset;            // that the following is about, by its base offset
  std::uint32_t firsts_over_zeros_ = 0;   // jobs so far
  std::uint64_t zeros_of_first_end_ = 0;  // as they were when the job went out
  std::uint64_t durable_zeros_end_ = 0;
};

}  // namespace weir::storage
