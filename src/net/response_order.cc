#include "net/response_order.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace weir::net {
namespace {

constexpr std::size_t kSmallRing = 8;
constexpr std::size_t kPiecesPerCall = 64;

std::uint64_t memory_bytes(const ByteChain& chain) {
  std::uint64_t size = 0;
  for (const auto& piece : chain.pieces()) {
    if (const auto* slice = std::get_if<SharedSlice>(&piece)) size += slice->view.size();
  }
  return size;
}

std::uint64_t size_of(const Piece& piece) {
  if (const auto* slice = std::get_if<SharedSlice>(&piece)) return slice->view.size();
  return std::get<FileRange>(piece).size;
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

ResponseOrder::Slot ResponseOrder::take_slot() {
  CHECK(!is_over_, "a request after the end of its connection");
  if (outstanding_count() == ring_.size()) grow();
  entry(end_) = Entry{};
  return end_++;
}

void ResponseOrder::grow() {
  std::vector<Entry> larger(std::max(kSmallRing, ring_.size() * 2));
  for (auto slot = begin_; slot != end_; ++slot) larger[slot & (larger.size() - 1)] = std::move(entry(slot));
  ring_ = std::move(larger);
}

void ResponseOrder::complete(Slot slot, Reply reply) {
  if (is_over_) return;
  CHECK(slot >= begin_ && slot < end_ && !entry(slot).is_complete, "slot {} completed twice", slot);
  if (reply.kind == Reply::Kind::kBytes) held_bytes_ += memory_bytes(reply.bytes);
  entry(slot).is_complete = true;
  entry(slot).reply = std::move(reply);
  settle();
}

// Drops what needs no sending from the front.
void ResponseOrder::settle() {
  while (begin_ != end_ && entry(begin_).is_complete) {
    auto& reply = entry(begin_).reply;
    if (reply.kind == Reply::Kind::kClose) return clear();
    if (reply.kind == Reply::Kind::kBytes && piece_index_ < reply.bytes.pieces().size()) return;
    if (reply.kind == Reply::Kind::kBytes) held_bytes_ -= memory_bytes(reply.bytes);
    reply = Reply{};
    piece_index_ = 0;
    ++begin_;
  }
  if (begin_ == end_ && ring_.size() > kSmallRing) ring_ = {};
}

void ResponseOrder::clear() {
  is_over_ = true;
  ring_ = {};
  begin_ = end_;
  held_bytes_ = 0;
}

void ResponseOrder::advance(std::uint64_t size_bytes) {
  written_bytes_ += size_bytes;
  while (size_bytes != 0) {
    const auto& pieces = entry(begin_).reply.bytes.pieces();
    const auto rest = size_of(pieces[piece_index_]) - piece_offset_;
    if (size_bytes < rest) {
      piece_offset_ += size_bytes;
      return;
    }
    size_bytes -= rest;
    piece_offset_ = 0;
    ++piece_index_;
    if (piece_index_ == pieces.size()) settle();
  }
}

ResponseOrder::Progress ResponseOrder::write_to(int socket, std::uint64_t bytes_max) {
  std::uint64_t sent_bytes = 0;
  while (begin_ != end_ && entry(begin_).is_complete) {
    if (sent_bytes >= bytes_max) return Progress::kMore;
    const auto& piece = entry(begin_).reply.bytes.pieces()[piece_index_];
    const auto* range = std::get_if<FileRange>(&piece);
    const auto progress = range != nullptr ? send_file(socket, *range, bytes_max - sent_bytes, sent_bytes)
                                           : send_memory(socket, bytes_max - sent_bytes, sent_bytes);
    if (progress != Progress::kMore) return progress;
  }
  return Progress::kEmpty;
}

// Everything in memory that is ready in a row, across replies, goes out in one call.
ResponseOrder::Progress ResponseOrder::send_memory(int socket, std::uint64_t bytes_max, std::uint64_t& sent_bytes) {
  std::array<iovec, kPiecesPerCall> vectors;
  std::size_t vector_count = 0;
  std::uint64_t size_bytes = 0;
  bool file_follows = false;
  auto index = piece_index_;
  auto offset = piece_offset_;
  for (auto slot = begin_; slot != end_ && entry(slot).is_complete && !file_follows; ++slot, index = 0) {
    const auto& reply = entry(slot).reply;
    if (reply.kind == Reply::Kind::kClose) break;
    if (reply.kind == Reply::Kind::kNothing) continue;
    const auto& pieces = reply.bytes.pieces();
    for (; index < pieces.size(); ++index, offset = 0) {
      const auto* slice = std::get_if<SharedSlice>(&pieces[index]);
      file_follows = slice == nullptr;
      if (slice == nullptr || vector_count == vectors.size() || size_bytes >= bytes_max) break;
      const auto view = slice->view.subspan(offset);
      vectors[vector_count++] = {const_cast<std::uint8_t*>(view.data()), view.size()};
      size_bytes += view.size();
    }
    if (vector_count == vectors.size() || size_bytes >= bytes_max) break;
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vector_count;
  // MSG_MORE: the head of a fetch and its first file bytes share a packet.
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (file_follows ? MSG_MORE : 0);
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, flags);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return would_block(errno) ? Progress::kBlocked : Progress::kFailed;
  advance(static_cast<std::uint64_t>(sent));
  sent_bytes += static_cast<std::uint64_t>(sent);
  return static_cast<std::uint64_t>(sent) < size_bytes ? Progress::kBlocked : Progress::kMore;
}

ResponseOrder::Progress ResponseOrder::send_file(int socket, const FileRange& range, std::uint64_t bytes_max,
                                                 std::uint64_t& sent_bytes) {
  auto offset = static_cast<off_t>(range.offset + piece_offset_);
  const auto wanted = std::min(range.size - piece_offset_, bytes_max);
  ssize_t sent = 0;
  do {
    sent = ::sendfile(socket, range.fd, &offset, static_cast<std::size_t>(wanted));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return would_block(errno) ? Progress::kBlocked : Progress::kFailed;
  if (sent == 0) return Progress::kFailed;  // the file ends inside the range: what was promised can't be sent
  advance(static_cast<std::uint64_t>(sent));
  sent_bytes += static_cast<std::uint64_t>(sent);
  return Progress::kMore;
}

}  // namespace weir::net
