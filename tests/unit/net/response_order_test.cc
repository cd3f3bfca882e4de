#include "net/response_order.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "unit/net/scripted_peer.h"

namespace weir::net {
namespace {

using Kind = Reply::Kind;
using Progress = ResponseOrder::Progress;

struct Pair {
  explicit Pair(int send_buffer_bytes = 0) : out(-1), in(Socket()) {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    if (send_buffer_bytes > 0) {
      ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    }
    out = Socket(ends[0]);
    in = Peer(Socket(ends[1]));
  }
  Socket out;
  Peer in;
};

Reply reply_of(Kind kind, std::size_t slot) {
  if (kind == Kind::kBytes) return text_reply("<" + std::to_string(slot) + ">");
  return kind == Kind::kNothing ? silent_reply() : closing_reply();
}

// What has to have left once exactly the slots in `done` are complete.
std::string expected(const std::vector<Kind>& kinds, const std::vector<bool>& done) {
  std::string text;
  for (std::size_t slot = 0; slot < kinds.size() && done[slot] && kinds[slot] != Kind::kClose; ++slot) {
    if (kinds[slot] == Kind::kBytes) text += "<" + std::to_string(slot) + ">";
  }
  return text;
}

// Goal: rules 1 and 2 for every mix of four replies completed in every order, looked at after every completion.
TEST(ResponseOrder, KeepsSlotOrderWhateverTheOrderOfCompletion) {
  constexpr std::size_t kSlots = 4;
  Pair pair;
  for (int mix = 0; mix < 81; ++mix) {
    std::vector<Kind> kinds;
    for (int rest = mix, i = 0; i < 4; ++i, rest /= 3) kinds.push_back(static_cast<Kind>(rest % 3));
    std::vector<std::size_t> sequence(kSlots);
    std::iota(sequence.begin(), sequence.end(), 0);
    do {
      ResponseOrder order;
      std::vector<ResponseOrder::Slot> slots;
      for (std::size_t i = 0; i < kSlots; ++i) slots.push_back(order.take_slot());
      std::vector<bool> done(kSlots, false);
      std::string received;
      for (const auto next : sequence) {
        order.complete(slots[next], reply_of(kinds[next], next));
        done[next] = true;
        ASSERT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kEmpty);
        received += pair.in.receive();
        ASSERT_EQ(received, expected(kinds, done)) << "mix " << mix;
      }
      ASSERT_EQ(order.outstanding_count(), 0u);
      ASSERT_EQ(order.held_bytes(), 0u);
      ASSERT_EQ(order.written_bytes(), received.size());
    } while (std::next_permutation(sequence.begin(), sequence.end()));
  }
}

TEST(ResponseOrder, GrowsPastAnySmallNumberOfSlots) {
  Pair pair;
  ResponseOrder order;
  std::string wanted;
  std::vector<ResponseOrder::Slot> slots;
  for (std::size_t i = 0; i < 300; ++i) {
    slots.push_back(order.take_slot());
    wanted += "<" + std::to_string(i) + ">";
  }
  for (std::size_t i = slots.size(); i-- > 0;) order.complete(slots[i], reply_of(Kind::kBytes, i));
  EXPECT_EQ(order.held_bytes(), wanted.size());
  EXPECT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kEmpty);
  EXPECT_EQ(pair.in.receive(), wanted);
  EXPECT_EQ(order.outstanding_count(), 0u);
}

TEST(ResponseOrder, SendsFilePiecesBetweenMemoryPieces) {
  Pair pair;
  const TemporaryFile file("0123456789");
  ResponseOrder order;
  const auto first = order.take_slot();
  const auto second = order.take_slot();
  auto reply = text_reply("head|");
  reply.bytes.append(file.range(2, 5));
  reply.bytes.append(Bytes{'|', 't'});
  reply.bytes.append(file.range(9, 1));
  order.complete(second, text_reply("next"));
  order.complete(first, std::move(reply));
  EXPECT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kEmpty);
  EXPECT_EQ(pair.in.receive(), "head|23456|t9next");
}

TEST(ResponseOrder, FailsWhenTheFileEndsInsideTheRange) {
  Pair pair;
  const TemporaryFile file("0123456789");
  ResponseOrder order;
  Reply reply;
  reply.kind = Kind::kBytes;
  reply.bytes.append(file.range(5, 6));
  order.complete(order.take_slot(), std::move(reply));
  EXPECT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kFailed);
  EXPECT_EQ(pair.in.receive(), "56789");
}

TEST(ResponseOrder, FailsWhenThePeerIsGone) {
  Pair pair;
  pair.in.close();
  ResponseOrder order;
  order.complete(order.take_slot(), text_reply("x"));
  EXPECT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kFailed);

  const TemporaryFile file("0123456789");
  ResponseOrder with_file;
  Reply reply;
  reply.kind = Kind::kBytes;
  reply.bytes.append(file.range(0, 10));
  with_file.complete(with_file.take_slot(), std::move(reply));
  EXPECT_EQ(with_file.write_to(pair.out.fd(), kMiB), Progress::kFailed);
}

// Goal: a socket that takes a little at a time gets every byte once, from memory and from files.
TEST(ResponseOrder, GoesOnWhereTheSocketStopped) {
  Pair pair(4096);
  std::string content(300'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 251);
  const TemporaryFile file(content);
  ResponseOrder order;
  std::string wanted;
  for (int round = 0; round < 3; ++round) {
    auto reply = text_reply(std::string_view(content).substr(0, 100'001));
    reply.bytes.append(file.range(17, 200'000));
    wanted += content.substr(0, 100'001) + content.substr(17, 200'000);
    order.complete(order.take_slot(), std::move(reply));
  }
  std::string received;
  std::size_t blocked_count = 0;
  for (;;) {
    const auto progress = order.write_to(pair.out.fd(), kMiB);
    received += pair.in.receive();
    ASSERT_NE(progress, Progress::kFailed);
    if (progress == Progress::kEmpty) break;
    if (progress == Progress::kBlocked) ++blocked_count;
  }
  EXPECT_GT(blocked_count, 3u);
  EXPECT_TRUE(received == wanted);
  EXPECT_EQ(order.held_bytes(), 0u);
}

TEST(ResponseOrder, StopsAtTheTurnsBound) {
  Pair pair;
  const TemporaryFile file(std::string(3000, 'f'));
  ResponseOrder order;
  Reply reply;
  reply.kind = Kind::kBytes;
  reply.bytes.append(file.range(0, 3000));
  order.complete(order.take_slot(), std::move(reply));
  EXPECT_EQ(order.write_to(pair.out.fd(), 1000), Progress::kMore);
  EXPECT_EQ(pair.in.receive().size(), 1000u);
  EXPECT_EQ(order.write_to(pair.out.fd(), 1000), Progress::kMore);
  EXPECT_EQ(order.write_to(pair.out.fd(), 1000), Progress::kEmpty);
  EXPECT_EQ(pair.in.receive().size(), 2000u);
}

TEST(ResponseOrder, ForgetsLateRepliesAfterClear) {
  Pair pair;
  ResponseOrder order;
  const auto slot = order.take_slot();
  order.clear();
  order.complete(slot, text_reply("late"));
  EXPECT_EQ(order.outstanding_count(), 0u);
  EXPECT_EQ(order.write_to(pair.out.fd(), kMiB), Progress::kEmpty);
  EXPECT_EQ(pair.in.receive(), "");
}

}  // namespace
}  // namespace weir::net
