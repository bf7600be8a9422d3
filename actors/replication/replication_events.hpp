#pragma once

#include "cluster/raft/group_host.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <cstdint>

namespace troupe::replication {

/// What a node's replicas tell. Called on the run loop that the shard's group lives on, for
/// each shard in order; must be short and must not call back into replication.
class replication_events {
 public:
  virtual ~replication_events() = default;

  /// This node is the owner of the shard: it leads its group and has applied all that was
  /// committed before. `epoch` is the term; no epoch has two owners.
  virtual void owned(shard_id shard, std::uint64_t epoch) = 0;
  /// No longer; what was given to commit() and not answered is answered with an error.
  virtual void disowned(shard_id shard, std::uint64_t epoch) = 0;
  /// Who leads the group, as far as this node knows; `no_node`: nobody.
  virtual void leader_known(shard_id shard, cluster::node_id leader, std::uint64_t term) = 0;
  /// The newest membership of the group, committed or not.
  virtual void members_known(shard_id shard, const cluster::raft::membership& members) = 0;
};

}  // namespace troupe::replication
