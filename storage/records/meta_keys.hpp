#pragma once

#include "storage/records/record_keys.hpp"

#include <string>
#include <string_view>

/// Keys of the column family `meta`.
namespace troupe::storage::meta {

inline constexpr std::string_view directory = "directory";
inline constexpr std::string_view retained_count = "retained";
inline constexpr std::string_view order_mark = "order";
/// Written and overwritten to find out whether the disk takes writes again.
inline constexpr std::string_view probe = "probe";
/// Prefixes: followed by a shard, a shard, and a session id.
inline constexpr std::string_view offset_mark = "offset/";
inline constexpr std::string_view session_mark = "session/";
inline constexpr std::string_view erased_session = "erased/";
/// In a replicated store. Prefixes: followed by a shard, and by a shard and a count of its
/// erasures.
inline constexpr std::string_view shard_state = "shard/";
inline constexpr std::string_view gone_session = "gone/";

inline std::string of_shard(std::string_view prefix, std::uint16_t shard) {
  return std::string(prefix).append(keys::shard(shard).view());
}

inline std::string erased(session_id id) {
  return std::string(erased_session).append(keys::session(id).view());
}

inline std::string gone(std::uint16_t shard, std::uint64_t count) {
  // A place in the log of a shard looks the same.
  return std::string(gone_session).append(keys::body(shard, count).view());
}

}  // namespace troupe::storage::meta
