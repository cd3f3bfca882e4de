// Power cuts under a broker that clients are talking to, on a real file system. A generation is one fresh image: the
// clients work, the power goes, the image is mounted again, the broker recovers, everything is read back and judged,
// and it goes on. Prints what was told, what was lost and how often each fault fired; ends with 1 when anything was
// lost, or a fault never fired.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/random.h"
#include "lab/generation.h"

namespace weir::lab {
namespace {

enum class Fault : std::uint8_t {
  kFrozenCut,      // the broker stands still, then the power goes
  kFrozenTornCut,  // the same, after the kernel wrote some of the dirty pages back
  kLiveCut,        // in the middle of whatever the broker does; its clients hear nothing any more
  kLiveTornCut,
  kCutInRecovery,  // once more, before the broker was ready
  kKillThenCut,    // kill -9, a start, everything read, then the power goes
  kStopThenCut,    // the power goes after a clean stop
  kFullThenCut,    // the disk is full for a while before the power goes
};
constexpr std::array<std::string_view, 8> kFaultNames{"frozen cut",           "frozen cut, torn",   "live cut",
                                                      "live cut, torn",       "cut in recovery",    "kill -9, then cut",
                                                      "clean stop, then cut", "full disk, then cut"};

constexpr int kCutsAGeneration = 8;
constexpr Millis kStopLimit{30'000};

struct Plan {
  std::string fs = "ext4";
  int cuts = 100;
  std::uint64_t seed = 0;
  std::string binary;
  std::string work;          // for the image, the mount point, the history and logs
  std::string keep;          // for histories and logs of generations that failed
  bool until_found = false;  // end with the first cut that shows an anomaly
};

struct Totals {
  Verdict verdict;
  int cuts = 0;
  std::uint64_t torn_tails = 0;
  std::uint64_t pages_written_back = 0;
  int failed_generations = 0;
};

// Faults in an order drawn by chance, each kind in its share of every twenty.
class Deck {
 public:
  Fault draw(Random& random) {
    if (cards_.empty()) {
      constexpr std::array<std::pair<Fault, int>, 7> kShares{{{Fault::kFrozenCut, 4},
                                                              {Fault::kFrozenTornCut, 4},
                                                              {Fault::kLiveCut, 4},
                                                              {Fault::kLiveTornCut, 4},
                                                              {Fault::kKillThenCut, 2},
                                                              {Fault::kStopThenCut, 1},
                                                              {Fault::kFullThenCut, 1}}};
      for (const auto& [fault, share] : kShares) cards_.insert(cards_.end(), static_cast<std::size_t>(share), fault);
    }
    const auto at = cards_.begin() + static_cast<std::ptrdiff_t>(random.next_u64() % cards_.size());
    const auto fault = *at;
    cards_.erase(at);
    return fault;
  }

 private:
  std::vector<Fault> cards_;
};

void note(const Generation& generation, Fault fault) {
  generation.note_fault(static_cast<std::uint64_t>(fault));
}

// Until nothing is acked any more; then there is room again, and the broker has to go on without a restart.
Result<void> fill_disk_for_a_while(Generation& generation) {
  const auto filling = generation.image().root() + "/filling";
  static_cast<void>(run_command(fmt::format("dd if=/dev/zero of={} bs=1M", filling)));  // fails when it is full
  generation.await_silence();
  WEIR_TRY(run_command("rm " + filling));
  if (generation.await_acks(1)) return {};
  return fail(Errc::kNoSpace, "nothing is acked, though there is room again:\n" + generation.broker().log_tail(2000));
}

// Lets the clients work for a number of acks drawn by chance, then does it to them.
Result<void> strike(Generation& generation, Fault fault, Random& random) {
  constexpr std::uint64_t kAcksMin = 20;
  constexpr std::uint64_t kAcksSpread = 4000;
  generation.await_acks(kAcksMin + random.next_u64() % kAcksSpread);
  if (fault == Fault::kFullThenCut) WEIR_TRY(fill_disk_for_a_while(generation));
  generation.dismiss_clients();
  WEIR_TRY(generation.check_broker_lives());
  switch (fault) {
    case Fault::kLiveCut:
    case Fault::kLiveTornCut: generation.hearing().deafen(); break;
    case Fault::kStopThenCut: WEIR_TRY(generation.broker().stop(kStopLimit)); break;
    case Fault::kKillThenCut: generation.broker().kill(); return {};
    default: generation.broker().freeze();
  }
  return generation.cut_power(fault == Fault::kFrozenTornCut || fault == Fault::kLiveTornCut);
}

// Now and then the power goes while the broker recovers.
Result<void> start_with_cuts(Generation& generation, Random& random) {
  constexpr int kDepthMax = 3;
  for (int depth = 0; depth < kDepthMax && random.next_u64() % 4 == 0; ++depth) {
    const Millis limit(random.next_u64() % (generation.start_ms() + 1));
    WEIR_TRY_ASSIGN(ready, generation.start_for(limit));
    if (!ready) note(generation, Fault::kCutInRecovery);
    generation.broker().freeze();
    WEIR_TRY(generation.cut_power(random.next_u64() % 2 == 0));
    WEIR_TRY(generation.remount());
  }
  return generation.start();
}

// Work, `fault`, recovery, judgement. An error: the broker does not come back, or the lab itself failed.
Result<void> cut(Generation& generation, Fault fault, Random& random) {
  generation.start_clients();
  const auto done = strike(generation, fault, random);
  if (!done) generation.broker().kill();
  generation.join_clients();
  WEIR_TRY(done);
  if (fault == Fault::kKillThenCut) {
    WEIR_TRY(generation.start());
    WEIR_TRY(generation.judge());
    generation.broker().freeze();
    WEIR_TRY(generation.cut_power(false));
  }
  note(generation, fault);
  WEIR_TRY(generation.remount());
  WEIR_TRY(start_with_cuts(generation, random));
  return generation.judge();
}

// False when the lab itself could not go on.
bool run_generation(const Plan& plan, int number, Random& random, Deck& deck, Totals& totals) {
  const GenerationPlan of_this{.binary = plan.binary, .work = plan.work, .number = number};
  std::filesystem::remove(Generation::history_path(plan.work));
  auto image = LoopImage::create(plan.fs, plan.work);
  auto recorder = Recorder::open(Generation::history_path(plan.work));
  if (!image || !recorder) {
    fmt::print("power: {}\n", to_string(image ? recorder.error() : image.error()));
    return false;
  }
  Generation generation(of_this, *std::move(image), *std::move(recorder), random);
  auto outcome = generation.begin();
  for (int done = 0; done < kCutsAGeneration && totals.cuts < plan.cuts; ++done) {
    if (!outcome || !generation.is_clean()) break;
    outcome = cut(generation, deck.draw(random), random);
    ++totals.cuts;
  }
  const auto verdict = generation.end();
  totals.verdict.add(verdict);
  totals.torn_tails += generation.torn_tails();
  totals.pages_written_back += generation.pages_written_back();
  if (outcome && verdict.clean()) return true;
  ++totals.failed_generations;
  fmt::print("generation {}, cut {}: {}\n", number, totals.cuts, verdict.anomalies_text());
  const auto& findings = generation.checker().findings();
  for (const auto& finding : findings) fmt::print("  {}\n", finding);
  if (!outcome) fmt::print("  {}\n", to_string(outcome.error()));
  keep_evidence(of_this, plan.keep, plan.fs);
  std::fflush(stdout);
  return true;
}

int report(const Plan& plan, const Totals& totals, std::uint64_t took_ms) {
  const auto& verdict = totals.verdict;
  fmt::print("power {}: {} cuts in {:.1f} s, seed {}\n", plan.fs, totals.cuts, static_cast<double>(took_ms) / 1000,
             plan.seed);
  print_records(verdict);
  fmt::print("  {:<24} {} ({} pages written back before cuts)\n", "torn tails recovered", totals.torn_tails,
             totals.pages_written_back);
  const bool fired = print_faults(verdict, kFaultNames);
  const bool enough = verdict.unknown_share() <= kUnknownShareMax;
  if (!enough) fmt::print("  too many outcomes are unknown\n");
  if (totals.failed_generations == 0 && fired && enough) return 0;
  fmt::print("  repeat: ./dev lab power --fs {} --cuts {} --seed {}\n", plan.fs, plan.cuts, plan.seed);
  return 1;
}

int run(Plan plan) {
  if (plan.seed == 0) plan.seed = SystemRandom().next_u64() >> 32;
  SeededRandom random(plan.seed);
  Deck deck;
  Totals totals;
  const auto began_us = now_us();
  for (int number = 1; totals.cuts < plan.cuts; ++number) {
    if (!run_generation(plan, number, random, deck, totals)) return 2;
    if (totals.failed_generations == 0) continue;
    if (plan.until_found) {
      fmt::print("found after {} cuts\n", totals.cuts);
      return 1;
    }
    constexpr int kFailedGenerationsMax = 10;
    if (totals.failed_generations == kFailedGenerationsMax) break;
  }
  return report(plan, totals, (now_us() - began_us) / 1000);
}

}  // namespace
}  // namespace weir::lab

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::lab::Plan plan;
  CLI::App app{"Power cuts under a working broker"};
  app.add_option("--fs", plan.fs, "ext4 or xfs")->check(CLI::IsMember({"ext4", "xfs"}));
  app.add_option("--cuts", plan.cuts, "how many");
  app.add_option("--seed", plan.seed, "of all chance (0: a new one)")->envname("WEIR_SEED");
  app.add_option("--binary", plan.binary, "the broker")->required();
  app.add_option("--work", plan.work, "an empty folder for image and mount point")->required();
  app.add_option("--keep", plan.keep, "where histories and logs of failures go");
  app.add_flag("--until-found", plan.until_found, "end with the first anomaly");
  CLI11_PARSE(app, argc, argv);
  return weir::lab::run(std::move(plan));
}
