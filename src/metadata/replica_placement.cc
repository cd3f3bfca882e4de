#include "metadata/replica_placement.h"

#include <algorithm>

#include "base/check.h"

namespace weir::metadata {

ReplicaPlacement::ReplicaPlacement(const Image& image, Random& random) : image_(image) {
  for (const auto& [id, broker] : image.brokers) {
    (broker->fenced || broker->in_controlled_shutdown ? fenced_ : active_).push_back(id);
  }
  if (!active_.empty()) next_ = static_cast<std::size_t>(random.next_u64() % active_.size());
}

bool ReplicaPlacement::is_active(NodeId node) const {
  return std::ranges::find(active_, node) != active_.end();
}

std::vector<NodeId> ReplicaPlacement::place(std::size_t replication_factor) {
  CHECK(replication_factor >= 1 && replication_factor <= broker_count(), "factor {}", replication_factor);
  std::vector<NodeId> replicas;
  replicas.reserve(replication_factor);
  for (std::size_t i = 0; i < active_.size() && replicas.size() < replication_factor; ++i) {
    replicas.push_back(active_[(next_ + i) % active_.size()]);
  }
  for (std::size_t i = 0; replicas.size() < replication_factor; ++i) replicas.push_back(fenced_[i]);
  ++next_;
  return replicas;
}

void ReplicaPlacement::count_directories() {
  counted_ = true;
  image_.for_each_topic([this](const auto& topic) {
    for (const auto& partition : topic->partitions) {
      if (partition == nullptr) continue;
      for (std::size_t i = 0; i < partition->replicas.size() && i < partition->directories.size(); ++i) {
        ++partition_counts_[{partition->replicas[i], partition->directories[i]}];
      }
    }
  });
}

Uuid ReplicaPlacement::choose_directory(NodeId node) {
  const auto found = image_.brokers.find(node);
  if (found == image_.brokers.end() || found->second->log_dirs.empty()) return kUnassignedDirectory;
  const auto& directories = found->second->log_dirs;
  if (directories.size() == 1) return directories.front();
  if (!counted_) count_directories();
  const auto least = std::ranges::min_element(
      directories, {}, [&](const Uuid& directory) { return partition_counts_[{node, directory}]; });
  ++partition_counts_[{node, *least}];
  return *least;
}

}  // namespace weir::metadata
