// Where a new partition's replicas go: which brokers, and which of their log directories. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "metadata/image.h"

namespace weir::metadata {

// Spreads partitions over brokers and directories. Lives for one command: what it placed counts for what comes next.
class ReplicaPlacement {
 public:
  ReplicaPlacement(const Image& image, Random& random);

  // Brokers that may take a replica, fenced ones included (they come last in an assignment).
  [[nodiscard]] std::size_t broker_count() const { return active_.size() + fenced_.size(); }
  [[nodiscard]] std::size_t active_count() const { return active_.size(); }
  [[nodiscard]] bool is_active(NodeId node) const;

  // The next partition's replicas, leader first. 1 <= replication_factor <= broker_count().
  [[nodiscard]] std::vector<NodeId> place(std::size_t replication_factor);

  // The directory of the broker with the fewest partitions; kUnassignedDirectory when the broker names none.
  [[nodiscard]] Uuid choose_directory(NodeId node);

 private:
  // Looks at every partition of the image; only when a broker has several directories to choose from.
  void count_directories();

  const Image& image_;
  std::vector<NodeId> active_;  // neither fenced nor on their way down
  std::vector<NodeId> fenced_;
  std::size_t next_ = 0;  // the place in active_ of the next leader
  bool counted_ = false;
  std::map<std::pair<NodeId, Uuid>, std::int64_t> partition_counts_;
};

}  // namespace weir::metadata
