#include "cluster/map/placement.hpp"

#include "cluster/map/even_owners.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

namespace troupe::cluster {

namespace {

/// Scatters ties, so that the shards of a node that dies fall to many others.
std::uint64_t mixed(std::uint64_t shard, node_id node) {
  std::uint64_t x = number(node) ^ (shard + 1) * 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

bool holds(const replica_set& set, node_id node) {
  return std::ranges::find(set, node) != set.end();
}

/// Puts replicas on nodes.
class placing {
 public:
  placing(std::vector<node_id> nodes, std::vector<replica_set> before, std::size_t replicas)
      : before_(std::move(before)), sets_(before_), replicas_(replicas) {
    for (const node_id node : nodes) load_[node] = 0;
  }

  std::vector<replica_set> run() {
    for (auto& set : sets_) {
      std::erase_if(set, [&](node_id node) { return !load_.contains(node); });
      for (const node_id node : set) ++load_[node];
    }
    for (std::size_t shard = 0; shard < sets_.size(); ++shard) shrink(shard);
    for (std::size_t shard = 0; shard < sets_.size(); ++shard) fill(shard);
    while (even_out_free() || even_out()) {
    }
    return std::move(sets_);
  }

 private:
  void shrink(std::size_t shard) {
    auto& set = sets_[shard];
    while (set.size() > replicas_) {
      // Among equals the last: the preferred owner stays where it is.
      auto most = set.begin();
      for (auto each = set.begin(); each != set.end(); ++each) {
        if (load_[*each] >= load_[*most]) most = each;
      }
      --load_[*most];
      set.erase(most);
    }
  }

  void fill(std::size_t shard) {
    auto& set = sets_[shard];
    while (set.size() < replicas_) {
      const node_id* best = nullptr;
      for (const auto& [node, load] : load_) {
        if (holds(set, node)) continue;
        if (best == nullptr ||
            std::pair(load, mixed(shard, node)) < std::pair(load_[*best], mixed(shard, *best)))
          best = &node;
      }
      ++load_[*best];
      set.push_back(*best);
    }
  }

  /// Replicas that no node has yet go anywhere without a copy more: along the
  /// shortest chain of such from a node to one that has at least two fewer.
  /// False: there is none.
  bool even_out_free() {
    std::vector<std::pair<std::size_t, node_id>> by_load;
    for (const auto& [node, load] : load_) by_load.emplace_back(load, node);
    std::ranges::sort(by_load, std::greater<>());
    if (by_load.front().first - by_load.back().first <= 1) return false;
    return std::ranges::any_of(by_load,
                               [&](const auto& each) { return even_out_free(each.second); });
  }

  bool even_out_free(node_id from) {
    struct hop {
      node_id before;
      std::size_t shard;
    };
    std::map<node_id, hop> reached{{from, {no_node, 0}}};
    std::deque<node_id> next{from};
    while (!next.empty()) {
      const node_id at = next.front();
      next.pop_front();
      if (load_[at] + 2 <= load_[from]) {
        for (node_id to = at; to != from; to = reached.at(to).before) {
          const auto& [before, shard] = reached.at(to);
          *std::ranges::find(sets_[shard], before) = to;
        }
        --load_[from];
        ++load_[at];
        return true;
      }
      for (std::size_t shard = 0; shard < sets_.size(); ++shard) {
        if (!holds(sets_[shard], at) || holds(before_[shard], at)) continue;
        for (const auto& [node, load] : load_) {
          if (!holds(sets_[shard], node) && reached.try_emplace(node, hop{at, shard}).second)
            next.push_back(node);
        }
      }
    }
    return false;
  }

  /// Moves one replica from a fullest to an emptiest node; false: they are even.
  bool even_out() {
    const auto [least, most] =
        std::ranges::minmax_element(load_, {}, [](const auto& each) { return each.second; });
    if (most->second - least->second <= 1) return false;
    const node_id from = most->first;
    const node_id to = least->first;
    std::size_t best = sets_.size();
    for (std::size_t shard = 0; shard < sets_.size(); ++shard) {
      const auto& set = sets_[shard];
      if (!holds(set, from) || holds(set, to)) continue;
      if (best == sets_.size() || cost(shard, from, to) < cost(best, from, to)) best = shard;
    }
    auto& set = sets_[best];
    *std::ranges::find(set, from) = to;
    --load_[from];
    ++load_[to];
    return true;
  }

  /// What it takes to move: a replica that is not copied yet may go anywhere, one
  /// that comes home needs no copy, and an owner stays if others can go.
  std::pair<int, std::uint64_t> cost(std::size_t shard, node_id from, node_id to) const {
    const auto& was = before_[shard];
    int copies = holds(was, from) ? 4 : 0;
    if (holds(was, to)) copies -= 2;
    if (!was.empty() && was.front() == from) copies += 1;
    return {copies, mixed(shard, to)};
  }

  std::vector<replica_set> before_;
  std::vector<replica_set> sets_;
  std::size_t replicas_;
  std::map<node_id, std::size_t> load_;
};

std::size_t missing(const replica_set& from, const replica_set& in) {
  return static_cast<std::size_t>(
      std::ranges::count_if(from, [&](node_id node) { return !holds(in, node); }));
}

std::vector<node_id> up_of(const std::map<node_id, member>& members, member_kind kind) {
  std::vector<node_id> nodes;
  for (const auto& [node, who] : members)
    if (who.kind == kind && who.state == member_state::up) nodes.push_back(node);
  return nodes;
}

/// One for each set, last in it. Who has it already keeps it, unless others have fewer.
void add_witnesses(std::vector<replica_set>& sets, const std::vector<replica_set>& before,
                   const std::vector<node_id>& witnesses) {
  std::map<node_id, std::size_t> load;
  for (const node_id each : witnesses) load[each] = 0;
  const auto most = (sets.size() + witnesses.size() - 1) / witnesses.size();
  std::vector<node_id> chosen(sets.size(), no_node);
  for (std::size_t shard = 0; shard < sets.size(); ++shard)
    for (const node_id node : before[shard])
      if (auto found = load.find(node); found != load.end() && found->second < most) {
        chosen[shard] = node;
        ++found->second;
        break;
      }
  for (std::size_t shard = 0; shard < sets.size(); ++shard) {
    if (chosen[shard] == no_node) {
      const auto least = std::ranges::min_element(load, {}, [&](const auto& each) {
        return std::pair(each.second, mixed(shard, each.first));
      });
      chosen[shard] = least->first;
      ++least->second;
    }
    sets[shard].push_back(chosen[shard]);
  }
}

}  // namespace

replica_numbers replicas_of_each(const std::map<node_id, member>& members, std::uint32_t wanted) {
  replica_numbers result;
  result.full = static_cast<std::uint32_t>(std::min(
      {std::size_t{wanted}, up_of(members, member_kind::full).size(), most_replicas}));
  // Of an even number half is no majority: one that is lost may be one too many.
  result.witness = result.full != 0 && result.full % 2 == 0 && result.full < wanted &&
                   !up_of(members, member_kind::witness).empty();
  return result;
}

placement_plan plan(const std::map<node_id, member>& members, const shard_map& now,
                    std::uint32_t wanted, std::uint16_t shards) {
  placement_plan result;
  result.base = now.version;
  const auto nodes = up_of(members, member_kind::full);
  const auto each_has = replicas_of_each(members, wanted);
  result.replicas = each_has.full;
  if (result.replicas == 0) return result;
  std::vector<replica_set> before(shards);
  for (std::size_t i = 0; i < std::min<std::size_t>(shards, now.shards.size()); ++i)
    before[i] = now.shards[i].replicas;
  auto after = placing(nodes, before, result.replicas).run();
  even_owners(after, before, nodes);
  if (each_has.witness) add_witnesses(after, before, up_of(members, member_kind::witness));
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] == before[i]) continue;
    result.copies += missing(after[i], before[i]);
    result.dropped += missing(before[i], after[i]);
    if (before[i].empty() || before[i].front() != after[i].front()) ++result.owners;
    result.moves.push_back({static_cast<shard_id>(i), std::move(before[i]), std::move(after[i])});
  }
  return result;
}

