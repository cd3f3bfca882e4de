// The file weir.checkpoints: the three checkpoint files of a log directory once more, under a checksum. Kafka's own
// format has none, and one wrong digit in a log start would hide records, and then delete them. Pure.
//
// "1 BYTES BYTES BYTES CHECKSUM\n", then the three texts back to back; the checksum, CRC-32C in eight hex digits, is
// over them. Written before the files that it copies, so it is never older than they are while Weir alone writes here.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::storage {

inline constexpr std::string_view kCheckpointCopyFile = "weir.checkpoints";

// What the files of the recovery points, the log starts and the high watermarks hold, in this order.
using CheckpointTexts = std::array<std::string_view, 3>;

[[nodiscard]] std::string format_checkpoint_copy(const CheckpointTexts& texts);
// Parts of `copy`. kCorrupt: anything that was not written like that; `name` is what the error calls it.
[[nodiscard]] Result<CheckpointTexts> parse_checkpoint_copy(std::string_view copy, std::string_view name);

}  // namespace weir::storage
