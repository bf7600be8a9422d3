#pragma once

#include "cluster/map/cluster_state.hpp"
#include "cluster/raft/group_host.hpp"

#include <map>
#include <set>
#include <variant>

namespace troupe::cluster {

/// What the leader of the meta group sees beyond its state.
struct meta_sight {
  node_id self = no_node;
  raft::membership servers;  // of the meta group
  std::set<node_id> near;    // servers whose log is nearly ours
  std::set<node_id> heard;   // members that can be heard, itself included
};

/// A change of the meta group's own servers.
struct server_change {
  enum class kind : std::uint8_t { add, assign, remove };
  kind what = kind::add;
  node_id node = no_node;
  raft::member_role as = raft::member_role::spare;

  bool operator==(const server_change&) const = default;
};

/// The leadership of the meta group goes to another one.
struct hand_over {
  node_id to = no_node;

  bool operator==(const hand_over&) const = default;
};

using meta_step = std::variant<std::monostate, command::any, server_change, hand_over>;

/// What the leader of the meta group does next; nothing: all is as it should be. One
/// step at a time, each committed before the next is asked for:
/// members become servers, get the log, are confirmed, the eldest vote; who is
/// no member any more is taken out; shards are placed when the first map is awaited,
/// somebody leaves, or there are nodes for more replicas. Who leaves asks itself to be
/// retired when it holds nothing any more.
meta_step next_step(const cluster_state& state, const meta_sight& seen);

}  // namespace troupe::cluster
