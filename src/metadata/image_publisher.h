// The newest durable image, for everybody: readers of any shard take it by get(), subscribers on the controller's shard
// hear of each change. Written by the controller alone.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/published.h"
#include "metadata/image.h"

namespace weir::metadata {

// `before` is null at the first publish of a process.
using ImageListener =
    std::function<void(const std::shared_ptr<const Image>& before, const std::shared_ptr<const Image>& after)>;

class ImagePublisher {
 public:
  // Any thread. Null until the controller has started.
  [[nodiscard]] std::shared_ptr<const Image> get() const { return current_.get(); }

  // Before the controller starts. `listener` runs on the controller's shard after each publish, in order of
  // subscription, before any command that made the change is answered.
  void subscribe(ImageListener listener) { listeners_.push_back(std::move(listener)); }

  // The controller, on its shard.
  void publish(const std::shared_ptr<const Image>& next) {
    const auto before = current_.get();
    current_.publish(next);
    for (const auto& listener : listeners_) listener(before, next);
  }

 private:
  Published<Image> current_;
  std::vector<ImageListener> listeners_;
};

}  // namespace weir::metadata
