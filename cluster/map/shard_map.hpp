#pragma once

#include "cluster/node_id.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::cluster {

/// The nodes that are to hold a shard, each once; the first is the preferred owner.
using replica_set = std::vector<node_id>;

inline constexpr std::size_t most_replicas = 7;
inline constexpr std::uint32_t most_shards = 4096;

/// One shard in the map. `replicas` is the aim: the shard's own group takes one
/// node in or out after the other until its configuration is that.
struct shard_entry {
  replica_set replicas;
  /// The first configuration of the shard's Raft group: a node of it that has no
  /// log of the group yet begins with it; any other node waits to be taken in.
  replica_set born_on;
  /// Those of born_on that were no replica at some time since: what they had is gone.
  replica_set left;
  /// Raft groups of the shard so far: above 1 when all replicas were lost and the
  /// operator let it begin anew, without its data.
  std::uint32_t births = 0;

  /// A node that has no log of the group may begin with born_on: it was a replica
  /// all the time, and has only not heard of it.
  bool entitled(node_id node) const {
    const auto in = [node](const replica_set& set) {
      return std::find(set.begin(), set.end(), node) != set.end();
    };
    return in(replicas) && in(born_on) && !in(left);
  }
  bool operator==(const shard_entry&) const = default;
};

/// Which nodes hold which shard. Empty until enough members are there.
struct shard_map {
  std::uint64_t version = 0;  // raised by every change
  std::vector<shard_entry> shards;

  bool operator==(const shard_map&) const = default;
};

}  // namespace troupe::cluster
