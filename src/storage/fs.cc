#include "storage/fs.h"

#include <fmt/core.h>

#include <utility>

#include "base/planted_bug.h"

namespace weir::storage {

Result<void> write_file_atomically(FileSystem& fs, const Path& path, ByteView content) {
  Path temporary = path;
  if (!is_planted(PlantedBug::kStateFileInPlace)) temporary += ".tmp";
  {
    WEIR_TRY_ASSIGN(file, fs.open(temporary, OpenMode::kOpenOrCreate));
    WEIR_TRY(file->truncate(0));  // a cut may have left an older attempt
    WEIR_TRY(file->pwritev({&content, 1}, 0));
    WEIR_TRY(file->datasync());
  }
  if (!is_planted(PlantedBug::kStateFileInPlace)) WEIR_TRY(fs.rename(temporary, path));
  return fs.sync_directory(path.parent_path());
}

Result<Bytes> read_whole_file(FileSystem& fs, const Path& path, std::uint64_t limit_bytes) {
  WEIR_TRY_ASSIGN(file, fs.open(path, OpenMode::kRead));
  WEIR_TRY_ASSIGN(size, file->size_bytes());
  if (size > limit_bytes) {
    return fail(Errc::kTooLarge, fmt::format("{}: {} bytes, the limit is {}", path.native(), size, limit_bytes));
  }
  Bytes content(size);
  WEIR_TRY_ASSIGN(got, file->pread(content, 0));
  content.resize(got);
  return content;
}

}  // namespace weir::storage
