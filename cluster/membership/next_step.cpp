#include "cluster/membership/next_step.hpp"

#include "cluster/map/placement.hpp"

#include <algorithm>
#include <optional>

namespace troupe::cluster {

namespace {

using raft::member_role;
using change = server_change::kind;

class looking {
 public:
  looking(const cluster_state& state, const meta_sight& seen) : state_(state), seen_(seen) {
    for (const auto& each : seen.servers) servers_[each.node] = each.role;
    for (const node_id node : meta_voters(state)) voters_.insert(node);
  }

  meta_step run() const {
    // Who forms a cluster alone may have what nobody else has: the shards begin there.
    if (state_.awaits_map() && state_.up() == 1) {
      if (auto step = shards()) return *step;
    }
    if (auto step = servers_of_members()) return *step;
    if (auto step = voters()) return *step;
    if (auto step = who_is_gone()) return *step;
    if (auto step = shards()) return *step;
    return {};
  }

 private:
  using maybe = std::optional<meta_step>;

  bool is_near(node_id node) const { return seen_.near.contains(node); }
  bool is_heard(node_id node) const { return seen_.heard.contains(node); }
  bool is_voter(node_id node) const {
    const auto found = servers_.find(node);
    return found != servers_.end() && found->second == member_role::voter;
  }

  /// Every member gets the log; who has it is confirmed.
  maybe servers_of_members() const {
    for (const auto& [node, who] : state_.members()) {
      const auto found = servers_.find(node);
      if (found == servers_.end()) return server_change{change::add, node, member_role::spare};
      if (found->second == member_role::spare)
        return server_change{change::assign, node, member_role::standby};
      if (who.state == member_state::joining && is_heard(node) && is_near(node))
        return command::any(command::confirm{node});
    }
    return std::nullopt;
  }

  maybe voters() const {
    // First one more, then one less: never fewer than there were.
    for (const node_id node : voters_) {
      if (!is_voter(node) && is_heard(node) && is_near(node))
        return server_change{change::assign, node, member_role::voter};
    }
    const bool missing =
        std::ranges::any_of(voters_, [&](node_id node) { return !is_voter(node); });
    for (const auto& [node, role] : servers_) {
      if (role != member_role::voter || voters_.contains(node) || !state_.find(node)) continue;
      if (missing && voters_count() <= 3) continue;
      if (node == seen_.self) return give_away();
      return server_change{change::assign, node, member_role::standby};
    }
    return std::nullopt;
  }

  std::size_t voters_count() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        servers_, [](const auto& each) { return each.second == member_role::voter; }));
  }

  maybe who_is_gone() const {
    for (const auto& [node, role] : servers_) {
      if (state_.find(node)) continue;
      if (node != seen_.self) return server_change{change::remove, node, member_role::spare};
      return give_away();
    }
    return std::nullopt;
  }

  /// A leader cannot take itself out: somebody else does.
  maybe give_away() const {
    for (const node_id node : voters_) {
      if (node != seen_.self && is_voter(node) && is_heard(node) && is_near(node))
        return hand_over{node};
    }
    return std::nullopt;
  }

  maybe shards() const {
    const bool leaves = std::ranges::any_of(state_.members(), [&](const auto& each) {
      return each.second.state == member_state::leaving && state_.replicas_on(each.first) != 0;
    });
    if (state_.awaits_map() || leaves || lacks_replicas()) {
      const auto made = plan(state_);
      if (!made.moves.empty()) return command::any(command_of(made));
    }
    return std::nullopt;
  }

  /// Nodes have come, or one was evicted: each shard may have more replicas. Where all have as
  /// many as wanted nothing moves unasked.
  bool lacks_replicas() const {
    const auto wanted = replicas_of_each(state_.members(), state_.wanted_replicas());
    return std::ranges::any_of(state_.map().shards, [&](const shard_entry& each) {
      const auto full = static_cast<std::size_t>(
          std::ranges::count_if(each.replicas, [&](node_id node) {
            const auto* who = state_.find(node);
            return who != nullptr && who->kind == member_kind::full;
          }));
      return full < wanted.full || (wanted.witness && full == each.replicas.size());
    });
  }

  const cluster_state& state_;
  const meta_sight& seen_;
  std::map<node_id, member_role> servers_;
  std::set<node_id> voters_;
};

}  // namespace

meta_step next_step(const cluster_state& state, const meta_sight& seen) {
  if (!state.formed()) return {};
  return looking(state, seen).run();
}

}  // namespace troupe::cluster
