// Helper threads for work that blocks: fsync, cold reads, creating and deleting files, heavy decompression. A shard
// never does such work itself. A simulation runs it inline instead (design decision 11).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weir {

class Helpers {
 public:
  using Work = std::move_only_function<void()>;

  virtual ~Helpers() = default;
  // Any thread. `work` reports back by posting to a shard.
  virtual void run(Work work) = 0;
};

// A fixed number of threads that start with the first work. Its destructor runs what is queued, then joins.
class HelperThreads final : public Helpers {
 public:
  explicit HelperThreads(std::uint32_t thread_count) : thread_count_(thread_count) {}
  ~HelperThreads() override;
  void run(Work work) override;

 private:
  void serve();

  const std::uint32_t thread_count_;
  std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::deque<Work> queue_;
  std::vector<std::thread> threads_;
  std::uint32_t idle_count_ = 0;
  bool stopping_ = false;
};

}  // namespace weir
