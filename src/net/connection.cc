#include "net/connection.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "base/log.h"

namespace weir::net {
namespace {

using boost::asio::use_awaitable;
using boost::asio::posix::descriptor_base;

constexpr std::size_t kSizeBytes = 4;                   // in front of every frame
constexpr std::size_t kReceiveRoomMin = 4 * kKiB;       // less is not worth a system call
constexpr std::size_t kCopiedFrameBytesMax = 4 * kKiB;  // a small frame must not pin a large buffer while it waits
constexpr std::size_t kHotBufferBytes = 256 * kKiB;     // fits the second-level cache
constexpr std::uint64_t kParkedFraction = 16;           // of the budget of parked requests: the most for one connection
constexpr std::size_t kJustifiedFraction = 4;           // a frame gets its full size once this part has arrived

bool has_unread_bytes(int socket) {
  int unread = 0;
  return ::ioctl(socket, FIONREAD, &unread) == 0 && unread > 0;
}

}  // namespace

// A started request: its place among the replies, its share of a budget, and the right to have effects.
class Connection::Request final : public StartedRequest {
 public:
  Request(std::shared_ptr<Connection> of, ResponseOrder::Slot at, std::uint64_t size,
          MemoryBudget::Reservation reserved)
      : connection(std::move(of)), slot(at), size_bytes(size), reservation(std::move(reserved)) {}

  void release_order() override { connection->release_order(slot); }
  [[nodiscard]] bool try_park(std::uint64_t held_bytes) override {
    if (parked_bytes != 0) return true;
    auto& budget = *connection->group_->budgets_.parked;
    if (held_bytes > budget.capacity_bytes() / kParkedFraction - connection->parked_bytes_) return false;
    auto share = budget.try_reserve(held_bytes);
    if (!share) return false;
    reservation = *std::move(share);
    parked_bytes = held_bytes;
    connection->parked_bytes_ += held_bytes;
    return true;
  }
  [[nodiscard]] bool is_abandoned() const override { return connection->is_closed_; }
  [[nodiscard]] WatchList& close_watches() override { return connection->close_watches_; }

  const std::shared_ptr<Connection> connection;
  const ResponseOrder::Slot slot;
  const std::uint64_t size_bytes;
  MemoryBudget::Reservation reservation;
  std::uint64_t parked_bytes = 0;
};

Connection::Connection(std::shared_ptr<ConnectionGroup> group, Socket socket,
                       std::shared_ptr<const ConnectionInfo> info)
    : group_(std::move(group)),
      info_(std::move(info)),
      socket_(group_->shard_.context()),
      wake_(group_->shard_),
      last_activity_(now()) {
  socket_.assign(socket.release());
}

Connection::~Connection() {
  close();
}

void Connection::start() {
  arm(idle_deadline());
  group_->tasks_.start_now("connection", serve(shared_from_this()));
}

void Connection::stop(SteadyTime deadline) {
  if (is_closed_) return;
  end_deadline_ = std::min(end_deadline_, deadline);
  arm(end_deadline_);
  stop_reading();
}

void Connection::stop_reading() {
  is_reading_ = false;
  boost::system::error_code ignored;
  socket_.cancel(ignored);  // also ends a wait for writability; flush() then takes it up again
  wake_.ring();
}

void Connection::close() {
  if (is_closed_) return;
  is_closed_ = true;
  is_reading_ = false;
  if (timer_) group_->shard_.cancel_timer(*timer_);
  forget_unserved();
  order_.clear();
  boost::system::error_code ignored;  // of a reset connection; the descriptor is gone all the same
  socket_.close(ignored);
  wake_.ring();
  close_watches_.ring_all();
  group_->forget(*this);
}

// The frame in the making, which nobody will see.
void Connection::forget_unserved() {
  if (ticket_) ticket_budget_->cancel(*ticket_);
  ticket_.reset();
  reservation_.reset();
  buffer_ = Buffer{};
  parsed_ = filled_ = 0;
  frame_deadline_ = SteadyTime::max();
}

void Connection::cut(std::string_view why) {
  log_debug("connection {} from {}: {}, closing", info_->id, to_string(info_->peer), why);
  close();
}

// --- reading ---

boost::asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> self) {
  for (;;) {
    const auto need = self->read_on();
    if (need == Need::kNothing) break;
    co_await self->wait_for(need);
  }
  co_await self->finish();
}

