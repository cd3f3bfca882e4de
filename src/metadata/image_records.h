// An image as the records that make it again: the body of a snapshot. Pure; any thread.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/image.h"

namespace weir::metadata {

// Framed values, in the versions of the image's own metadata.version and in an order in which ImageBuilder takes them:
// applied to nothing they give an image that equals `image`, but for its place in the log and the quorum's own part
// (kraft.version, voters), which snapshots carry as control records. The same image gives the same records. Costs as
// much memory as they take. kInvalidArgument: `image` has no metadata.version yet.
[[nodiscard]] Result<std::vector<Bytes>> records_of(const Image& image);

}  // namespace weir::metadata
