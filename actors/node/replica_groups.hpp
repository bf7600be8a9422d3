#pragma once

#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/cluster/interfaces.hpp"
#include "actors/cluster/shard_groups.hpp"
#include "actors/link/tell.hpp"
#include "actors/replication/replicas.hpp"

namespace troupe::node {

/// What replication tells goes to the shard_keeper. Made before both, outlives both.
class replica_news final : public replication::replication_events {
 public:
  /// Before the first group is started.
  void set(caf::strong_actor_ptr keeper) { keeper_ = std::move(keeper); }

  void owned(shard_id shard, std::uint64_t epoch) override {
    link::tell(keeper_, clustering::replica_owned{shard, epoch, true});
  }
  void disowned(shard_id shard, std::uint64_t epoch) override {
    link::tell(keeper_, clustering::replica_owned{shard, epoch, false});
  }
  void leader_known(shard_id, cluster::node_id, std::uint64_t) override {}
  void members_known(shard_id shard, const cluster::raft::membership& members) override {
    link::tell(keeper_, clustering::replica_servers{shard, members});
  }

 private:
  caf::strong_actor_ptr keeper_;
};

/// What the shard_keeper asks of replication.
class replica_groups final : public clustering::shard_groups {
 public:
  explicit replica_groups(replication::replicas& of) : of_(of) {}

  void start(shard_id shard, cluster::raft::membership first_members) override {
    of_.start_group(shard, std::move(first_members));
  }
  void forget(shard_id shard, std::function<void()> done) override {
    of_.stop_group(shard, true, std::move(done));
  }
  void transfer(shard_id shard, cluster::node_id to, changed done) override {
    of_.transfer(shard, to, std::move(done));
  }
  void add(shard_id shard, cluster::node_id node, changed done) override {
    of_.add_member(shard, node, std::move(done));
  }
  void assign(shard_id shard, cluster::node_id node, cluster::raft::member_role as,
              changed done) override {
    of_.assign_member(shard, node, as, std::move(done));
  }
  void remove(shard_id shard, cluster::node_id node, changed done) override {
    of_.remove_member(shard, node, std::move(done));
  }
  std::vector<row> rows() const override {
    std::vector<row> all;
    for (auto& each : of_.rows()) {
      if (each.running) all.push_back({each.shard, each.owned, std::move(each.group)});
    }
    return all;
  }

 private:
  replication::replicas& of_;
};

}  // namespace troupe::node