boost::asio::awaitable<void> Connection::wait_for(Need need) {
  if (need == Need::kReadable) {
    before_reading();
    boost::system::error_code error;  // what is wrong with the socket, receive() will see
    co_await socket_.async_wait(descriptor_base::wait_read, boost::asio::redirect_error(use_awaitable, error));
    is_drained_ = false;
    turn_bytes_ = 0;
    co_return;
  }
  if (need == Need::kOtherConnections) {
    turn_bytes_ = 0;
    co_await boost::asio::post(group_->shard_.executor(), use_awaitable);
    co_return;
  }
  frame_deadline_ = SteadyTime::max();  // it is us who are slow
  co_await wake_.wait();
}

// Starts what has arrived and receives more, until it has to wait for something.
Connection::Need Connection::read_on() {
  while (is_reading_) {
    if (!may_start_next()) return Need::kTurn;
    if (turn_bytes_ >= group_->limits_.turn_bytes_max) return Need::kOtherConnections;
    auto wanted_bytes = kReceiveRoomMin;
    if (buffered_bytes() >= kSizeBytes) {
      const auto announced = load_be<std::int32_t>(buffer_.bytes.data() + parsed_);
      if (!is_acceptable(announced)) {
        refuse(announced);
        break;
      }
      const auto size_bytes = static_cast<std::size_t>(announced);
      wanted_bytes = kSizeBytes + size_bytes;
      if (buffered_bytes() >= wanted_bytes) {
        auto& arrived = *group_->budgets_.arrived;
        auto& budget = size_bytes <= arrived.capacity_bytes() ? arrived : *group_->budgets_.arriving;
        if (!reserve(budget, size_bytes)) return Need::kBudget;
        start_request(size_bytes);
        continue;
      }
    }
    if (is_drained_) return Need::kReadable;
    if (!make_room(wanted_bytes)) return Need::kBudget;
    receive();
  }
  return Need::kNothing;
}

bool Connection::is_acceptable(std::int32_t announced_bytes) const {
  if (announced_bytes < 0) return false;
  const auto size_bytes = static_cast<std::uint32_t>(announced_bytes);
  return size_bytes <= group_->limits_.frame_bytes_max && size_bytes <= group_->budgets_.arriving->capacity_bytes();
}

void Connection::refuse(std::int32_t announced_bytes) {
  log_debug("connection {} from {}: a frame of {} bytes is not served, closing", info_->id, to_string(info_->peer),
            announced_bytes);
  peer_may_send_ = true;
  is_reading_ = false;
}

bool Connection::may_start_next() const {
  const auto& limits = group_->limits_;
  return !order_holder_ && order_.outstanding_count() < limits.outstanding_requests_max &&
         request_bytes_ < limits.outstanding_request_bytes_max && order_.held_bytes() < limits.unsent_reply_bytes_max;
}

// What is reserved stays with the frame, whichever budget gave it.
bool Connection::reserve(MemoryBudget& budget, std::size_t size_bytes) {
  if (reservation_) return true;
  if (ticket_) return false;
  reservation_ = budget.try_reserve(size_bytes);
  if (reservation_) return true;
  auto grant = [&shard = group_->shard_, weak = weak_from_this()](MemoryBudget::Reservation granted) {
    shard.post([weak, held = std::move(granted)]() mutable {
      const auto self = weak.lock();
      if (self == nullptr || !self->is_reading_) return;
      self->ticket_.reset();
      self->reservation_ = std::move(held);
      self->wake_.ring();
    });
  };
  ticket_budget_ = &budget;
  ticket_ = budget.reserve_later(size_bytes, std::move(grant));
  return false;
}

