#include "support/memory_fs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <random>
#include <utility>

#include "base/check.h"

namespace weir::test {

using storage::DirectoryEntry;
using storage::DirectoryLock;
using storage::File;
using storage::OpenMode;
using storage::Path;

namespace {

constexpr std::size_t kSectorBytes = 512;

// What a file holds. Images of a disk share it until one of them writes: a suite makes tens of thousands.
class Content {
 public:
  [[nodiscard]] const Bytes& get() const { return *bytes_; }
  [[nodiscard]] Bytes& change() {
    if (bytes_.use_count() != 1) bytes_ = std::make_shared<Bytes>(*bytes_);
    return *bytes_;
  }
  friend bool operator==(const Content& a, const Content& b) { return a.bytes_ == b.bytes_ || *a.bytes_ == *b.bytes_; }

 private:
  std::shared_ptr<Bytes> bytes_ = std::make_shared<Bytes>();
};

// A write when `bytes` is there, else a change of size.
struct Change {
  std::shared_ptr<const Bytes> bytes;
  std::uint64_t offset_or_size = 0;

  void apply(Content& to) const {
    auto& content = to.change();
    if (bytes == nullptr) {
      content.resize(offset_or_size);
      return;
    }
    if (content.size() < offset_or_size + bytes->size()) content.resize(offset_or_size + bytes->size());
    std::ranges::copy(*bytes, content.begin() + static_cast<std::ptrdiff_t>(offset_or_size));
  }
};

}  // namespace

struct MemoryFs::Node {
  // A rename takes one name away and puts another in one step; the others do half of that.
  struct NameChange {
    std::optional<std::string> removed;
    std::optional<std::string> put;
    std::shared_ptr<Node> node;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  bool is_directory = false;
  // Of a file.
  Content content;
  Content durable;
  std::vector<Change> unsynced;
  bool resident = true;
  std::int64_t modified_ms = 0;
  bool locked = false;
  // Of a directory.
  Names names;
  Names durable_names;
  std::vector<NameChange> unsynced_names;

  void change_content(Change change) {
    change.apply(content);
    unsynced.push_back(std::move(change));
  }
  void sync_content() {
    for (const auto& change : unsynced) change.apply(durable);
    unsynced.clear();
  }
  // As the disk would be if all were written back now.
  [[nodiscard]] Content on_disk() const {
    auto all = durable;
    for (const auto& change : unsynced) change.apply(all);
    return all;
  }
  static void apply(const NameChange& change, Names& to) {
    if (change.removed) {
      const auto it = to.find(*change.removed);
      if (it != to.end() && it->second == change.node) to.erase(it);
    }
    if (change.put) to[*change.put] = change.node;
  }
  void change_names(NameChange change) {
    apply(change, names);
    unsynced_names.push_back(std::move(change));
  }
};

class MemoryFs::MemoryFile final : public File {
 public:
  MemoryFile(std::mutex& mutex, std::shared_ptr<Node> node) : mutex_(mutex), node_(std::move(node)) {}