placement_plan plan(const cluster_state& state) {
  return plan(state.members(), state.map(), state.wanted_replicas(), state.shards());
}

command::place command_of(const placement_plan& what) {
  command::place result;
  result.base = what.base;
  for (const move& each : what.moves) result.shards.emplace_back(each.shard, each.after);
  return result;
}

std::string describe(const placement_plan& what, const cluster_state& state) {
  if (what.replicas == 0) return "No full member is up: nothing can be placed.\n";
  if (what.moves.empty()) return "Nothing is to be moved.\n";
  struct figures {
    std::int64_t replicas_before = 0, replicas_after = 0, owned_before = 0, owned_after = 0;
  };
  std::map<node_id, figures> by_node;
  for (const auto& [node, who] : state.members()) {
    if (who.kind == member_kind::full) by_node[node] = {};
  }
  // Witnesses come in where they hold something, or are to.
  for (const auto& each : state.map().shards) {
    for (const node_id node : each.replicas) {
      auto& of = by_node[node];
      ++of.replicas_before;
      ++of.replicas_after;
    }
    if (each.replicas.empty()) continue;
    auto& of = by_node[each.replicas.front()];
    ++of.owned_before;
    ++of.owned_after;
  }
  for (const move& each : what.moves) {
    for (const node_id node : each.before) --by_node[node].replicas_after;
    for (const node_id node : each.after) ++by_node[node].replicas_after;
    if (!each.before.empty()) --by_node[each.before.front()].owned_after;
    ++by_node[each.after.front()].owned_after;
  }
  std::string text =
      std::to_string(what.moves.size()) + " of " + std::to_string(state.shards()) +
      " shards change: " + std::to_string(what.copies) + " replicas to be copied, " +
      std::to_string(what.dropped) + " to be given up, " + std::to_string(what.owners) +
      " preferred owners change. Replicas of each shard: " + std::to_string(what.replicas) + ".\n";
  for (const auto& [node, of] : by_node) {
    const auto* who = state.find(node);
    text += (who ? who->name : to_string(node)) + ": replicas " +
            std::to_string(of.replicas_before) + " -> " + std::to_string(of.replicas_after) +
            ", preferred owner of " + std::to_string(of.owned_before) + " -> " +
            std::to_string(of.owned_after) + "\n";
  }
  return text;
}

}  // namespace troupe::cluster
