#include "cluster/membership/group_step.hpp"

#include <algorithm>

namespace troupe::cluster {

namespace {

using raft::member_role;
using change = server_change::kind;

const raft::member* find(const raft::membership& in, node_id node) {
  const auto found = std::ranges::find(in, node, &raft::member::node);
  return found == in.end() ? nullptr : &*found;
}

}  // namespace

group_step next_group_step(const replica_set& wanted, const group_sight& seen) {
  const auto ready = [&](node_id node) {
    return seen.heard.contains(node) && seen.near.contains(node);
  };
  for (const node_id node : wanted) {
    const auto* server = find(seen.servers, node);
    if (server == nullptr) return server_change{change::add, node, member_role::spare};
    if (server->role == member_role::spare)
      return server_change{change::assign, node, member_role::standby};
  }
  for (const node_id node : wanted) {
    if (find(seen.servers, node)->role == member_role::standby && ready(node))
      return server_change{change::assign, node, member_role::voter};
  }
  const bool all = std::ranges::all_of(wanted, [&](node_id node) {
    return find(seen.servers, node)->role == member_role::voter;
  });
  if (!all || wanted.empty()) return {};
  const auto is_wanted = [&](node_id node) {
    return std::ranges::find(wanted, node) != wanted.end();
  };
  for (const auto& server : seen.servers) {
    if (server.node != seen.self && !is_wanted(server.node))
      return server_change{change::remove, server.node, member_role::spare};
  }
  if (!is_wanted(seen.self)) {
    for (const node_id node : wanted) {
      if (ready(node)) return hand_over{node};
    }
  }
  return {};
}

bool agrees(const replica_set& wanted, const raft::membership& servers) {
  return !wanted.empty() && wanted.size() == servers.size() &&
         std::ranges::all_of(wanted, [&](node_id node) {
           const auto* server = find(servers, node);
           return server != nullptr && server->role == member_role::voter;
         });
}

}  // namespace troupe::cluster