  Result<std::size_t> pread(MutableByteView to, std::uint64_t offset) const override {
    const std::lock_guard lock(mutex_);
    node_->resident = true;
    return copy_out(to, offset);
  }
  Result<std::size_t> pread_if_resident(MutableByteView to, std::uint64_t offset) const override {
    const std::lock_guard lock(mutex_);
    if (!node_->resident) return fail(Errc::kNotReady, {});
    return copy_out(to, offset);
  }
  bool is_resident(std::uint64_t, std::uint64_t) const override {
    const std::lock_guard lock(mutex_);
    return node_->resident;
  }
  Result<void> pwritev(std::span<const ByteView> pieces, std::uint64_t offset) override {
    Bytes bytes;
    for (const auto piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
    const std::lock_guard lock(mutex_);
    if (!bytes.empty()) node_->change_content({std::make_shared<const Bytes>(std::move(bytes)), offset});
    return {};
  }
  Result<void> datasync() override {
    const std::lock_guard lock(mutex_);
    node_->sync_content();
    return {};
  }
  Result<void> truncate(std::uint64_t size_bytes) override {
    const std::lock_guard lock(mutex_);
    if (node_->content.get().size() != size_bytes) node_->change_content({nullptr, size_bytes});
    return {};
  }
  Result<void> preallocate(std::uint64_t, std::uint64_t) override { return {}; }
  Result<std::uint64_t> size_bytes() const override {
    const std::lock_guard lock(mutex_);
    return node_->content.get().size();
  }
  Result<std::int64_t> modified_ms() const override {
    const std::lock_guard lock(mutex_);
    return node_->modified_ms;
  }
  void drop_cache(std::uint64_t, std::uint64_t) const override {
    const std::lock_guard lock(mutex_);
    node_->content = node_->on_disk();  // what is dirty stays
  }
  Result<std::shared_ptr<File>> reopen() override { return std::make_shared<MemoryFile>(mutex_, node_); }
  int descriptor() const override { return -1; }

 private:
  std::size_t copy_out(MutableByteView to, std::uint64_t offset) const {
    const auto& content = node_->content.get();
    if (offset >= content.size()) return 0;
    const auto size = std::min<std::uint64_t>(to.size(), content.size() - offset);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), size, to.begin());
    return size;
  }

  std::mutex& mutex_;
  const std::shared_ptr<Node> node_;
};

class MemoryFs::MemoryLock final : public DirectoryLock {
 public:
  MemoryLock(std::mutex& mutex, std::shared_ptr<Node> node) : mutex_(mutex), node_(std::move(node)) {}
  ~MemoryLock() override {
    const std::lock_guard lock(mutex_);
    node_->locked = false;
  }

 private:
  std::mutex& mutex_;
  const std::shared_ptr<Node> node_;
};

MemoryFs::MemoryFs() : root_(std::make_shared<Node>()) {
  root_->is_directory = true;
}

MemoryFs::~MemoryFs() = default;

Result<MemoryFs::Place> MemoryFs::find(const Path& path, bool durable) const {
  Place place{nullptr, {}, root_};
  for (const auto& part : path) {
    if (part.empty() || part == "/" || part == ".") continue;
    if (place.node == nullptr || !place.node->is_directory) {
      return fail_errno(place.node == nullptr ? ENOENT : ENOTDIR, fmt::format("find {}", path.native()));
    }
    const auto& names = durable ? place.node->durable_names : place.node->names;
    const auto it = names.find(part.native());
    auto node = it == names.end() ? nullptr : it->second;
    place = {std::move(place.node), part.native(), std::move(node)};
  }
  return place;
}

Result<std::shared_ptr<File>> MemoryFs::open(const Path& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(path));
  const bool creates = mode == OpenMode::kCreateNew || mode == OpenMode::kOpenOrCreate;
  if (place.node == nullptr && !creates) return fail_errno(ENOENT, fmt::format("open {}", path.native()));
  if (place.node != nullptr && mode == OpenMode::kCreateNew) {
    return fail_errno(EEXIST, fmt::format("open {}", path.native()));
  }
  if (place.node != nullptr && place.node->is_directory)
    return fail_errno(EISDIR, fmt::format("open {}", path.native()));
  if (place.node == nullptr) {
    place.node = std::make_shared<Node>();
    place.directory->change_names({std::nullopt, place.name, place.node});
  }
  return std::make_shared<MemoryFile>(mutex_, place.node);
}

Result<void> MemoryFs::rename(const Path& from, const Path& to) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(source, find(from));
  WEIR_TRY_ASSIGN(target, find(to));
  if (source.node == nullptr) return fail_errno(ENOENT, fmt::format("rename {}", from.native()));
  CHECK(source.directory == target.directory, "renames between directories are not modelled: {}", from.native());
  source.directory->change_names({source.name, target.name, source.node});
  return {};
}

