#pragma once

#include "cluster/map/member.hpp"
#include "cluster/map/shard_map.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// What can be said to the meta group. Each command is an entry of its log.
namespace troupe::cluster::command {

/// The first one: there is a cluster, and this is its first member.
struct form {
  std::uint64_t cluster = 0;  // random, never zero: tells clusters of one name apart
  std::string name;
  std::uint16_t shards = 0;    // fixed for good
  std::uint32_t replicas = 0;  // wanted of each shard
  std::uint32_t expect = 1;    // members that the first map waits for
  member first;
};

/// A node wants to be a member, or says where it is now reached.
struct join {
  member who;
  std::string cluster_name;
  std::uint16_t shards = 0;  // as its data directory was made
};

/// It has caught up with the meta group: from now on it counts.
struct confirm {
  node_id node = no_node;
};

/// It is to give its shards away.
struct leave {
  node_id node = no_node;
  bool force = false;  // also if fewer members than wanted replicas remain
};

/// It left: it holds nothing any more.
struct retire {
  node_id node = no_node;
};

/// It will never come back, and what it alone holds is lost.
struct evict {
  node_id node = no_node;
  bool force = false;  // also if it holds the only replica of a shard
};

/// Replica sets of some shards, made from the map of version `base`.
struct place {
  std::uint64_t base = 0;
  std::vector<std::pair<shard_id, replica_set>> shards;
};

struct set_replicas {
  std::uint32_t replicas = 0;
};

using any = std::variant<form, join, confirm, leave, retire, evict, place, set_replicas>;

/// The bytes of a log entry.
std::string encode(const any& what);

/// Empty, with a sentence in `error`: malformed, or of a newer version.
std::optional<any> decode(std::string_view bytes, std::string& error);

}  // namespace troupe::cluster::command
