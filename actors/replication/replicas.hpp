#pragma once

#include "actors/replication/replicated_store.hpp"
#include "actors/replication/replication_context.hpp"
#include "actors/replication/shard_group.hpp"
#include "cluster/network.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <cstdint>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string_view>
#include <vector>

namespace troupe::replication {

class group_loop;
class log_loader;

/// The replicas of a node: a group_loop on every run loop, and the way to them. Any thread, unless
/// a function says otherwise. What is passed in outlives it but for the actor system, which
/// calls release_handles() when its actors have ended (runtime_options::on_stopped).
///
/// Order of a node's end: stop(), the actor system, the Raft log and the local store (their last
/// callbacks are taken), this.
class replicas final : public cluster::network_events {
 public:
  /// `local` and `shards` are the same store, opened as replicated. `events` are told from
  /// the first start_group() on.
  replicas(caf::actor_system& system, cluster::network& net, storage::raft_log& log,
           storage::store& local, storage::shard_replicas& shards, replication_events& events,
           replication_settings settings);
  ~replicas() override;

  /// The store for the broker. Lives as long as this.
  replicated_store& store() noexcept { return store_; }

  /// This node takes part in the group of the shard. `first_members`: what a new group begins
  /// with, the same on all of these; of no importance when the node has a log of the group.
  /// Empty: the node was, or will be, added to the group by its owner.
  void start_group(shard_id shard, cluster::raft::membership first_members);
  /// `forget`: its log and state are erased: only when the node is no member any more. `done` on the
  /// shard's loop.
  void stop_group(shard_id shard, bool forget, std::function<void()> done);

  using changed = std::function<void(cluster::raft::outcome)>;
  /// By the owner; `done` is called on the shard's loop.
  void transfer(shard_id shard, cluster::node_id to, changed done);
  /// One change of a group at a time, by the owner; see cluster::raft::group.
  void add_member(shard_id shard, cluster::node_id node, changed done);
  void assign_member(shard_id shard, cluster::node_id node, cluster::raft::member_role as,
                     changed done);
  void remove_member(shard_id shard, cluster::node_id node, changed done);

  /// Messages of a group that lives elsewhere (the meta group, 0), from now on. Called on the thread
  /// of received(), within it; must be short.
  using taker = std::function<void(cluster::node_id from, std::string_view message)>;
  void route(cluster::raft::group_no group, taker to);

  /// About a second old.
  std::vector<shard_row> rows() const;
  struct figures {
    std::uint64_t dropped_frames = 0;  // received, and too much waited
    std::uint64_t damaged_frames = 0;
    std::uint64_t pending_bytes = 0;   // commits that are not answered
  };
  figures current() const;

  /// Stops all groups and refuses commits. `done` when the logs have answered; on some run
  /// loop. Leadership is to be handed over before, or the shards have no owner for a while.
  void stop(std::function<void()> done);

  /// After stop(), before the log is closed: no log is read from now on. Waits for the read that
  /// is under way; not on a run loop.
  void end_loading();

  /// Lets go of the actors, which have ended. Commits are refused from now on.
  void release_handles();

  // --- network_events: one thread at a time for each peer ---
  void peer_up(cluster::node_id peer, std::uint64_t pairing) override;
  void peer_down(cluster::node_id peer, std::uint64_t pairing) override;
  void received(cluster::node_id from, cluster::channel to, std::string_view bytes) override;

 private:
  void on_every_loop(const std::function<void(group_loop&)>& what);
  void on_loop(shard_id shard, std::function<void(shard_group&)> what);
  group_loop* loop(std::size_t index) const;

  const std::shared_ptr<replication_context> context_;
  const std::shared_ptr<log_loader> loader_;
  replicated_store store_;
  std::vector<caf::actor> loops_;
  mutable std::shared_mutex routes_mutex_;
  std::map<cluster::raft::group_no, taker> routes_;
  std::atomic<std::uint64_t> damaged_{0};
};

}  // namespace troupe::replication