Result<void> MemoryFs::unlink(const Path& path) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(path));
  if (place.node == nullptr) return fail_errno(ENOENT, fmt::format("unlink {}", path.native()));
  if (place.node->is_directory) return fail_errno(EISDIR, fmt::format("unlink {}", path.native()));
  place.directory->change_names({place.name, std::nullopt, place.node});
  return {};
}

Result<void> MemoryFs::create_directory(const Path& path) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(path));
  if (place.node != nullptr) return fail_errno(EEXIST, fmt::format("mkdir {}", path.native()));
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  place.directory->change_names({std::nullopt, place.name, std::move(node)});
  return {};
}

Result<void> MemoryFs::remove_directory(const Path& path) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(path));
  if (place.node == nullptr) return fail_errno(ENOENT, fmt::format("rmdir {}", path.native()));
  if (!place.node->is_directory) return fail_errno(ENOTDIR, fmt::format("rmdir {}", path.native()));
  if (!place.node->names.empty()) return fail_errno(ENOTEMPTY, fmt::format("rmdir {}", path.native()));
  place.directory->change_names({place.name, std::nullopt, place.node});
  return {};
}

Result<std::vector<DirectoryEntry>> MemoryFs::list(const Path& directory) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(directory));
  if (place.node == nullptr) return fail_errno(ENOENT, fmt::format("opendir {}", directory.native()));
  if (!place.node->is_directory) return fail_errno(ENOTDIR, fmt::format("opendir {}", directory.native()));
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, node] : place.node->names) entries.push_back({name, node->is_directory});
  return entries;
}

Result<bool> MemoryFs::exists(const Path& path) {
  const std::lock_guard lock(mutex_);
  auto place = find(path);
  if (!place && place.error().code == Errc::kNotFound) return false;
  if (!place) return std::unexpected(std::move(place).error());
  return place->node != nullptr;
}

Result<void> MemoryFs::sync_directory(const Path& directory) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(directory));
  if (place.node == nullptr || !place.node->is_directory) {
    return fail_errno(ENOENT, fmt::format("fsync {}", directory.native()));
  }
  place.node->durable_names = place.node->names;
  place.node->unsynced_names.clear();
  return {};
}

Result<std::unique_ptr<DirectoryLock>> MemoryFs::lock(const Path& path) {
  WEIR_TRY(open(path, OpenMode::kOpenOrCreate));
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(place, find(path));
  if (place.node->locked) return fail(Errc::kBusy, fmt::format("lock {}", path.native()));
  place.node->locked = true;
  return std::make_unique<MemoryLock>(mutex_, place.node);
}

void MemoryFs::lose_writeback(const Path& path) {
  const std::lock_guard lock(mutex_);
  auto place = find(path);
  if (place && place->node != nullptr) place->node->unsynced.clear();
}

void MemoryFs::set_modified(const Path& path, std::int64_t wall_ms) {
  const std::lock_guard lock(mutex_);
  auto place = find(path);
  if (place && place->node != nullptr) place->node->modified_ms = wall_ms;
}

void MemoryFs::evict(const Path& path) {
  const std::lock_guard lock(mutex_);
  auto place = find(path);
  if (place && place->node != nullptr) place->node->resident = false;
}

Bytes MemoryFs::durable_content(const Path& path) const {
  const std::lock_guard lock(mutex_);
  const auto place = find(path, true);
  return place && place->node != nullptr ? place->node->durable.get() : Bytes();
}

// Makes the image of a tree that a power cut leaves.
struct MemoryFs::Cutter {
  PowerCut cut;
  std::mt19937_64 random;
  PowerCutLosses losses;

  bool chance(std::uint64_t percent) { return random() % 100 < percent; }

  std::shared_ptr<Node> image_of(const Node& node) {
    auto image = std::make_shared<Node>();
    image->is_directory = node.is_directory;
    if (!node.is_directory) {
      image->content = content_of(node);
      image->durable = image->content;
      if (image->content != node.content) ++losses.files_changed;
      return image;
    }
    const auto names = names_of(node);
    if (names != node.names) ++losses.files_vanished;
    for (const auto& [name, child] : names) image->names[name] = image_of(*child);
    image->durable_names = image->names;
    return image;
  }