// Sees to it that a frame of `total_bytes`, in part here, can go on arriving. False: its memory is not granted yet.
bool Connection::make_room(std::size_t total_bytes) {
  const auto have_bytes = buffered_bytes();
  if (have_bytes == 0 && !buffer_is_viewed_) parsed_ = filled_ = 0;
  const auto room_bytes = buffer_.bytes.size() - filled_;
  if (room_bytes >= std::min(total_bytes - have_bytes, kReceiveRoomMin)) return true;
  const bool is_large = total_bytes > BufferPool::kSmallestBytes;
  if (is_large && !reserve(*group_->budgets_.arriving, total_bytes - kSizeBytes)) return false;
  auto next_bytes = std::max(buffer_bytes_hint_, 2 * have_bytes);
  if (have_bytes >= total_bytes / kJustifiedFraction) next_bytes = std::max(buffer_bytes_hint_, total_bytes);
  auto next = group_->buffers_->take(next_bytes);
  if (have_bytes != 0) std::memcpy(next.bytes.data(), buffer_.bytes.data() + parsed_, have_bytes);
  buffer_ = std::move(next);
  buffer_is_viewed_ = false;
  parsed_ = 0;
  filled_ = have_bytes;
  return true;
}

void Connection::receive() {
  const auto room = buffer_.bytes.subspan(filled_);
  const auto got = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (got > 0) {
    const auto size_bytes = static_cast<std::size_t>(got);
    filled_ += size_bytes;
    turn_bytes_ += size_bytes;
    is_drained_ = size_bytes < room.size();
    if (!is_drained_) buffer_bytes_hint_ = std::min(buffer_bytes_hint_ * 2, kHotBufferBytes);
    if (size_bytes < buffer_bytes_hint_ / 4) {
      buffer_bytes_hint_ = std::max(buffer_bytes_hint_ / 2, BufferPool::kSmallestBytes);
    }
    return;
  }
  if (got == 0) {
    is_reading_ = false;
    // It may have closed its own direction only. Replies get as long as a slow reader.
    end_deadline_ = std::min(end_deadline_, now() + group_->limits_.write_stalled);
    arm(end_deadline_);
    return;
  }
  if (errno == EINTR) return;
  is_drained_ = true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) cut("the peer is gone");
}

void Connection::before_reading() {
  last_activity_ = now();
  if (buffered_bytes() == 0) {
    buffer_ = Buffer{};
    buffer_is_viewed_ = false;
    parsed_ = filled_ = 0;
    frame_deadline_ = SteadyTime::max();
  } else if (frame_deadline_ == SteadyTime::max()) {
    frame_deadline_ = last_activity_ + group_->limits_.frame_complete;
    arm(frame_deadline_);
  }
}

// --- requests ---

Frame Connection::cut_frame(std::size_t size_bytes) {
  Frame frame;
  const auto bytes = buffer_.bytes.subspan(parsed_ + kSizeBytes, size_bytes);
  parsed_ += kSizeBytes + size_bytes;
  if (size_bytes > kCopiedFrameBytesMax) {
    frame.owner = buffer_.owner;
    frame.bytes = bytes;
    buffer_is_viewed_ = true;
    return frame;
  }
  auto copy = std::make_shared_for_overwrite<std::uint8_t[]>(size_bytes);
  std::ranges::copy(bytes, copy.get());
  frame.bytes = MutableByteView(copy.get(), size_bytes);
  frame.owner = std::move(copy);
  return frame;
}

void Connection::start_request(std::size_t size_bytes) {
  const auto slot = order_.take_slot();
  auto request = std::make_shared<Request>(shared_from_this(), slot, size_bytes, *std::move(reservation_));
  reservation_.reset();
  frame_deadline_ = SteadyTime::max();
  request_bytes_ += size_bytes;
  order_holder_ = slot;
  group_->tasks_.start_now("request", run(std::move(request), cut_frame(size_bytes)));
}

boost::asio::awaitable<void> Connection::run(std::shared_ptr<Request> request, Frame frame) {
  auto& connection = *request->connection;
  Reply reply;  // closes, unless the handler says something else
  try {
    auto handling = connection.group_->handler_(connection.group_->shard_, std::move(frame), connection.info_, request);
    reply = co_await std::move(handling);
  } catch (const std::exception& error) {
    log_error("a request from {} ended by an exception: {}", to_string(connection.info_->peer), error.what());
  }
  connection.finish_request(*request, std::move(reply));
}

