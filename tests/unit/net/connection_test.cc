#include "net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>
#include <string>
#include <vector>

#include "base/async/task_group.h"
#include "support/seed.h"
#include "unit/net/scripted_peer.h"

namespace weir::net {
namespace {

std::vector<std::string> payloads(const ConnectionBench& bench) {
  std::vector<std::string> texts;
  for (const auto& call : bench.script.calls) texts.push_back(call.payload);
  return texts;
}

// --- frames ---

TEST(ConnectionFrames, AreTheSameWhereverTheBytesAreSplit) {
  const auto stream = framed("one") + framed("") + framed(std::string(300, 'x')) + framed("last");
  for (std::size_t split = 1; split < stream.size(); ++split) {
    ConnectionBench bench;
    bench.script.echo();
    auto peer = bench.connect();
    bench.send(peer, ByteView(stream).first(split));
    bench.send(peer, ByteView(stream).subspan(split));
    ASSERT_EQ(peer.receive(), "one" + std::string(300, 'x') + "last") << "split at " << split;
  }
}

TEST(ConnectionFrames, ArriveByteByByte) {
  ConnectionBench bench;
  auto peer = bench.connect();
  for (const auto byte : framed("slow") + framed("slower")) bench.send(peer, ByteView(&byte, 1));
  ASSERT_EQ(payloads(bench), std::vector<std::string>{"slow"});
  bench.release(0);
  EXPECT_EQ(payloads(bench), (std::vector<std::string>{"slow", "slower"}));
}

TEST(ConnectionFrames, CloseAConnectionThatAnnouncesAnImpossibleSize) {
  ConnectionLimits limits;
  limits.frame_bytes_max = 1000;
  for (const std::int32_t size : {-1, -2, INT32_MIN, INT32_MAX, 1001}) {
    ConnectionBench bench(limits);
    auto peer = bench.connect();
    bench.send(peer, announced(size));
    EXPECT_EQ(peer.receive(), "");
    EXPECT_TRUE(peer.has_ended()) << size;
    EXPECT_EQ(bench.buffers->taken_bytes(), BufferPool::kSmallestBytes) << "nothing is allocated for " << size;
    peer.close();
    bench.shard.step();
    EXPECT_EQ(*bench.open_count, 0u);
    EXPECT_TRUE(bench.script.calls.empty());
  }
}

TEST(ConnectionFrames, AtTheLimitAreServed) {
  ConnectionLimits limits;
  limits.frame_bytes_max = 1000;
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  bench.send(peer, framed(std::string(1000, 'm')));
  ASSERT_EQ(bench.script.calls.size(), 1u);
  EXPECT_EQ(bench.script.calls[0].payload, std::string(1000, 'm'));
}

TEST(ConnectionFrames, BeforeABadSizeAreAnsweredFirst) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("good") + announced(-1));
  bench.release(0);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.has_ended());
  bench.finish(0, text_reply("answer"));
  EXPECT_EQ(peer.receive(), "answer");
  EXPECT_TRUE(peer.has_ended());
}

