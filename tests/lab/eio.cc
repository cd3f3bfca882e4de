// Input/output errors under a broker that clients are talking to: a real file system on a block device that fails when
// told so. A round is one fresh file system: the clients work, the device begins to fail, the broker reacts, the device
// is well again, the broker starts, everything is read back and judged. A broker may go offline or end with exit code
// 1; it must neither crash, nor lose what was acked before or after the first error.
#include <fmt/format.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "base/random.h"
#include "lab/generation.h"

namespace weir::lab {
namespace {

enum class Fault : std::uint8_t {
  kWriteErrors,  // to the end
  kWriteErrorsForAMoment,
  kReadErrors,
};
constexpr std::array<std::string_view, 3> kFaultNames{"write errors", "write errors, brief", "read errors"};

constexpr Millis kReactionLimit{3'000};

struct Plan {
  std::string fs = "ext4";
  int rounds = 12;
  std::uint64_t seed = 0;
  std::string binary;
  std::string work;
  std::string keep;
  std::string device;
  std::string device_file;  // behind the device
  std::string fail_reads;   // while a file of this name exists, so does the error
  std::string fail_writes;
  bool until_found = false;
};

class DeviceErrors {
 public:
  explicit DeviceErrors(std::string trigger) : trigger_(std::move(trigger)) { std::ofstream(trigger_).put('x'); }
  DeviceErrors(const DeviceErrors&) = delete;
  DeviceErrors& operator=(const DeviceErrors&) = delete;
  ~DeviceErrors() { end(); }
  void end() const { std::filesystem::remove(trigger_); }

 private:
  std::string trigger_;
};

struct Totals {
  Verdict verdict;
  int rounds = 0;
  int failed = 0;
  std::map<std::string, int> reactions;
};

// What the broker came to, as a line of the report; an error when it must not.
Result<std::string> reaction_of(Generation& generation) {
  int status = 0;
  if (!generation.broker().wait_ended(kReactionLimit, status)) return std::string("went on");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return std::string("ended with exit code 1");
  return fail(Errc::kIo,
              fmt::format("the broker ended with status {:#x}:\n{}", status, generation.broker().log_tail(2000)));
}

// What is read next comes from the device: past the page caches of file system and device.
void drop_caches(const Generation& generation, const Plan& plan) {
  std::error_code ended;  // files come and go below a live broker
  for (auto entry = std::filesystem::recursive_directory_iterator(generation.image().root(), ended);
       !ended && entry != std::filesystem::recursive_directory_iterator(); entry.increment(ended)) {
    if (entry->path().extension() == ".log") drop_cached_pages(entry->path());
  }
  drop_cached_pages(plan.device_file);
}

// Each log from its beginning; errors are what this is for.
void read_cold(Generation& generation) {
  auto connection = clients::Connection::open(generation.broker().address());
  if (connection) static_cast<void>(generation.read_logs(*connection));
}

Result<void> round(Generation& generation, const Plan& plan, Fault fault, Random& random, Totals& totals) {
  WEIR_TRY(generation.begin());
  generation.start_clients();
  constexpr std::uint64_t kAcksMin = 200;
  constexpr std::uint64_t kAcksSpread = 3000;
  generation.await_acks(kAcksMin + random.next_u64() % kAcksSpread);
  if (fault == Fault::kReadErrors) drop_caches(generation, plan);
  Result<std::string> reaction = std::string();
  {
    const DeviceErrors errors(fault == Fault::kReadErrors ? plan.fail_reads : plan.fail_writes);
    if (fault == Fault::kReadErrors) {
      read_cold(generation);
    } else {
      constexpr std::uint64_t kMomentUsMax = 20'000;
      const auto until_us = now_us() + random.next_u64() % kMomentUsMax;
      while (fault == Fault::kWriteErrorsForAMoment && now_us() < until_us) pause();
      if (fault == Fault::kWriteErrorsForAMoment) errors.end();
    }
    generation.await_silence();
    reaction = reaction_of(generation);
    generation.dismiss_clients();
    generation.broker().kill();
    generation.join_clients();
  }
  if (generation.broker_log_lines_with("nput/output error") + generation.broker_log_lines_with("ead-only file") > 0) {
    generation.note_fault(static_cast<std::uint64_t>(fault));
  }
  WEIR_TRY(reaction);
  ++totals.reactions[fmt::format("{}: {}", kFaultNames[static_cast<std::size_t>(fault)], *reaction)];
  WEIR_TRY(generation.remount());
  WEIR_TRY(generation.start());
  return generation.judge();
}

// False when the lab itself could not go on.
bool run_round(const Plan& plan, Random& random, Totals& totals) {
  const GenerationPlan of_this{.binary = plan.binary, .work = plan.work, .number = ++totals.rounds};
  const auto fault = static_cast<Fault>((totals.rounds - 1) % static_cast<int>(kFaultNames.size()));
  std::filesystem::remove(Generation::history_path(plan.work));
  auto image = LoopImage::create_on(plan.fs, plan.device, plan.work);
  auto recorder = Recorder::open(Generation::history_path(plan.work));
  if (!image || !recorder) {
    fmt::print("eio: {}\n", to_string(image ? recorder.error() : image.error()));
    return false;
  }
  Generation generation(of_this, *std::move(image), *std::move(recorder), random);
  const auto outcome = round(generation, plan, fault, random, totals);
  const auto verdict = generation.end();
  totals.verdict.add(verdict);
  if (outcome && verdict.clean()) return true;
  ++totals.failed;
  fmt::print("round {} ({}): {}\n", totals.rounds, kFaultNames[static_cast<std::size_t>(fault)],
             verdict.anomalies_text());
  const auto& findings = generation.checker().findings();
  for (const auto& finding : findings) fmt::print("  {}\n", finding);
  if (!outcome) fmt::print("  {}\n", to_string(outcome.error()));
  keep_evidence(of_this, plan.keep, "eio-" + plan.fs);
  std::fflush(stdout);
  return true;
}

int run(Plan plan) {
  if (plan.seed == 0) plan.seed = SystemRandom().next_u64() >> 32;
  SeededRandom random(plan.seed);
  Totals totals;
  const auto began_us = now_us();
  while (totals.rounds < plan.rounds) {
    if (!run_round(plan, random, totals)) return 2;
    if (totals.failed == 0 || !plan.until_found) continue;
    fmt::print("found after {} rounds\n", totals.rounds);
    return 1;
  }
  fmt::print("eio {}: {} rounds in {:.1f} s, seed {}\n", plan.fs, totals.rounds,
             static_cast<double>(now_us() - began_us) / 1e6, plan.seed);
  print_records(totals.verdict);
  for (const auto& [reaction, count] : totals.reactions) fmt::print("  {:<45} {}\n", reaction, count);
  const bool fired = print_faults(totals.verdict, kFaultNames);
  if (totals.failed == 0 && fired) return 0;
  fmt::print("  repeat: ./dev lab eio --fs {} --rounds {} --seed {}\n", plan.fs, plan.rounds, plan.seed);
  return 1;
}

}  // namespace
}  // namespace weir::lab

int main(int argc, char** argv) {
  weir::clients::ignore_broken_pipes();
  weir::lab::Plan plan;
  CLI::App app{"Input/output errors under a working broker"};
  app.add_option("--fs", plan.fs, "ext4 or xfs")->check(CLI::IsMember({"ext4", "xfs"}));
  app.add_option("--rounds", plan.rounds, "how many");
  app.add_option("--seed", plan.seed, "of all chance (0: a new one)")->envname("WEIR_SEED");
  app.add_option("--binary", plan.binary, "the broker")->required();
  app.add_option("--work", plan.work, "a folder for the mount point, the history and logs")->required();
  app.add_option("--keep", plan.keep, "where histories and logs of failures go");
  app.add_option("--device", plan.device, "a block device, whose content goes")->required();
  app.add_option("--device-file", plan.device_file, "the file that the device is made of")->required();
  app.add_option("--fail-reads", plan.fail_reads, "the device's reads fail while this file exists")->required();
  app.add_option("--fail-writes", plan.fail_writes, "its writes fail while this file exists")->required();
  app.add_flag("--until-found", plan.until_found, "end with the first anomaly");
  CLI11_PARSE(app, argc, argv);
  return weir::lab::run(std::move(plan));
}
