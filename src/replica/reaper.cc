#include "replica/reaper.h"

#include <algorithm>
#include <utility>

#include "base/async/run_on.h"
#include "base/log.h"
#include "storage/removal.h"

namespace weir::replica {
namespace {

// How often to look whether the last reader of something has gone.
constexpr Millis kReadersInterval{1000};

// Our own reference is the last one, and no answer holds a piece of the file. Nobody can take new ones.
bool is_read(const storage::Segment& segment, long holders) {
  return holders > 1 || segment.is_being_read();
}

void remove_all(storage::FileSystem& fs, const std::vector<Doomed>& due) {
  const auto report = [](const storage::Path& path, const Result<void>& removed) {
    if (!removed) log_warn("{}: deleted, and can't be removed: {}", path.native(), to_string(removed.error()));
  };
  for (const auto& doomed : due) {
    for (const auto& file : doomed.files) report(file, storage::remove_file_in_steps(fs, file));
    for (const auto& directory : doomed.directories) report(directory, storage::remove_tree_in_steps(fs, directory));
  }
}

}  // namespace

Reaper::Reaper(Shard& home, Helpers& helpers, storage::FileSystem& fs)
    : home_(home), helpers_(helpers), fs_(fs), tasks_(home) {}

void Reaper::remove_later(Doomed doomed) {
  if (is_stopping_) return;
  waiting_.push_back(std::move(doomed));
  if (wake_ != nullptr) wake_->set(true);
  if (!std::exchange(is_reaping_, true)) tasks_.start("remove deleted files", reap());
}

boost::asio::awaitable<void> Reaper::stop() {
  is_stopping_ = true;
  if (wake_ != nullptr) wake_->set(true);
  co_await tasks_.wait_until_empty();
}

SteadyTime Reaper::next_look() const {
  const auto now = home_.clock().steady();
  auto next = SteadyTime::max();
  for (const auto& doomed : waiting_) next = std::min(next, doomed.due);
  return next > now ? next : now + kReadersInterval;
}

std::vector<Doomed> Reaper::take_due() {
  const auto now = home_.clock().steady();
  std::vector<Doomed> due;
  std::erase_if(waiting_, [&](Doomed& doomed) {
    if (doomed.due > now) return false;
    if (std::ranges::any_of(doomed.segments, [](const auto& s) { return is_read(*s, s.use_count()); })) return false;
    due.push_back(std::move(doomed));
    return true;
  });
  return due;
}

boost::asio::awaitable<void> Reaper::reap() {
  while (!is_stopping_ && !waiting_.empty()) {
    auto due = take_due();
    if (due.empty()) {
      wake_ = make_one_shot<bool>(home_);
      co_await wake_->wait(next_look());
      wake_ = nullptr;
      continue;
    }
    auto work = [&fs = fs_, held = std::move(due)] {
      remove_all(fs, held);
      return true;
    };
    co_await run_on_helper(helpers_, home_, std::move(work));
  }
  is_reaping_ = false;
}

}  // namespace weir::replica
