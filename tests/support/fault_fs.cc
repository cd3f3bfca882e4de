#include "support/fault_fs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace weir::test {

using storage::DirectoryEntry;
using storage::DirectoryLock;
using storage::File;
using storage::OpenMode;
using storage::Path;

FaultFs::Outcome FaultFs::begin_call(const char* name, const Path& path) {
  if (applies && !applies(name, path)) return Outcome::kGoOn;
  ++calls_count_;
  if (on_call) on_call(calls_count_, name, path);
  const bool is_named = fail_name_ == name || (fail_name_ == "open" && name == std::string_view("create"));
  if (is_named) fail_name_.clear();
  const bool fails = is_named || calls_count_ == fail_at_ || (fail_from_ != 0 && calls_count_ >= fail_from_) ||
                     (cut_at_ != 0 && calls_count_ >= cut_at_);
  const bool is_below =
      !failing_directory_.empty() && (path / "").native().starts_with((failing_directory_ / "").native());
  if (!fails && !is_below) return Outcome::kGoOn;
  if (failed_call_.empty()) failed_call_ = fmt::format("{} {}", name, path.native());
  return Outcome::kFail;
}

std::unexpected<Error> FaultFs::error() const {
  if (cut_at_ != 0) return fail(Errc::kIo, "power is lost");
  return fail_errno(os_errno_, failed_call_);
}

template <class Call>
auto FaultFs::all_or_nothing(const char* name, const Path& path, Call call) -> decltype(call()) {
  if (begin_call(name, path) == Outcome::kGoOn) return call();
  if (!power_is_lost() && coin()) static_cast<void>(call());
  return error();
}

class FaultFs::FaultFile final : public File {
 public:
  FaultFile(FaultFs& faults, std::shared_ptr<File> inner, Path path)
      : faults_(faults), inner_(std::move(inner)), path_(std::move(path)) {}

  Result<std::size_t> pread(MutableByteView to, std::uint64_t offset) const override {
    if (faults_.begin_call("pread", path_) == Outcome::kFail) return faults_.error();
    return inner_->pread(to, offset);
  }
  Result<std::size_t> pread_if_resident(MutableByteView to, std::uint64_t offset) const override {
    if (faults_.begin_call("pread_if_resident", path_) == Outcome::kFail) return faults_.error();
    return inner_->pread_if_resident(to, offset);
  }
  bool is_resident(std::uint64_t offset, std::uint64_t size_bytes) const override {
    return inner_->is_resident(offset, size_bytes);
  }
  Result<void> pwritev(std::span<const ByteView> pieces, std::uint64_t offset) override {
    if (faults_.begin_call("pwritev", path_) == Outcome::kGoOn) return inner_->pwritev(pieces, offset);
    if (!faults_.power_is_lost()) write_a_part(pieces, offset);
    return faults_.error();
  }
  Result<void> datasync() override {
    if (faults_.begin_call("datasync", path_) == Outcome::kGoOn) return inner_->datasync();
    if (faults_.power_is_lost()) return faults_.error();
    // Power may be lost when all was written but before the call came back. An error means that it was not.
    if (faults_.cut_at_ != 0 && faults_.coin()) static_cast<void>(inner_->datasync());
    if (faults_.cut_at_ == 0 && faults_.on_failed_datasync) faults_.on_failed_datasync(path_);
    return faults_.error();
  }
  Result<void> truncate(std::uint64_t size_bytes) override {
    return faults_.all_or_nothing("truncate", path_, [&] { return inner_->truncate(size_bytes); });
  }
  Result<void> preallocate(std::uint64_t offset, std::uint64_t size_bytes) override {
    return faults_.all_or_nothing("preallocate", path_, [&] { return inner_->preallocate(offset, size_bytes); });
  }
  Result<std::uint64_t> size_bytes() const override {
    if (faults_.begin_call("size_bytes", path_) == Outcome::kFail) return faults_.error();
    return inner_->size_bytes();
  }
  Result<std::int64_t> modified_ms() const override {
    if (faults_.begin_call("modified_ms", path_) == Outcome::kFail) return faults_.error();
    return inner_->modified_ms();
  }
  void drop_cache(std::uint64_t offset, std::uint64_t size_bytes) const override {
    inner_->drop_cache(offset, size_bytes);
  }
  Result<std::shared_ptr<File>> reopen() override {
    if (faults_.begin_call("reopen", path_) == Outcome::kFail) return faults_.error();
    WEIR_TRY_ASSIGN(inner, inner_->reopen());
    return std::make_shared<FaultFile>(faults_, std::move(inner), path_);
  }
  int descriptor() const override { return inner_->descriptor(); }

 private:
  void write_a_part(std::span<const ByteView> pieces, std::uint64_t offset) {
    Bytes bytes;
    for (const auto piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
    bytes.resize(faults_.random_() % (bytes.size() + 1));
    const ByteView part = bytes;
    static_cast<void>(inner_->pwritev({&part, 1}, offset));
  }

  FaultFs& faults_;
  const std::shared_ptr<File> inner_;
  const Path path_;
};

Result<std::shared_ptr<File>> FaultFs::open(const Path& path, OpenMode mode) {
  const bool may_create = mode == OpenMode::kCreateNew || mode == OpenMode::kOpenOrCreate;
  const bool creates = may_create && !inner_.exists(path).value_or(false);
  auto opened = all_or_nothing(creates ? "create" : "open", path, [&] { return inner_.open(path, mode); });
  if (!opened) return opened;
  return std::make_shared<FaultFile>(*this, *std::move(opened), path);
}

Result<void> FaultFs::rename(const Path& from, const Path& to) {
  return all_or_nothing("rename", from, [&] { return inner_.rename(from, to); });
}

Result<void> FaultFs::unlink(const Path& path) {
  return all_or_nothing("unlink", path, [&] { return inner_.unlink(path); });
}

Result<void> FaultFs::create_directory(const Path& path) {
  return all_or_nothing("create_directory", path, [&] { return inner_.create_directory(path); });
}

Result<void> FaultFs::remove_directory(const Path& path) {
  return all_or_nothing("remove_directory", path, [&] { return inner_.remove_directory(path); });
}

Result<std::vector<DirectoryEntry>> FaultFs::list(const Path& directory) {
  return all_or_nothing("list", directory, [&] { return inner_.list(directory); });
}

Result<bool> FaultFs::exists(const Path& path) {
  return all_or_nothing("exists", path, [&] { return inner_.exists(path); });
}

Result<void> FaultFs::sync_directory(const Path& directory) {
  return all_or_nothing("sync_directory", directory, [&] { return inner_.sync_directory(directory); });
}

Result<std::unique_ptr<DirectoryLock>> FaultFs::lock(const Path& path) {
  return all_or_nothing("lock", path, [&] { return inner_.lock(path); });
}

}  // namespace weir::test