// Method: frames of every size around the buffer's steps, content checked, sent in pieces that the socket takes.
TEST(ConnectionFrames, OfManySizesArriveWhole) {
  const auto seed = test::draw_seed();
  SCOPED_TRACE(test::repeat_with(seed));
  std::mt19937_64 random(seed);
  ConnectionBench bench;
  auto peer = bench.connect();
  std::vector<std::string> sent;
  Bytes stream;
  for (int i = 0; i < 60; ++i) {
    static constexpr std::size_t kAround[] = {0, 3, 4096, 16'380, 16'384, 65'536, 262'144, 1'048'576, 3'000'000};
    const auto size = kAround[random() % std::size(kAround)] + random() % 20;
    std::string payload(size, '\0');
    for (auto& c : payload) c = static_cast<char>(random());
    stream = std::move(stream) + framed(payload);
    sent.push_back(std::move(payload));
  }
  std::size_t done = 0;
  for (ByteView rest = stream; !rest.empty();) {
    rest = rest.subspan(peer.send(rest.first(std::min<std::size_t>(rest.size(), 1 + random() % 400'000))));
    bench.shard.step();
    for (; done < bench.script.calls.size(); ++done) {
      ASSERT_TRUE(as_text(bench.script.calls[done].frame.bytes) == sent[done]) << "frame " << done;
      bench.finish(done, text_reply("."));
      bench.script.calls[done].frame = Frame{};
    }
  }
  EXPECT_EQ(done, sent.size());
  EXPECT_EQ(peer.receive(), std::string(sent.size(), '.'));
  EXPECT_EQ(bench.buffers->taken_bytes(), 0u) << "an idle connection holds no buffer";
  EXPECT_EQ(bench.budget->reserved_bytes(), 0u);
}

TEST(ConnectionFrames, StayIntactWhileTheirHandlersHoldThem) {
  ConnectionBench bench;
  auto peer = bench.connect();
  std::vector<std::string> sent;
  for (int i = 0; i < 40; ++i) {
    sent.emplace_back(static_cast<std::size_t>(5000 + i * 997), static_cast<char>('A' + i % 26));
    Bytes bytes = framed(sent.back());
    ByteView rest = bytes;
    while (!rest.empty()) {
      rest = rest.subspan(peer.send(rest));
      bench.shard.step();
    }
    bench.release(static_cast<std::size_t>(i));
  }
  ASSERT_EQ(bench.script.calls.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_TRUE(as_text(bench.script.calls[i].frame.bytes) == sent[i]) << "frame " << i;
  }
}

TEST(ConnectionMemory, FollowsBytesReceivedNotBytesAnnounced) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, announced(100 * kMiB));
  EXPECT_EQ(bench.buffers->taken_bytes(), 16 * kKiB);
  EXPECT_EQ(bench.budget->reserved_bytes(), 0u);
  const Bytes part(20 * kKiB, 'p');
  bench.send(peer, part);
  EXPECT_LE(bench.buffers->taken_bytes(), 64 * kKiB);
}

TEST(ConnectionMemory, OfIdleConnectionsIsNoBufferAtAll) {
  ConnectionBench bench;
  bench.script.echo();
  std::vector<Peer> peers;
  for (int i = 0; i < 200; ++i) {
    peers.push_back(bench.connect());
    bench.send(peers.back(), framed("hello"));
    ASSERT_EQ(peers.back().receive(), "hello");
  }
  EXPECT_EQ(bench.group->connection_count(), 200u);
  EXPECT_EQ(bench.buffers->taken_bytes(), 0u);
}

TEST(ConnectionMemory, OfASmallWaitingRequestPinsNoBuffer) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed(std::string(500, 'f')));
  bench.release(0);
  EXPECT_EQ(bench.script.calls.size(), 1u);
  EXPECT_EQ(bench.buffers->taken_bytes(), 0u);
}

// --- order ---

TEST(ConnectionOrder, StartsTheNextRequestWhenTheOneBeforeReleases) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1") + framed("2") + framed("3"));
  EXPECT_EQ(payloads(bench), std::vector<std::string>{"1"});
  bench.release(0);
  EXPECT_EQ(payloads(bench), (std::vector<std::string>{"1", "2"}));
  bench.release(0);  // idempotent: it is not his order any more
  EXPECT_EQ(bench.script.calls.size(), 2u);
  bench.finish(1, text_reply("second"));
  EXPECT_EQ(payloads(bench), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(peer.receive(), "") << "the first has not answered";
  bench.finish(2, text_reply("third"));
  bench.finish(0, text_reply("first"));
  EXPECT_EQ(peer.receive(), "firstsecondthird");
}

TEST(ConnectionOrder, SendsNothingForASilentReplyAndDelaysNobody) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1") + framed("2") + framed("3"));
  bench.finish(0, silent_reply());
  bench.finish(1, text_reply("two"));
  EXPECT_EQ(peer.receive(), "two");
  bench.finish(2, silent_reply());
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.has_ended());
}

