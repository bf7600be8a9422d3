#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/cluster/interfaces.hpp"
#include "actors/cluster/shard_groups.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "cluster/map/cluster_state.hpp"
#include "cluster/membership/group_step.hpp"
#include "cluster/membership/hearing.hpp"

namespace troupe::clustering {

struct keeper_settings {
  cluster::node_id self = cluster::no_node;
  std::vector<shard_id> held;              // shards whose groups have a log here
  std::int64_t step_ms = 250;              // between looks at the groups
  std::int64_t retry_ms = 2'000;           // after a change that failed
  std::int64_t patience_ms = 10'000;       // before the preferred owner, back again, gets its shards
  std::int64_t await_ms = 30'000;          // for a shard that an administrator gives
  std::int64_t hearing_ms = 2'000;         // before one that hears more members gets them
  std::size_t most_transfers = 4;          // of leadership to preferred owners at a time
};

/// Makes the replicas on this node what the map says: starts those that it is to hold, and,
/// for the shards that it owns, brings the servers of the group to the replica set, one change
/// after the other, and then the ownership to the first of it (from a witness to any other; to one
/// that hears more of the members, while there is one: an owner has to hear all other owners). A
/// replica that the map takes away goes on until the owner has said that its group does without (settled),
/// and is then erased. A shard that an administrator has given to a node stays there while that
/// node owns it, whoever is first of the replica set.
///
/// Lives on one loop with membership, which it tells of owned shards.
class shard_keeper final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  shard_keeper(caf::actor_config& cfg, keeper_settings settings, shard_groups& groups,
               caf::strong_actor_ptr membership);

  const char* name() const override { return "shard_keeper"; }
  void describe(runtime::actor_description& to) const override;

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  struct kept {
    bool running = false;
    bool forgetting = false;
    std::uint64_t epoch = 0;  // 0: not the owner
    std::int64_t owned_since = 0;
    cluster::raft::membership servers;
    bool changing = false;
    std::int64_t change_at = 0;     // not before
    std::uint64_t settled = 0;      // told
    std::uint64_t owner_settled = 0;  // heard from another owner
    std::int64_t awaited_until = 0;   // by an administrator's order
    bool stays = false;               // it came by that
  };
  void begin();
  void take(std::shared_ptr<const cluster::cluster_state> newer);
  void owned(const replica_owned& what);
  void follow_map(shard_id shard);
  void look();
  void step(shard_id shard, kept& of, const shard_groups::row& row);
  void prefer(shard_id shard, kept& of, const cluster::group_sight& seen);
  void move(const move_shard& order);
  std::string why_not(const move_shard& order) const;
  bool is_near(shard_id shard, cluster::node_id node) const;
  bool hears_more(shard_id shard, kept& of, const cluster::group_sight& seen);
  void settle(shard_id shard, kept& of);
  bool wanted_here(shard_id shard) const;
  bool is_witness(cluster::node_id node) const;
  void tell_held();
  void give_all_away(std::function<void()> then);
  shard_groups::changed ended(shard_id shard, bool preferring);
  void on_timer() override;

  const keeper_settings settings_;
  shard_groups& groups_;
  caf::strong_actor_ptr membership_;
  std::shared_ptr<const cluster::cluster_state> state_;
  std::set<cluster::node_id> members_;
  cluster::hearing hearing_;
  std::map<shard_id, kept> shards_;
  std::map<cluster::node_id, std::int64_t> heard_;  // since when
  std::size_t transfers_ = 0;
  std::size_t told_held_ = static_cast<std::size_t>(-1);
  bool stopping_ = false;
};

}  // namespace troupe::clustering
