// Replies on their way out: every request takes a slot when it arrives, its reply comes whenever it comes, and the
// bytes leave in slot order. Written to the socket from here, many replies in one system call. Owned by the
// connection's shard.
//
// Always holds:
// 1. Bytes of a slot leave only when every earlier slot's bytes have left, or had none (kNothing).
// 2. Nothing leaves after a kClose: later slots are forgotten as soon as every earlier reply is known.
// 3. With no slot taken it holds no memory worth naming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/frame_handler.h"

namespace weir::net {

class ResponseOrder {
 public:
  using Slot = std::uint64_t;

  enum class Progress {
    kEmpty,    // nothing is ready
    kMore,     // `bytes_max` is used up, call again in a later turn
    kBlocked,  // the socket takes no more now
    kFailed,   // the peer is gone, or a file holds less than its range says: close the connection
  };

  Slot take_slot();
  // Once a slot. Ignored when a kClose or clear() has made the slot pointless.
  void complete(Slot slot, Reply reply);
  // Writes what is ready, without waiting, at most about `bytes_max`.
  Progress write_to(int socket, std::uint64_t bytes_max);
  // Forgets everything, now and later: the connection is closed.
  void clear();

  // Slots whose reply has not left completely.
  [[nodiscard]] std::size_t outstanding_count() const { return static_cast<std::size_t>(end_ - begin_); }
  // Bytes in memory of completed replies that have not left; ranges of files take none.
  [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_; }

 private:
  struct Entry {
    bool is_complete = false;
    Reply reply;
  };

  Entry& entry(Slot slot) { return ring_[slot & (ring_.size() - 1)]; }
  void grow();
  void settle();
  void advance(std::uint64_t size_bytes);
  Progress send_memory(int socket, std::uint64_t bytes_max, std::uint64_t& sent_bytes);
  Progress send_file(int socket, const FileRange& range, std::uint64_t bytes_max, std::uint64_t& sent_bytes);

  std::vector<Entry> ring_;  // a power of two, or empty; slots begin_..end_ live at their number modulo its size
  Slot begin_ = 0;           // the first slot not gone; after settle() it is open, or has bytes to send
  Slot end_ = 0;
  std::size_t piece_index_ = 0;     // in the reply of begin_: the next piece to send
  std::uint64_t piece_offset_ = 0;  // bytes of that piece that have left
  std::uint64_t held_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  bool is_over_ = false;  // a kClose has come to the front, or clear()
};

}  // namespace weir::net