void Connection::release_order(ResponseOrder::Slot slot) {
  if (order_holder_ != slot) return;
  order_holder_.reset();
  wake_.ring();
}

void Connection::finish_request(Request& request, Reply reply) {
  release_order(request.slot);
  request.reservation = {};
  request_bytes_ -= request.size_bytes;
  parked_bytes_ -= request.parked_bytes;
  if (is_closed_) return;
  if (reply.kind == Reply::Kind::kClose) {
    peer_may_send_ = true;
    stop_reading();
  }
  order_.complete(request.slot, std::move(reply));
  wake_.ring();
  flush_later();
}

// --- writing ---

// In a later turn: replies that become ready in this one go out together.
void Connection::flush_later() {
  if (std::exchange(flush_is_coming_, true)) return;
  group_->shard_.post([self = shared_from_this()] { self->flush(); });
}

void Connection::flush() {
  flush_is_coming_ = false;
  if (is_closed_) return;
  last_activity_ = now();
  const auto progress = order_.write_to(socket_.native_handle(), group_->limits_.turn_bytes_max);
  if (progress == ResponseOrder::Progress::kFailed) {
    return cut("the peer is gone, or a file is shorter than its reply");
  }
  if (progress == ResponseOrder::Progress::kBlocked) {
    flush_when_writable();
  } else {
    write_deadline_ = SteadyTime::max();
    if (progress == ResponseOrder::Progress::kMore) flush_later();
  }
  wake_.ring();
}

void Connection::flush_when_writable() {
  flush_is_coming_ = true;
  const auto written_bytes = order_.written_bytes();
  if (write_deadline_ == SteadyTime::max() || written_bytes != written_at_stall_) {
    written_at_stall_ = written_bytes;
    write_deadline_ = last_activity_ + group_->limits_.write_stalled;
    arm(write_deadline_);
  }
  socket_.async_wait(descriptor_base::wait_write,
                     [self = shared_from_this()](const boost::system::error_code&) { self->flush(); });
}

// --- the end ---

boost::asio::awaitable<void> Connection::finish() {
  forget_unserved();
  while (!is_closed_ && order_.outstanding_count() != 0) co_await wake_.wait();
  if (is_closed_) co_return;
  // A socket that is closed over unread bytes resets the connection, and a reset may overtake our last replies.
  if (peer_may_send_ || has_unread_bytes(socket_.native_handle())) co_await linger();
  close();
}

boost::asio::awaitable<void> Connection::linger() {
  static_cast<void>(::shutdown(socket_.native_handle(), SHUT_WR));
  end_deadline_ = std::min(end_deadline_, now() + group_->limits_.linger);
  arm(end_deadline_);
  buffer_ = group_->buffers_->take(BufferPool::kSmallestBytes);
  while (!is_closed_) {
    const auto got = ::recv(socket_.native_handle(), buffer_.bytes.data(), buffer_.bytes.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) break;
    boost::system::error_code error;
    co_await socket_.async_wait(descriptor_base::wait_read, boost::asio::redirect_error(use_awaitable, error));
  }
}

// --- deadlines ---

SteadyTime Connection::idle_deadline() const {
  if (group_->limits_.idle.count() < 0) return SteadyTime::max();
  const bool is_idle = order_.outstanding_count() == 0 && buffered_bytes() == 0;
  return (is_idle ? last_activity_ : now()) + group_->limits_.idle;
}

void Connection::arm(SteadyTime deadline) {
  if (is_closed_ || deadline == SteadyTime::max()) return;
  if (timer_ && timer_->first <= deadline) return;
  if (timer_) group_->shard_.cancel_timer(*timer_);
  timer_ = group_->shard_.start_timer(deadline, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_timer();
  });
}

void Connection::on_timer() {
  timer_.reset();
  const auto time = now();
  if (time >= frame_deadline_) return cut("a frame did not become complete in time");
  if (time >= write_deadline_) return cut("the peer does not read its replies");
  if (time >= end_deadline_) return cut("the time to finish is over");
  if (time >= idle_deadline()) return cut("idle");
  arm(std::min({frame_deadline_, write_deadline_, end_deadline_, idle_deadline()}));
}

}  // namespace weir::net
