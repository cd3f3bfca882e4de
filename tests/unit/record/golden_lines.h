// Reads golden/golden_batches.txt, written by Apache Kafka's own classes. One thread; run from the checkout's root.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"

namespace weir::record {

// Batches by name; empty when the file isn't there.
std::map<std::string, Bytes> read_golden_lines();

}  // namespace weir::record
