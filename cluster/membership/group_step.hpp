#pragma once

#include "cluster/map/shard_map.hpp"
#include "cluster/membership/next_step.hpp"

#include <set>
#include <variant>

namespace troupe::cluster {

/// What the owner of a shard sees of its group.
struct group_sight {
  node_id self = no_node;
  raft::membership servers;
  std::set<node_id> near;   // servers whose log is nearly ours, itself included
  std::set<node_id> heard;  // members that can be heard, itself included
};

using group_step = std::variant<std::monostate, server_change, hand_over>;

/// What brings the servers of a shard's group one step toward its replica set: first all
/// wanted ones get the log, then vote, then the others go. Nothing: they are
/// the same, or somebody has to be waited for.
group_step next_group_step(const replica_set& wanted, const group_sight& seen);

/// The servers are the wanted nodes, all of them voters.
bool agrees(const replica_set& wanted, const raft::membership& servers);

}  // namespace troupe::cluster