TEST(ConnectionOrder, ClosesAfterEarlierRepliesAndDropsLaterOnes) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1") + framed("2") + framed("3") + framed("4"));
  bench.release(0);
  bench.release(1);
  bench.release(2);
  ASSERT_EQ(bench.script.calls.size(), 4u);
  bench.finish(3, text_reply("four"));
  bench.finish(1, closing_reply());
  bench.finish(2, text_reply("three"));
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.has_ended());
  bench.finish(0, text_reply("one"));
  EXPECT_EQ(peer.receive(), "one");
  EXPECT_TRUE(peer.has_ended());
}

TEST(ConnectionOrder, StartsNothingAfterAClosingReply) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1") + framed("2"));
  bench.finish(0, closing_reply());
  EXPECT_EQ(bench.script.calls.size(), 1u);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
}

TEST(ConnectionOrder, TreatsAnExceptionAsAClosingReply) {
  ManualClock clock;
  Shard shard(0, clock);
  auto count = std::make_shared<std::atomic<std::uint32_t>>(1);
  FrameHandler thrower = [](Shard&, Frame, std::shared_ptr<const ConnectionInfo>,
                            std::shared_ptr<StartedRequest>) -> boost::asio::awaitable<Reply> {
    throw std::runtime_error("planted");
  };
  auto group = std::make_shared<ConnectionGroup>(shard, ConnectionLimits{}, thrower, RequestBudgets::share(kMiB),
                                                 std::make_shared<BufferPool>(0), count);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Peer peer{Socket(ends[1])};
  group->adopt(Socket(ends[0]), std::make_shared<const ConnectionInfo>());
  peer.send(framed("x"));
  shard.step();
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
}

// --- bounds ---

TEST(ConnectionBounds, StopReadingAtTheNumberOfOutstandingRequests) {
  ConnectionLimits limits;
  limits.outstanding_requests_max = 3;
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  for (int i = 0; i < 5; ++i) {
    bench.send(peer, framed(std::to_string(i)));
    if (bench.script.calls.size() == static_cast<std::size_t>(i) + 1) bench.release(static_cast<std::size_t>(i));
  }
  EXPECT_EQ(bench.script.calls.size(), 3u);
  bench.finish(1, text_reply("b"));
  EXPECT_EQ(bench.script.calls.size(), 3u) << "its reply still waits for the first";
  bench.finish(0, text_reply("a"));
  EXPECT_EQ(peer.receive(), "ab");
  EXPECT_EQ(bench.script.calls.size(), 4u);
}

TEST(ConnectionBounds, StopReadingAtTheBytesOfOutstandingRequests) {
  ConnectionLimits limits;
  limits.outstanding_request_bytes_max = 10'000;
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  for (std::size_t i = 0; i < 4; ++i) {
    bench.send(peer, framed(std::string(6000, 'b')));
    if (bench.script.calls.size() == i + 1) bench.release(i);
  }
  EXPECT_EQ(bench.script.calls.size(), 2u);
  bench.finish(0, text_reply("a"));
  EXPECT_EQ(bench.script.calls.size(), 3u);
}

