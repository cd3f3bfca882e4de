#include "metadata/image.h"

#include <algorithm>

namespace weir::metadata {
namespace {

std::shared_ptr<const ConfigMap> no_configs() {
  static const auto kNone = std::make_shared<const ConfigMap>();
  return kNone;
}

template <class T>
bool equal_behind(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

}  // namespace

bool Partition::is_replica(NodeId node) const {
  return std::ranges::find(replicas, node) != replicas.end();
}

std::optional<Uuid> Partition::directory_of(NodeId node) const {
  for (std::size_t i = 0; i < replicas.size() && i < directories.size(); ++i) {
    if (replicas[i] != node) continue;
    const Uuid& directory = directories[i];
    if (directory.is_zero() || directory == kUnassignedDirectory || directory == kLostDirectory) return std::nullopt;
    return directory;
  }
  return std::nullopt;
}

const Partition* Topic::partition(PartitionIndex index) const {
  if (index.value() < 0 || static_cast<std::size_t>(index.value()) >= partitions.size()) return nullptr;
  return partitions[static_cast<std::size_t>(index.value())].get();
}

bool operator==(const Topic& a, const Topic& b) {
  return a.name == b.name && a.id == b.id && equal_behind(a.configs, b.configs) &&
         std::ranges::equal(a.partitions, b.partitions, equal_behind<Partition>);
}

const Endpoint* Broker::endpoint(std::string_view listener) const {
  const auto found = std::ranges::find(endpoints, listener, &Endpoint::name);
  return found == endpoints.end() ? nullptr : &*found;
}

std::string config_key(ConfigResourceType type, std::string_view name) {
  std::string key(1, static_cast<char>(type));
  key += name;
  return key;
}

std::string fold_topic_name(std::string_view name) {
  std::string folded(name);
  std::ranges::replace(folded, '.', '_');
  return folded;
}

std::optional<std::string> Image::colliding_topic(std::string_view name) const {
  const auto* sharing = by_folded_name_.peek(fold_topic_name(name));
  if (sharing == nullptr) return std::nullopt;
  const auto other = std::ranges::find_if(*sharing, [name](const std::string& taken) { return taken != name; });
  if (other == sharing->end()) return std::nullopt;
  return *other;
}

std::shared_ptr<const ConfigMap> Image::configs(ConfigResourceType type, std::string_view name) const {
  auto found = configs_.find(config_key(type, name));
  return found == nullptr ? no_configs() : found;
}

std::int16_t Image::feature_level(std::string_view name) const {
  const auto found = features.find(name);
  return found == features.end() ? std::int16_t{0} : found->second;
}

std::shared_ptr<const Broker> Image::broker(NodeId id) const {
  const auto found = brokers.find(id);
  return found == brokers.end() ? nullptr : found->second;
}

std::size_t Image::kept_record_count(std::uint32_t type) const {
  std::size_t count = 0;
  kept_.for_each([&](const std::string&, const auto& record) { count += record->type == type ? 1u : 0u; });
  return count;
}

bool operator==(const Image& a, const Image& b) {
  return a.offset == b.offset && a.epoch == b.epoch && a.features == b.features &&
         a.next_producer_id == b.next_producer_id && a.kraft_version == b.kraft_version && a.voters == b.voters &&
         std::ranges::equal(a.brokers, b.brokers,
                            [](const auto& left, const auto& right) {
                              return left.first == right.first && equal_behind(left.second, right.second);
                            }) &&
         a.by_name_ == b.by_name_ && a.by_id_ == b.by_id_ && a.by_folded_name_ == b.by_folded_name_ &&
         a.configs_ == b.configs_ && a.kept_ == b.kept_;
}

}  // namespace weir::metadata
