// Whatever a client may send: each request of each version, as a frame without its size.
#include "fuzz/protocol/message_fuzzer.h"

using List = weir::protocol::Requests;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return weir::protocol::initialize_fuzzer<List>();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::protocol::fuzzer<List>().run_one({data, size});
  return 0;
}
