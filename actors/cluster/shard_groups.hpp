#pragma once

#include <functional>
#include <vector>

#include "cluster/raft/group.hpp"
#include "protocol/mqtt/session_id.hpp"

namespace troupe::clustering {

/// The replicas of shards on this node, as the shard_keeper sees them: replication, or what a
/// test plays. Any thread; callbacks on any thread.
class shard_groups {
 public:
  using changed = std::function<void(cluster::raft::outcome)>;

  struct row {
    shard_id shard{};
    bool owned = false;
    cluster::raft::group_figures group;
  };

  virtual ~shard_groups() = default;

  /// Begins, with these members if there is no log of the group yet; empty: waits to be
  /// added to it.
  virtual void start(shard_id shard, cluster::raft::membership first_members) = 0;
  /// Ends it and erases what it has.
  virtual void forget(shard_id shard, std::function<void()> done) = 0;
  virtual void transfer(shard_id shard, cluster::node_id to, changed done) = 0;
  virtual void add(shard_id shard, cluster::node_id node, changed done) = 0;
  virtual void assign(shard_id shard, cluster::node_id node, cluster::raft::member_role as,
                      changed done) = 0;
  virtual void remove(shard_id shard, cluster::node_id node, changed done) = 0;
  /// Of those that run; about a second old.
  virtual std::vector<row> rows() const = 0;
};

}  // namespace troupe::clustering
