// A value that one owner replaces and anybody reads: the newest published snapshot. Immutable once published.
// The lock is held for the copy of a pointer only. (std::atomic<std::shared_ptr> would do the same, but
// ThreadSanitizer reports it with both compilers.)
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace weir {

template <class T>
class Published {
 public:
  Published() = default;
  explicit Published(std::shared_ptr<const T> first) : current_(std::move(first)) {}

  // Any thread. Null until the first publish.
  [[nodiscard]] std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  // The owner only. The previous snapshot dies with its last reader.
  void publish(std::shared_ptr<const T> next) {
    {
      const std::lock_guard lock(mutex_);
      current_.swap(next);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_;
};

}  // namespace weir
