#pragma once

#include "actors/observe/http/cluster_view.hpp"

#include <set>
#include <string>
#include <vector>

namespace troupe::observe {

/// Whether the copies of some nodes are a backup of the cluster.
struct backup_coverage {
  bool sufficient = false;
  std::string sentence;
};

/// `copied`: names of the nodes that have copied their store. With a majority of the replicas of
/// each shard everything that was acknowledged is in them, whatever each has applied by then.
backup_coverage coverage_of(const std::vector<shard_view>& shards,
                            const std::set<std::string>& copied);

}  // namespace troupe::observe
