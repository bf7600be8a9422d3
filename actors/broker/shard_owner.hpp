#pragma once

#include <cstdint>

#include "cluster/node_id.hpp"

namespace troupe::broker {

/// Who owns a shard, as this node knows it.
struct shard_owner {
  cluster::node_id node = cluster::no_node;  // none: nobody at the moment
  std::uint64_t epoch = 0;                   // of the owner, or of the last one
  bool operator==(const shard_owner&) const = default;
};

}  // namespace troupe::broker
