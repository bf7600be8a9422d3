#pragma once

#include <algorithm>
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

  const shard_owner& owner(shard_id shard) const { return owners[number(shard)]; }
  bool is_up(cluster::node_id node) const {
    return std::find(up.begin(), up.end(), node) != up.end();
  }
  void set_up(cluster::node_id node, bool value) {
    std::erase(up, node);
    if (value) up.push_back(node);
  }
};

}  // namespace troupe::broker
