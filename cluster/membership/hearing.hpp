#pragma once

#include "cluster/node_id.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace troupe::cluster {

/// Which members hear which others, as this node knows it. Two nodes that do not hear each other
/// can both not own shards that serve: an owner has to hear all other owners, or it would miss what
/// their sessions subscribe to. One that hears both can. Times are milliseconds of one clock.
class hearing {
 public:
  explicit hearing(node_id self) : self_(self) {}

  /// This node hears it, or does no longer.
  void peer(node_id node, bool up, std::int64_t now);
  /// Whom a peer hears beside itself, as it says.
  void says(node_id node, std::vector<node_id> others, std::int64_t now);

  /// How many of the members the node hears, itself included.
  std::size_t count(node_id node, const std::set<node_id>& members) const;
  /// The one of `candidates` that hears most members, if that are more than this node hears, and
  /// nothing of it has changed for `settled_ms`; else none.
  node_id better(const std::vector<node_id>& candidates, const std::set<node_id>& members,
                 std::int64_t now, std::int64_t settled_ms) const;

 private:
  const node_id self_;
  std::set<node_id> heard_;
  std::map<node_id, std::set<node_id>> says_;
  std::int64_t changed_at_ = 0;
};

}  // namespace troupe::cluster
