// The segments that hold files open, at most so many of them: descriptors follow the work, not the number of
// partitions. Whoever opens one more closes those that were not used for longest (second chance, in the order they were
// opened). What is being read, or holds bytes that are not durable yet, stays open: a failed write-back is told to
// those who had the file open, and an open that comes later might not hear of it.
//
// Any thread. Its mutex is taken before that of a segment, never after.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <unordered_map>

namespace weir::storage {

class Segment;

class OpenSegments {
 public:
  // A segment has up to four: the log, its second description, and two indexes.
  static constexpr std::size_t kFilesEach = 4;

  explicit OpenSegments(std::size_t count_max) : count_max_(count_max) {}
  OpenSegments(const OpenSegments&) = delete;
  OpenSegments& operator=(const OpenSegments&) = delete;

  // `segment` has opened its log. Closes others' files where there are too many.
  void add(const Segment& segment);
  // It goes.
  void remove(const Segment& segment);
  // Closes the files of one segment if any can be closed: descriptors have run out.
  bool close_one();
  [[nodiscard]] std::size_t count() const;

 private:
  using Ring = std::list<const Segment*>;
  bool close_next(std::size_t looks_max);
  void erase(Ring::iterator place);

  const std::size_t count_max_;
  mutable std::mutex mutex_;  // guards all below
  Ring ring_;
  Ring::iterator hand_ = ring_.end();  // who is looked at next
  std::unordered_map<const Segment*, Ring::iterator> places_;
};

}  // namespace weir::storage
