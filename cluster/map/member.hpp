#pragma once

#include "cluster/node_id.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::cluster {

/// A witness votes, for the cluster and, where two full members hold a shard, for that shard. It
/// serves nobody.
enum class member_kind : std::uint8_t { full, witness };

/// joining: known, still catching up. up: counts. leaving: gives its shards
/// away, then goes. Who left or was evicted is a member no longer.
enum class member_state : std::uint8_t { joining, up, leaving };

/// A node as the cluster knows it.
struct member {
  node_id node = no_node;
  std::string name;  // given once in the cluster
  std::string host;  // where other nodes reach it: a name or an address without brackets
  std::uint16_t port = 0;
  member_kind kind = member_kind::full;
  member_state state = member_state::joining;
  std::uint32_t protocol = 0;  // newest version of the cluster's protocol that it speaks
  std::string release;         // of its program, for people
  std::uint64_t joined = 0;    // orders members by age; given by the state machine

  bool operator==(const member&) const = default;
};

inline constexpr std::size_t most_members = 256;
inline constexpr std::size_t longest_member_name = 64;
inline constexpr std::size_t longest_host = 255;

std::string_view to_string(member_kind kind) noexcept;
std::string_view to_string(member_state state) noexcept;

/// "00c0ffee00c0ffee": how files, logs and people write it.
std::string to_string(node_id node);

/// Why the member cannot be one, or empty: lengths, characters, port.
std::string refusal_of(const member& who);

}  // namespace troupe::cluster
