#pragma once

#include "actors/broker/audit/route_report.hpp"
#include "actors/broker/routing/route.hpp"

#include <map>
#include <string_view>
#include <vector>

namespace troupe::broker {

/// Sums over the routes of one matcher or index, kept up with every change: for the kept sessions
/// of each shard, whoever announces them, and for the clean sessions of each node. Belongs to one
/// actor.
class route_ledger {
 public:
  /// Of no shards: keeps nothing.
  explicit route_ledger(std::uint16_t shards) : kept_(shards) {}

  /// The entry of a filter that was there before, and the one that replaces it; null: none.
  void change(std::string_view filter, const route* before, const route* after);

  route_sum kept(shard_id shard) const { return kept_[number(shard)]; }
  /// none: of this node.
  route_sum clean(cluster::node_id announcer) const;

 private:
  template <class Apply>
  void each(std::string_view filter, const route& entry, const Apply& apply);

  std::vector<route_sum> kept_;
  std::map<cluster::node_id, route_sum> clean_;
};

}  // namespace troupe::broker