  Node::Names names_of(const Node& node) {
    if (cut == PowerCut::kKeep) return node.names;
    auto names = node.durable_names;
    if (cut == PowerCut::kDrop) return names;
    // A journal keeps a first part of the changes; without one any of them may be missing.
    const bool journal = chance(50);
    const auto kept_count = random() % (node.unsynced_names.size() + 1);
    for (std::size_t i = 0; i < node.unsynced_names.size(); ++i) {
      if (journal ? i < kept_count : chance(50)) Node::apply(node.unsynced_names[i], names);
    }
    return names;
  }

  Content content_of(const Node& node) {
    if (cut == PowerCut::kKeep) return node.on_disk();
    auto content = node.durable;
    if (cut == PowerCut::kDrop || node.unsynced.empty()) return content;
    const auto kept_percent = std::uint64_t{10} + random() % 90;
    bool lost_any = false;
    for (const auto& change : node.unsynced) {
      if (change.bytes == nullptr) {
        if (chance(kept_percent)) change.apply(content);
        continue;
      }
      const bool kept = apply_some_sectors(change, kept_percent, content);
      if (kept && lost_any) ++losses.later_write_survived;
      lost_any = lost_any || !kept;
    }
    // The size is written back on its own: it may be ahead of the data (a hole reads as zeros) or behind it.
    const auto durable_size = node.durable.get().size();
    const auto whole_size = node.on_disk().get().size();
    const auto low = std::min(durable_size, whole_size);
    switch (random() % 3) {
      case 0: break;
      case 1: content.change().resize(whole_size); break;
      default: content.change().resize(low + random() % (std::max(durable_size, whole_size) - low + 1)); break;
    }
    return content;
  }

  // False: not one sector was kept.
  bool apply_some_sectors(const Change& change, std::uint64_t kept_percent, Content& content) {
    bool kept_any = false;
    const auto begin = change.offset_or_size;
    const auto end = begin + change.bytes->size();
    for (auto at = begin; at < end;) {
      const auto sector_end = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
      if (chance(kept_percent)) {
        const auto* const from = change.bytes->data() + (at - begin);
        Change{std::make_shared<const Bytes>(from, from + (sector_end - at)), at}.apply(content);
        kept_any = true;
      }
      at = sector_end;
    }
    return kept_any;
  }
};

// Copies a tree as it is, each node once: what is durable of a directory may differ from what it shows.
struct MemoryFs::Cloner {
  std::map<const Node*, std::shared_ptr<Node>> clones;

  std::shared_ptr<Node> clone_of(const std::shared_ptr<Node>& node) {
    if (node == nullptr) return nullptr;
    const auto [place, is_new] = clones.try_emplace(node.get());
    if (!is_new) return place->second;
    const auto clone = place->second = std::make_shared<Node>(*node);
    clone->locked = false;
    for (auto* names : {&clone->names, &clone->durable_names}) {
      for (auto& [name, child] : *names) child = clone_of(child);
    }
    for (auto& change : clone->unsynced_names) change.node = clone_of(change.node);
    return clone;
  }
};

std::unique_ptr<MemoryFs> MemoryFs::after_kill() const {
  auto image = std::make_unique<MemoryFs>();
  const std::lock_guard lock(mutex_);
  image->root_ = Cloner{}.clone_of(root_);
  return image;
}

std::unique_ptr<MemoryFs> MemoryFs::after_power_cut(PowerCut cut, std::uint64_t seed, PowerCutLosses* losses) const {
  auto image = std::make_unique<MemoryFs>();
  const std::lock_guard lock(mutex_);
  Cutter cutter{cut, std::mt19937_64(seed), {}};
  image->root_ = cutter.image_of(*root_);
  if (losses != nullptr) {
    losses->files_changed += cutter.losses.files_changed;
    losses->files_vanished += cutter.losses.files_vanished;
    losses->later_write_survived += cutter.losses.later_write_survived;
  }
  return image;
}

}  // namespace weir::test
