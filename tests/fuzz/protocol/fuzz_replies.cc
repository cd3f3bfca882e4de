// All that is no request's body: headers, responses, records of the metadata log, control records.
#include "fuzz/protocol/message_fuzzer.h"

using List = weir::protocol::detail::Joined<
    weir::protocol::Responses,
    weir::protocol::MessageList<weir::protocol::RequestHeader, weir::protocol::ResponseHeader>,
    weir::protocol::MetadataRecords, weir::protocol::ControlRecords>::type;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return weir::protocol::initialize_fuzzer<List>();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::protocol::fuzzer<List>().run_one({data, size});
  return 0;
}
