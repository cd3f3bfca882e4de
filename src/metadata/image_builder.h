// Makes the next image from one image and the records that follow it. One thread; the images it gives out are
// immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metadata/image.h"
#include "metadata/record.h"

namespace weir::metadata {

class ImageBuilder {
 public:
  // `base` may be null: the empty image.
  explicit ImageBuilder(const std::shared_ptr<const Image>& base);

  // Applies one record; `value` is its framed form, kept for types that nobody interprets. Transaction records are not
  // its business (log_replay.h). kCorrupt: the record contradicts the image (a partition of an unknown topic).
  // kUnsupported: a metadata.version outside the known range. After an error the builder is worth nothing.
  Result<void> apply(const Record& record, ByteView value);

  void set_kraft_version(std::int16_t version) { image_->kraft_version = version; }
  void set_voters(Bytes voters) { image_->voters = std::move(voters); }
  // The place in the log that the image stands for.
  void advance(Offset offset, LeaderEpoch epoch);

  // The image so far. The builder goes on from it.
  [[nodiscard]] std::shared_ptr<const Image> finish();

 private:
  Result<void> on(const protocol::RegisterBrokerRecord& record);
  Result<void> on(const protocol::UnregisterBrokerRecord& record);
  Result<void> on(const protocol::FenceBrokerRecord& record);
  Result<void> on(const protocol::UnfenceBrokerRecord& record);
  Result<void> on(const protocol::BrokerRegistrationChangeRecord& record);
  Result<void> on(const protocol::TopicRecord& record);
  Result<void> on(const protocol::RemoveTopicRecord& record);
  Result<void> on(const protocol::PartitionRecord& record);
  Result<void> on(const protocol::PartitionChangeRecord& record);
  Result<void> on(const protocol::ClearElrRecord& record);
  Result<void> on(const protocol::ConfigRecord& record);
  Result<void> on(const protocol::FeatureLevelRecord& record);
  Result<void> on(const protocol::ProducerIdsRecord& record);

  // Topics under change are private copies until finish(), so that ten thousand partitions of one topic cost one copy.
  [[nodiscard]] Topic* draft(const Uuid& id);
  [[nodiscard]] std::shared_ptr<const Topic> find_topic(std::string_view name) const;
  [[nodiscard]] Result<Broker*> broker_of_epoch(NodeId id, std::int64_t epoch);
  void clear_elr(Topic& topic);
  void set_config(std::shared_ptr<const ConfigMap>& configs, const protocol::ConfigRecord& record);
  void forget_name(std::string_view name);

  std::shared_ptr<Image> image_;  // ours alone until finish()
  std::map<Uuid, std::shared_ptr<Topic>> drafts_;
  std::map<NodeId, std::shared_ptr<Broker>> broker_drafts_;
};

}  // namespace weir::metadata
