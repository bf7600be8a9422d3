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

inline std::string of_shard(std::string_view prefix, std::uint16_t shard) {
  return std::string(prefix).append(keys::shard(shard).view());
}

inline std::string erased(session_id id) {
  return std::string(erased_session).append(keys::session(id).view());
}

}  // namespace troupe::storage::meta
