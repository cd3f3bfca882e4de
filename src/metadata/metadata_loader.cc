#include "metadata/metadata_loader.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/log.h"

namespace weir::metadata {
namespace {

std::unexpected<Error> in_file(Error error, const std::string& name) {
  error.context = fmt::format("{}: {}", name, error.context);
  return std::unexpected(std::move(error));
}

// Of a snapshot of offset 0 the image holds the quorum's part alone: its records are still to be written into the log.
Result<std::shared_ptr<const Image>> read_formatted(ByteView content, const SnapshotId& id,
                                                    std::vector<Bytes>& bootstrap) {
  WEIR_TRY_ASSIGN(formatted, read_bootstrap(content));
  bootstrap = std::move(formatted.records);
  ImageBuilder builder(nullptr);
  builder.set_kraft_version(formatted.kraft_version);
  builder.set_voters(std::move(formatted.voters));
  builder.advance(id.end - 1, id.epoch);
  return builder.finish();
}

Result<std::shared_ptr<const Image>> read_one(SnapshotStore& store, const SnapshotId& id,
                                              std::vector<Bytes>& bootstrap) {
  auto content = store.read(id);
  if (!content) return in_file(std::move(content).error(), store.name_of(id));
  auto image = id.end == Offset(0) ? read_formatted(*content, id, bootstrap) : read_snapshot(*content, id);
  if (!image) return in_file(std::move(image).error(), store.name_of(id));
  return image;
}

struct Newest {
  std::optional<SnapshotId> id;
  std::shared_ptr<const Image> image;
  std::vector<Bytes> bootstrap;  // the records in it, when it is one of offset 0
  std::string damage;            // what was passed over, for the message when nothing is left
};

Result<Newest> find_newest(SnapshotStore& store, LoadedMetadata& loaded) {
  Newest newest;
  while (!loaded.snapshots.empty()) {
    const auto id = loaded.snapshots.back();
    auto image = read_one(store, id, newest.bootstrap);
    if (image) {
      newest.id = id;
      newest.image = *std::move(image);
      return newest;
    }
    if (image.error().code != Errc::kCorrupt) return std::unexpected(std::move(image).error());
    log_warn("{}; it is passed over", image.error().context);
    newest.damage += (newest.damage.empty() ? "" : "; ") + image.error().context;
    loaded.damaged.push_back(id);
    loaded.snapshots.pop_back();
  }
  return newest;
}

Result<void> check_cover(const Newest& newest, const MetadataLog& log, const SnapshotStore& store) {
  const auto covered = newest.id ? newest.id->end : Offset(0);
  if (covered < log.log_start()) {
    return fail(Errc::kCorrupt,
                fmt::format("the metadata log begins at offset {} and no snapshot reaches it ({}); restore a snapshot "
                            "file of offset {} or above from a copy of the directory",
                            log.log_start(), newest.damage.empty() ? "there is none" : newest.damage, log.log_start()));
  }
  if (covered > log.log_end()) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: the snapshot reaches offset {}, the metadata log beside it ends at {}; restore the "
                            "log's segments from a copy of the directory, or, if they are lost, start Apache Kafka on "
                            "it once, which goes on from the snapshot alone",
                            store.name_of(*newest.id), covered, log.log_end()));
  }
  return {};
}

// A cluster that has begun has a metadata.version.
Result<std::vector<Bytes>> bootstrap_records(SnapshotStore& store, const Newest& newest) {
  if (!newest.bootstrap.empty()) return newest.bootstrap;
  WEIR_TRY_ASSIGN(content, store.read_bootstrap());
  if (!content) return std::vector<Bytes>{};
  auto bootstrap = read_bootstrap(*content);
  if (!bootstrap) return in_file(std::move(bootstrap).error(), store.bootstrap_name());
  return std::move(bootstrap->records);
}

}  // namespace

Result<LoadedMetadata> load_metadata(MetadataLog& log, SnapshotStore& store) {
  LoadedMetadata loaded;
  WEIR_TRY_ASSIGN(ids, store.list());
  loaded.snapshots = std::move(ids);
  WEIR_TRY_ASSIGN(newest, find_newest(store, loaded));
  WEIR_TRY(check_cover(newest, log, store));
  if (newest.id) loaded.replay = LogReplay(newest.image, newest.id->end, newest.id->epoch);
  const auto from = newest.id ? newest.id->end : log.log_start();
  WEIR_TRY(log.read_from(from, [&loaded](ByteView batch) {
    loaded.bytes_after_snapshot += batch.size();
    return loaded.replay.add_batch(batch);
  }));
  if (loaded.replay.finish().image->metadata_version() == 0) {
    if (!newest.damage.empty()) {
      return fail(Errc::kCorrupt,
                  fmt::format("{}; it is what the directory was formatted with, and no log goes on from "
                              "it: restore it from a copy, or format the directory anew",
                              newest.damage));
    }
    WEIR_TRY_ASSIGN(bootstrap, bootstrap_records(store, newest));
    loaded.bootstrap = std::move(bootstrap);
  }
  return loaded;
}

}  // namespace weir::metadata
