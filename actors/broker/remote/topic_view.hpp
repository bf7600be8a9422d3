#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "actors/broker/shard_owner.hpp"
#include "protocol/mqtt/session_id.hpp"

namespace troupe::broker {

/// Owners and nodes as one actor has been told of them. It goes by these and
/// not by what others may know already: what it sends stays in order with what
/// it does at a change.
struct topic_view {
  cluster::node_id self{};
  std::vector<shard_owner> owners;
  std::vector<cluster::node_id> up;
  std::map<cluster::node_id, std::uint64_t> pairings;

  const shard_owner& owner(shard_id shard) const { return owners[number(shard)]; }
  bool is_up(cluster::node_id node) const {
    return std::find(up.begin(), up.end(), node) != up.end();
  }
  /// The pairing with the node, none: 0. What is sent on an earlier one may be lost, though the
  /// sender has not heard of its end: who takes it would take it before that.
  std::uint64_t pairing(cluster::node_id node) const {
    const auto it = pairings.find(node);
    return it == pairings.end() ? 0 : it->second;
  }
  void set_up(cluster::node_id node, bool value, std::uint64_t pairing) {
    std::erase(up, node);
    pairings.erase(node);
    if (!value) return;
    up.push_back(node);
    pairings.emplace(node, pairing);
  }
};

}  // namespace troupe::broker
