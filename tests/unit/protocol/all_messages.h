// Every message that src/protocol declares, for tests that hold for all of them. Those of an API are found by the name
// of their schema header.
#pragma once

#include <string_view>
#include <type_traits>

#include "every_request.h"  // made by src/protocol/CMakeLists.txt from the numbered schema headers
#include "protocol/header.h"
#include "protocol/schema/control_records.h"
#include "protocol/schema/metadata_record.h"

namespace weir::protocol {

template <class... T>
struct MessageList {
  static constexpr std::size_t kCount = sizeof...(T);

  // Calls visit(std::type_identity<T>) for each.
  template <class Visit>
  static void for_each(Visit&& visit) {
    (visit(std::type_identity<T>{}), ...);
  }
  // The same for the one of this name; false when there is none.
  template <class Visit>
  static bool visit_named(std::string_view name, Visit&& visit) {
    return ((message_name<T> == name && (visit(std::type_identity<T>{}), true)) || ...);
  }
};

using Requests = MessageList<WEIR_EVERY_REQUEST>;

namespace detail {

template <class>
struct RecordsOf;
template <class... T>
struct RecordsOf<std::variant<T...>> {
  using type = MessageList<T...>;
};

template <class...>
struct Joined;
template <class... A, class... B, class... Rest>
struct Joined<MessageList<A...>, MessageList<B...>, Rest...> : Joined<MessageList<A..., B...>, Rest...> {};
template <class... A>
struct Joined<MessageList<A...>> {
  using type = MessageList<A...>;
};

template <class>
struct ResponsesOf;
template <class... T>
struct ResponsesOf<MessageList<T...>> {
  using type = MessageList<typename T::Response...>;
};

}  // namespace detail

using Responses = detail::ResponsesOf<Requests>::type;
using MetadataRecords = detail::RecordsOf<MetadataRecord>::type;
using ControlRecords = MessageList<LeaderChangeMessage, SnapshotHeaderRecord, SnapshotFooterRecord, KRaftVersionRecord,
                                   VotersRecord, EndTxnMarker>;
using AllMessages = detail::Joined<MessageList<RequestHeader, ResponseHeader>, Requests, Responses, ControlRecords,
                                   MetadataRecords>::type;

}  // namespace weir::protocol
