// The cluster's metadata as of one offset of the metadata log: topics, partitions, configs, brokers, features, producer
// ids, and every record that nobody here interprets yet. Immutable once published; any thread reads it.
//
// Always: an image holds all that a snapshot of its offset would need (no record type is dropped); `topic(id)` and
// `topic(name)` give the same object; a new image shares what did not change with the one that it was made from, so its
// cost is that of the changed topics plus a fixed number (about a thousand) of pointer copies.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "metadata/cow_map.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace weir::metadata {

inline constexpr NodeId kNoLeader{-1};
inline constexpr std::string_view kMetadataVersionFeature = "metadata.version";
// What new clusters are made with (4.3-IV0), and the range of levels that is understood (3.3-IV3 to 4.4-IV2).
inline constexpr std::int16_t kMetadataVersionOfNewClusters = 30;
inline constexpr std::int16_t kMetadataVersionMin = 7;
inline constexpr std::int16_t kMetadataVersionMax = 33;
inline constexpr std::int16_t kMetadataTransactionLevel = 13;  // 3.6-IV1: the first that knows their records

// In place of a log directory's id (DirectoryId.java). Zero, MIGRATING there, means nothing on a KRaft broker.
inline constexpr Uuid kUnassignedDirectory{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr Uuid kLostDirectory{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

struct Partition {
  NodeId leader = kNoLeader;
  LeaderEpoch leader_epoch{0};
  std::int32_t partition_epoch = 0;
  std::int8_t leader_recovery_state = 0;  // 1: recovers from an unclean election
  std::vector<NodeId> replicas;
  std::vector<Uuid> directories;  // of each replica, in the order of `replicas`
  std::vector<NodeId> isr;
  std::vector<NodeId> removing_replicas;
  std::vector<NodeId> adding_replicas;
  std::vector<NodeId> eligible_leader_replicas;
  std::vector<NodeId> last_known_elr;

  // The log directory of `node`'s replica; nullopt when it has none or it was never chosen.
  [[nodiscard]] std::optional<Uuid> directory_of(NodeId node) const;
  [[nodiscard]] bool is_replica(NodeId node) const;
  friend bool operator==(const Partition&, const Partition&) = default;
};

using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct Topic {
  std::string name;
  Uuid id;
  std::vector<std::shared_ptr<const Partition>> partitions;  // by index; null only for a gap in an adopted log
  std::shared_ptr<const ConfigMap> configs;                  // the topic's own; never null

  // Null when there is no such partition.
  [[nodiscard]] const Partition* partition(PartitionIndex index) const;
  [[nodiscard]] std::int32_t partition_count() const { return static_cast<std::int32_t>(partitions.size()); }
  friend bool operator==(const Topic& a, const Topic& b);
};

struct Endpoint {
  std::string name;  // the listener's
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;  // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct FeatureRange {
  std::int16_t min = 0;
  std::int16_t max = 0;
  friend bool operator==(const FeatureRange&, const FeatureRange&) = default;
};

// A broker's registration.
struct Broker {
  NodeId id;
  std::int64_t epoch = -1;  // the offset of its registration record
  Uuid incarnation_id;
  std::vector<Endpoint> endpoints;
  std::map<std::string, FeatureRange> features;
  std::optional<std::string> rack;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  bool is_migrating_zk_broker = false;
  std::vector<Uuid> log_dirs;
  std::optional<std::vector<Uuid>> cordoned_log_dirs;

  // Null when the broker has no such listener.
  [[nodiscard]] const Endpoint* endpoint(std::string_view listener) const;
  friend bool operator==(const Broker&, const Broker&) = default;
};

enum class ConfigResourceType : std::int8_t { kTopic = 2, kBroker = 4, kClientMetrics = 16, kGroup = 32 };

// A record as it stood in the log.
struct FramedRecord {
  std::uint32_t type = 0;
  Bytes value;  // the whole framed value
  friend bool operator==(const FramedRecord&, const FramedRecord&) = default;
};

// Topics whose names fall together once '.' is read as '_'.
using CollidingNames = std::vector<std::string>;

class Image {
 public:
  Offset offset = kNoOffset;                                  // of the last record or control record in it
  LeaderEpoch epoch{0};                                       // the raft epoch of that record; 0 before the first
  std::map<std::string, std::int16_t, std::less<>> features;  // finalized levels; 0 is not stored
  std::map<NodeId, std::shared_ptr<const Broker>> brokers;
  std::int64_t next_producer_id = 0;
  std::int16_t kraft_version = 0;
  Bytes voters;  // the newest VotersRecord's body; empty: none

  [[nodiscard]] std::shared_ptr<const Topic> topic(std::string_view name) const { return by_name_.find(name); }
  [[nodiscard]] std::shared_ptr<const Topic> topic(const Uuid& id) const { return by_id_.find(id); }
  [[nodiscard]] std::size_t topic_count() const { return by_name_.size(); }
  // visit(const std::shared_ptr<const Topic>&), in no useful order.
  template <class Visit>
  void for_each_topic(Visit&& visit) const {
    by_id_.for_each([&visit](const Uuid&, const std::shared_ptr<const Topic>& topic) { visit(topic); });
  }
  // visit(before, after): topics created (before is null), deleted (after is null) or changed. Costs what differs.
  template <class Visit>
  static void for_each_changed_topic(const Image& before, const Image& after, Visit&& visit) {
    TopicsById::for_each_difference(before.by_id_, after.by_id_,
                                    [&visit](const Uuid&, const auto& old, const auto& now) { visit(old, now); });
  }

  // An existing topic, other than `name` itself, that shares its metric name with `name`; nullopt: none.
  [[nodiscard]] std::optional<std::string> colliding_topic(std::string_view name) const;
  // The dynamic configs of a broker ("1"), of all brokers (""), of a group or of client metrics; never null. A topic's
  // are in its Topic.
  [[nodiscard]] std::shared_ptr<const ConfigMap> configs(ConfigResourceType type, std::string_view name) const;
  [[nodiscard]] std::int16_t feature_level(std::string_view name) const;  // 0: not finalized
  [[nodiscard]] std::int16_t metadata_version() const { return feature_level(kMetadataVersionFeature); }
  [[nodiscard]] std::shared_ptr<const Broker> broker(NodeId id) const;
  // visit(key, const std::shared_ptr<const ConfigMap>&), keys as of config_key(), in no useful order.
  template <class Visit>
  void for_each_config(Visit&& visit) const {
    configs_.for_each(visit);
  }
  // visit(identity, const std::shared_ptr<const FramedRecord>&), in no useful order.
  template <class Visit>
  void for_each_kept(Visit&& visit) const {
    kept_.for_each(visit);
  }
  // Records that are kept but not interpreted, of one type.
  [[nodiscard]] std::size_t kept_record_count(std::uint32_t type) const;

  friend bool operator==(const Image& a, const Image& b);

 private:
  friend class ImageBuilder;
  using TopicsById = CowMap<Uuid, Topic>;

  CowMap<std::string, Topic, std::string_view> by_name_;
  TopicsById by_id_;
  CowMap<std::string, CollidingNames, std::string_view> by_folded_name_;  // only names with '.' or '_' in them
  CowMap<std::string, ConfigMap, std::string_view> configs_;              // key: config_key()
  CowMap<std::string, FramedRecord, std::string_view> kept_;              // key: the record's identity, by its type
};

// How dynamic configs other than topics' are keyed: the type's byte, then the name.
[[nodiscard]] std::string config_key(ConfigResourceType type, std::string_view name);

// "orders.eu" and "orders_eu" fold to the same name.
[[nodiscard]] std::string fold_topic_name(std::string_view name);

}  // namespace weir::metadata
