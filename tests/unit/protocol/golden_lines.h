// The messages that Apache Kafka's own classes encoded (golden/GoldenBytes.java says how), one line each.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/descriptor.h"

namespace weir::protocol {

struct GoldenLine {
  std::string name;  // "ProduceRequest"
  Version version = 0;
  Bytes bytes;
  std::string json;
};

// Empty when the file is not there: run from the root of the source tree.
std::vector<GoldenLine> read_golden_lines();

}  // namespace weir::protocol
