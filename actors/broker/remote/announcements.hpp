#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "actors/broker/subscriber.hpp"
#include "cluster/node_id.hpp"
#include "protocol/schema/peer.pb.h"

namespace troupe::broker {

/// Numbers the announcements of routes by other nodes. What a node announces anew
/// replaces what it had announced when the new one is complete, not when it
/// begins: in between nothing is missing. Belongs to one actor.
class announcements {
 public:
  void begin(cluster::node_id by) { running_[by] = ++last_[by]; }
  /// Of a route that comes now.
  std::uint64_t current(cluster::node_id by) const {
    auto it = last_.find(by);
    return it == last_.end() ? 0 : it->second;
  }
  /// If one was running: routes of the node with a lower number are void.
  std::optional<std::uint64_t> complete(cluster::node_id by) {
    auto it = running_.find(by);
    if (it == running_.end()) return std::nullopt;
    const auto number = it->second;
    running_.erase(it);
    return number;
  }

  /// Whether what a node has told of this session before is void, now that its
  /// announcement of that number is complete. What it told of shards that it does not own any
  /// more is left to their new owner.
  static bool replaced(const subscriber& who, cluster::node_id by, std::uint64_t latest,
                       const peer::RoutesComplete& frame) {
    if (who.announcer() != by || who.announcement() >= latest) return false;
    const auto& shards = frame.shard();
    return !who.kept() ||
           std::find(shards.begin(), shards.end(), number(who.id().shard())) != shards.end();
  }

 private:
  std::map<cluster::node_id, std::uint64_t> last_;
  std::map<cluster::node_id, std::uint64_t> running_;
};

}  // namespace troupe::broker
