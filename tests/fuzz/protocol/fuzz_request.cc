// Whatever a client may send to one API, that of key WEIR_FUZZ_API_KEY: its request in each version, as a frame
// without its size.
#include <type_traits>

#include "fuzz/protocol/message_fuzzer.h"

namespace weir::protocol {
namespace {

template <class>
struct OfKey;
template <class... T>
struct OfKey<MessageList<T...>> {
  template <class M>
  static constexpr bool kIsIt = M::api_key == static_cast<ApiKey>(WEIR_FUZZ_API_KEY);
  using type = detail::Joined<std::conditional_t<kIsIt<T>, MessageList<T>, MessageList<>>...>::type;
};

using List = OfKey<Requests>::type;
static_assert(List::kCount == 1, "the schema's request is missing in tests/unit/protocol/all_messages.h");

}  // namespace
}  // namespace weir::protocol

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return weir::protocol::initialize_fuzzer<weir::protocol::List>();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::protocol::fuzzer<weir::protocol::List>().run_one({data, size});
  return 0;
}
