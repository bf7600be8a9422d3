#pragma once

#include "cluster/map/shard_map.hpp"

#include <vector>

namespace troupe::cluster {

/// Puts the preferred owner to the front of each set, so that the nodes' numbers
/// of owned shards differ by as little as the sets allow. Who was in front of
/// `before` stays there where it can. `after` and `before` are by shard.
void even_owners(std::vector<replica_set>& after, const std::vector<replica_set>& before,
                 const std::vector<node_id>& nodes);

}  // namespace troupe::cluster
