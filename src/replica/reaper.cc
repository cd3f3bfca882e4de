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
// How long after a failure to try again.
constexpr Millis kRetryInterval{60'000};

// Our own reference is the last one, and no answer holds a piece of the file. Nobody can take new ones.
bool is_read(const storage::Segment& segment, long holders) {
  return holders > 1 || segment.is_being_read();
}

// Takes away what it can; what is left stays in `due`.
void remove_all(storage::FileSystem& fs, std::vector<Doomed>& due, const std::atomic<bool>& stop) {
  const auto is_gone = [](const storage::Path& path, const Result<void>& removed) {
    if (removed || removed.error().code == Errc::kClosed) return removed.has_value();
    log_warn("{}: deleted, and can't be removed yet: {}", path.native(), to_string(removed.error()));
    return false;
  };
  for (auto& doomed : due) {
    std::erase_if(doomed.files, [&](const storage::Path& file) {
      return is_gone(file, storage::remove_file_in_steps(fs, file, stop));
    });
    std::erase_if(doomed.directories, [&](const storage::Path& directory) {
      return is_gone(directory, storage::remove_tree_in_steps(fs, directory, stop));
    });
  }
  std::erase_if(due, [](const Doomed& doomed) { return doomed.files.empty() && doomed.directories.empty(); });
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
    auto work = [this, held = std::move(due)]() mutable {
      remove_all(fs_, held, is_stopping_);
      return std::move(held);
    };
    auto left = co_await run_on_helper(helpers_, home_, std::move(work));
    for (auto& doomed : left) {
      doomed.due = home_.clock().steady() + kRetryInterval;
      waiting_.push_back(std::move(doomed));
    }
  }
  is_reaping_ = false;
}

}  // namespace weir::replica
