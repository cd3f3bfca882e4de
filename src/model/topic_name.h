// The rules for topic names (Topic.java in kafka-clients): 1-249 characters of [a-zA-Z0-9._-], not "." or "..".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir {

inline constexpr std::size_t kTopicNameMax = 249;
inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";

// Why `name` can't be a topic's name, in words for the client; nullopt when it can.
std::optional<std::string> topic_name_problem(std::string_view name);

// Two names that differ only in '.' against '_' share one metric name, so the second is refused.
bool topic_names_collide(std::string_view a, std::string_view b);

// __consumer_offsets, __transaction_state and __share_group_state: clients may not produce to them.
bool is_internal_topic(std::string_view name);

}  // namespace weir
