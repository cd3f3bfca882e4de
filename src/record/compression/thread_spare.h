// Keeps one idle context of a kind for each thread, so that a codec's tables are not allocated anew for every batch.
// Nested users get a fresh one; what a thread keeps dies with it. A context that met bad data, or was left in the
// middle of good data, is not handed back: the next batch must not depend on how well the library's reset forgets.
#pragma once

#include <memory>
#include <utility>

namespace weir::record {

// `Context` has a default constructor and is movable through unique_ptr only.
template <class Context>
class ThreadSpare {
 public:
  [[nodiscard]] static std::unique_ptr<Context> take() {
    if (auto context = std::exchange(spare_, nullptr)) return context;
    return std::make_unique<Context>();
  }
  // Hands back a context that is worth keeping; the caller drops one that grew too big.
  static void give(std::unique_ptr<Context> context) { spare_ = std::move(context); }

 private:
  static inline thread_local std::unique_ptr<Context> spare_;
};

}  // namespace weir::record