TEST(ConnectionBounds, StopReadingWhileThePeerDoesNotRead) {
  ConnectionLimits limits;
  limits.unsent_reply_bytes_max = 100'000;
  ConnectionBench bench(limits);
  auto peer = bench.connect(4096);
  bench.send(peer, framed("1") + framed("2"));
  bench.finish(0, text_reply(std::string(150'000, 'r')));
  EXPECT_EQ(bench.script.calls.size(), 1u);
  std::string received;
  while (received.size() < 150'000) {
    received += peer.receive();
    ASSERT_NE(bench.shard.step_within(Millis{10'000}), 0u);
  }
  EXPECT_EQ(bench.script.calls.size(), 2u);
}

TEST(ConnectionBounds, OfTheBudgetMakeFramesWaitInArrivalOrder) {
  ConnectionBench bench({}, 10'000);
  auto first = bench.connect();
  auto second = bench.connect();
  auto third = bench.connect();
  bench.send(first, framed(std::string(8000, '1')));
  bench.send(second, framed(std::string(7000, '2')));
  bench.send(third, framed(std::string(100, '3')));
  ASSERT_EQ(bench.script.calls.size(), 1u);
  bench.finish(0, text_reply("a"));
  ASSERT_EQ(bench.script.calls.size(), 3u);
  EXPECT_EQ(bench.script.calls[1].payload[0], '2');
  EXPECT_EQ(bench.script.calls[2].payload[0], '3');
  EXPECT_EQ(bench.budget->reserved_bytes(), 7100u);
}

TEST(ConnectionBounds, OfTheBudgetAreGivenUpByAConnectionThatEnds) {
  ConnectionBench bench({}, 10'000);
  auto first = bench.connect();
  auto second = bench.connect();
  auto third = bench.connect();
  bench.send(first, framed(std::string(8000, '1')));
  bench.send(second, framed(std::string(7000, '2')));
  bench.send(third, framed(std::string(1000, '3')));
  ASSERT_EQ(bench.script.calls.size(), 1u);
  bench.group->stop(bench.clock.steady() + Millis{1000});
  bench.shard.step();
  bench.finish(0, text_reply("a"));
  EXPECT_EQ(first.receive(), "a");
  EXPECT_EQ(bench.budget->reserved_bytes(), 0u);
  EXPECT_EQ(bench.script.calls.size(), 1u);
}

TEST(ConnectionBounds, OfTheBudgetCloseAConnectionWhoseFrameCanNeverFit) {
  ConnectionBench bench({}, 10'000);
  auto peer = bench.connect();
  bench.send(peer, announced(10'001));
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
}

TEST(ConnectionBounds, OfTheBudgetHoldForFramesThatOutgrowTheirBuffer) {
  ConnectionBench bench({}, 100'000);
  auto first = bench.connect();
  auto second = bench.connect();
  const Bytes half(40'000, 'h');
  bench.send(first, announced(80'000));
  bench.send(first, half);
  EXPECT_EQ(bench.budget->reserved_bytes(), 80'000u);
  bench.send(second, announced(80'000));
  bench.send(second, half);
  EXPECT_EQ(bench.budget->reserved_bytes(), 80'000u) << "the second stops at its first buffer";
  bench.advance(Millis{29'000});
  bench.send(first, half);
  ASSERT_EQ(bench.script.calls.size(), 1u);
  bench.advance(Millis{29'000});
  bench.finish(0, text_reply("a"));
  EXPECT_EQ(first.receive(), "a");
  bench.send(second, half);
  ASSERT_EQ(bench.script.calls.size(), 2u) << "waiting for us is not slowness of the peer";
}

// Found by 64 connections that announced 100 MiB each and sent no more than 64 KiB: everybody else had to wait for
// them.
TEST(ConnectionBounds, OfTheBudgetDoNotLetAnnouncedFramesKeepOutWholeOnes) {
  ConnectionBench bench({}, 10'000, 100'000);
  auto first = bench.connect();
  auto second = bench.connect();
  auto polite = bench.connect();
  for (auto* peer : {&first, &second}) {
    bench.send(*peer, announced(80'000));
    bench.send(*peer, Bytes(40'000, 'h'));
  }
  EXPECT_EQ(bench.arriving_budget->reserved_bytes(), 80'000u) << "one holds it all, the other waits";
  bench.send(polite, framed(std::string(1000, 'p')));
  ASSERT_EQ(bench.script.calls.size(), 1u);
  bench.finish(0, text_reply("a"));
  EXPECT_EQ(polite.receive(), "a");
}

// --- files ---

TEST(ConnectionBounds, OfTheBudgetAreNotHeldByRequestsThatWait) {
  ConnectionBench bench({}, 100);
  auto parked = bench.connect();
  bench.send(parked, framed(std::string(80, 'p')));
  auto request = bench.script.calls.at(0).started;
  EXPECT_EQ(bench.budget->reserved_bytes(), 80u);
  EXPECT_TRUE(request->try_park(60));
  EXPECT_TRUE(request->try_park(60)) << "again is harmless";
  EXPECT_EQ(bench.budget->reserved_bytes(), 0u);
  EXPECT_EQ(bench.parked_budget->reserved_bytes(), 60u);
  bench.release(0);

  bench.send(parked, framed(std::string(80, 'q')));
  ASSERT_EQ(bench.script.calls.size(), 2u) << "who waits keeps nobody out";
  EXPECT_FALSE(bench.script.calls.at(1).started->try_park(60)) << "one connection may park 100";
  EXPECT_EQ(bench.budget->reserved_bytes(), 80u) << "and goes on paying as a request at work";
  bench.finish(1, text_reply("early"));

  bench.finish(0, text_reply("late"));
  EXPECT_EQ(bench.parked_budget->reserved_bytes(), 0u);
  EXPECT_EQ(parked.receive(), "lateearly");
}

TEST(ConnectionBounds, OfTheBudgetForRequestsThatWaitHoldForAllConnections) {
  ConnectionBench bench;
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < 17; ++i) {
    peers.push_back(bench.connect());
    bench.send(peers.back(), framed("wait"));
    EXPECT_EQ(bench.script.calls.at(i).started->try_park(100), i < 16) << i;
  }
  for (std::size_t i = 0; i < 17; ++i) bench.finish(i, silent_reply());
  EXPECT_EQ(bench.parked_budget->reserved_bytes(), 0u);
}

TEST(ConnectionReplies, CarryFileRanges) {
  ConnectionBench bench;
  auto peer = bench.connect();
  const TemporaryFile file("0123456789");
  auto reply = text_reply("head ");
  reply.bytes.append(file.range(3, 4));
  bench.send(peer, framed("fetch"));
  bench.finish(0, std::move(reply));
  EXPECT_EQ(peer.receive(), "head 3456");
}

TEST(ConnectionReplies, CloseTheConnectionWhenAFileIsShorterThanItsRange) {
  ConnectionBench bench;
  auto peer = bench.connect();
  TemporaryFile file("0123456789");
  auto reply = text_reply("head ");
  reply.bytes.append(file.range(0, 10));
  bench.send(peer, framed("fetch") + framed("next"));
  bench.release(0);
  file.truncate(4);
  bench.finish(0, std::move(reply));
  EXPECT_EQ(peer.receive(), "head 0123");
  EXPECT_TRUE(peer.has_ended());
  EXPECT_EQ(*bench.open_count, 0u);
  bench.finish(1, text_reply("dropped"));
}

TEST(ConnectionReplies, ShareTheShardWithOthers) {
  ConnectionLimits limits;
  limits.turn_bytes_max = 1000;
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  const TemporaryFile file(std::string(50'000, 'f'));
  Reply reply;
  reply.kind = Reply::Kind::kBytes;
  reply.bytes.append(file.range(0, 50'000));
  bench.send(peer, framed("fetch"));
  const auto before = bench.shard.step();
  EXPECT_EQ(before, 0u);
  bench.script.calls[0].reply->set(std::move(reply));
  EXPECT_GE(bench.shard.step(), 50u) << "one turn a thousand bytes";
  EXPECT_EQ(peer.receive().size(), 50'000u);
}

// --- deadlines ---

TEST(ConnectionDeadlines, CutAFrameThatDoesNotBecomeComplete) {
  ConnectionBench bench;
  auto peer = bench.connect();
  const auto frame = framed("never complete");
  bench.send(peer, ByteView(frame).first(6));
  for (int i = 0; i < 2; ++i) {  // one byte now and then does not help
    bench.advance(Millis{14'000});
    bench.send(peer, ByteView(frame).subspan(6 + static_cast<std::size_t>(i), 1));
  }
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.has_ended());
  bench.advance(Millis{2'000});
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
  EXPECT_EQ(*bench.open_count, 0u);
}

TEST(ConnectionDeadlines, GiveEveryFrameItsOwnTime) {
  ConnectionBench bench;
  bench.script.echo();
  auto peer = bench.connect();
  const auto frame = framed("ab");
  for (int i = 0; i < 10; ++i) {
    bench.send(peer, ByteView(frame).first(5));
    bench.advance(Millis{20'000});
    bench.send(peer, ByteView(frame).subspan(5));
    ASSERT_EQ(peer.receive(), "ab");
  }
  EXPECT_FALSE(peer.has_ended());
}

TEST(ConnectionDeadlines, CutAnIdleConnection) {
  ConnectionLimits limits;
  limits.idle = Millis{60'000};
  ConnectionBench bench(limits);
  bench.script.echo();
  auto peer = bench.connect();
  bench.advance(Millis{59'000});
  bench.send(peer, framed("x"));
  EXPECT_EQ(peer.receive(), "x");
  bench.advance(Millis{59'000});
  EXPECT_EQ(*bench.open_count, 1u);
  bench.advance(Millis{1'000});
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
}

TEST(ConnectionDeadlines, AreNotIdleWhileARequestWaits) {
  ConnectionLimits limits;
  limits.idle = Millis{60'000};
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  bench.send(peer, framed("join"));
  bench.advance(Millis{300'000});
  bench.finish(0, text_reply("joined"));
  bench.advance(Millis{59'000});
  EXPECT_EQ(peer.receive(), "joined");
  EXPECT_FALSE(peer.has_ended());
}

TEST(ConnectionDeadlines, NeverIdleWhenNegative) {
  ConnectionLimits limits;
  limits.idle = Millis{-1};
  ConnectionBench bench(limits);
  auto peer = bench.connect();
  bench.advance(Millis{1'000'000'000});
  EXPECT_EQ(*bench.open_count, 1u);
}

TEST(ConnectionDeadlines, CutAPeerThatDoesNotRead) {
  ConnectionBench bench;
  auto peer = bench.connect(4096);
  bench.send(peer, framed("fetch"));
  bench.finish(0, text_reply(std::string(1'000'000, 'r')));
  bench.advance(Millis{29'000});
  EXPECT_FALSE(peer.receive(10'000).empty());  // a little progress buys another 30 s
  bench.shard.step();
  bench.advance(Millis{29'000});
  EXPECT_EQ(*bench.open_count, 1u);
  bench.advance(Millis{1'000});
  EXPECT_EQ(*bench.open_count, 0u);
}

// --- the end ---

TEST(ConnectionEnd, AnswersWhatCameBeforeThePeersEndOfStream) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1"));
  bench.release(0);
  peer.shut_down_sending();
  bench.shard.step();
  bench.finish(0, text_reply("one"));
  EXPECT_EQ(peer.receive(), "one");
  EXPECT_TRUE(peer.has_ended());
}

TEST(ConnectionEnd, RunsEveryCompleteFrameOfAPeerThatLeft) {
  ConnectionBench bench;
  auto peer = bench.connect();
  const auto half = announced(10);
  peer.send(framed("acks=0") + framed("too") + half);
  peer.close();
  bench.shard.step();
  bench.finish(0, silent_reply());
  ASSERT_EQ(payloads(bench), (std::vector<std::string>{"acks=0", "too"}));
  bench.finish(1, silent_reply());
  EXPECT_EQ(*bench.open_count, 0u);
}

TEST(ConnectionEnd, OutlivesAHandlerThatAnswersToNobody) {
  ConnectionBench bench;
  {
    auto peer = bench.connect();
    bench.send(peer, framed("long poll"));
    bench.release(0);
  }
  bench.shard.step();
  bench.advance(Millis{30'000});
  EXPECT_EQ(*bench.open_count, 0u);
  bench.finish(0, text_reply("late"));
}

TEST(ConnectionEnd, TellsAHandlerThatNobodyWaitsForItsAnswer) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("wait"));
  const auto& call = bench.script.calls.at(0);
  auto watch = std::make_shared<Watch>(bench.shard);
  call.started->close_watches().add(watch);
  bool rung = false;
  TaskGroup tasks(bench.shard);
  tasks.start("watch", [](std::shared_ptr<Watch> held, bool* out) -> boost::asio::awaitable<void> {
    *out = co_await held->wait(SteadyTime::max());
  }(watch, &rung));
  bench.shard.step();
  EXPECT_FALSE(rung);
  EXPECT_FALSE(call.started->is_abandoned());
  bench.group->stop(bench.clock.steady());
  bench.advance(Millis(1));
  EXPECT_TRUE(call.started->is_abandoned());
  EXPECT_TRUE(rung);
  bench.finish(0, text_reply("nobody"));
}

TEST(ConnectionEnd, TakesLeaveOfAPeerThatStillSends) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, announced(-1));
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
  bench.send(peer, Bytes(10'000, 'z'));
  EXPECT_EQ(*bench.open_count, 1u);
  bench.advance(Millis{2'000});
  EXPECT_EQ(*bench.open_count, 0u);
}

TEST(ConnectionEnd, StopsAfterStartedRequestsAreAnswered) {
  ConnectionBench bench;
  auto idle = bench.connect();
  auto busy = bench.connect();
  bench.send(busy, framed("1") + framed("2"));
  bench.group->stop(bench.clock.steady() + Millis{5'000});
  bench.shard.step();
  EXPECT_EQ(idle.receive(), "");
  EXPECT_TRUE(idle.has_ended());
  EXPECT_EQ(bench.group->connection_count(), 1u);
  bench.finish(0, text_reply("one"));
  EXPECT_EQ(busy.receive(), "one");
  EXPECT_TRUE(busy.has_ended());
  EXPECT_EQ(bench.script.calls.size(), 1u) << "no new request after the stop";
  EXPECT_EQ(bench.group->connection_count(), 0u);
  auto late = bench.connect();
  EXPECT_EQ(late.receive(), "");
  EXPECT_TRUE(late.has_ended());
  EXPECT_EQ(*bench.open_count, 0u);
}

TEST(ConnectionEnd, CutsWhatIsLeftAtTheStopsDeadline) {
  ConnectionBench bench;
  auto peer = bench.connect();
  bench.send(peer, framed("1"));
  bench.group->stop(bench.clock.steady() + Millis{5'000});
  bench.advance(Millis{4'999});
  EXPECT_EQ(bench.group->connection_count(), 1u);
  bench.advance(Millis{1});
  EXPECT_EQ(bench.group->connection_count(), 0u);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.has_ended());
  bench.finish(0, text_reply("late"));
}

TEST(ConnectionEnd, StopsWhileAReplyIsHalfOut) {
  ConnectionBench bench;
  auto peer = bench.connect(4096);
  bench.send(peer, framed("fetch"));
  bench.finish(0, text_reply(std::string(500'000, 'r')));
  bench.group->stop(bench.clock.steady() + Millis{5'000});
  bench.shard.step();
  std::string received;
  while (!peer.has_ended()) {
    received += peer.receive();
    if (peer.has_ended()) break;
    ASSERT_NE(bench.shard.step_within(Millis{10'000}), 0u);
  }
  EXPECT_EQ(received.size(), 500'000u);
}

TEST(ConnectionEnd, LeavesNothingBehindWhenTheShardDiesFirst) {
  ConnectionBench bench({}, 1'000);
  auto waiting = bench.connect();
  auto blocked = bench.connect();
  auto half = bench.connect();
  bench.send(waiting, framed(std::string(900, 'w')));
  bench.send(blocked, framed(std::string(900, 'b')));
  bench.send(half, announced(100));
  EXPECT_EQ(*bench.open_count, 3u);
}

}  // namespace
}  // namespace weir::net
