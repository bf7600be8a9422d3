// Owners are a matching of shards to nodes of their sets. While a chain of shards
// leads from a node that owns many to one that owns at least two fewer, each shard
// of the chain goes one node further. Where no such chain is left, the numbers are
// as even as they can be (Harvey, Ladner, Lovasz, Tamir: Semi-matchings for
// bipartite graphs and load balancing).
#include "cluster/map/even_owners.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

namespace troupe::cluster {

namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

class matching {
 public:
  matching(std::vector<replica_set>& sets, const std::vector<replica_set>& before,
           const std::vector<node_id>& nodes)
      : sets_(sets), owner_(sets.size(), none), load_(nodes.size(), 0) {
    for (std::size_t i = 0; i < nodes.size(); ++i) index_[nodes[i]] = i;
    for (std::size_t shard = 0; shard < sets.size(); ++shard) {
      const auto& was = before[shard];
      if (was.empty() || std::ranges::find(sets[shard], was.front()) == sets[shard].end()) continue;
      own(shard, index_.at(was.front()));
    }
    for (std::size_t shard = 0; shard < sets.size(); ++shard) {
      if (owner_[shard] != none) continue;
      std::size_t best = none;
      for (const node_id node : sets[shard]) {
        const auto i = index_.at(node);
        if (best == none || load_[i] < load_[best]) best = i;
      }
      own(shard, best);
    }
  }

  void run() {
    while (shift_one()) {
    }
    for (std::size_t shard = 0; shard < sets_.size(); ++shard) {
      auto& set = sets_[shard];
      const auto front =
          std::ranges::find_if(set, [&](node_id node) { return index_.at(node) == owner_[shard]; });
      std::rotate(set.begin(), front, front + 1);
    }
  }

 private:
  void own(std::size_t shard, std::size_t node) {
    owner_[shard] = node;
    ++load_[node];
  }

  bool shift_one() {
    const auto [least, most] = std::ranges::minmax_element(load_);
    if (load_.empty() || *most - *least <= 1) return false;
    owned_.assign(load_.size(), {});
    for (std::size_t shard = 0; shard < owner_.size(); ++shard)
      owned_[owner_[shard]].push_back(shard);
    std::vector<std::size_t> by_load(load_.size());
    for (std::size_t i = 0; i < by_load.size(); ++i) by_load[i] = i;
    std::ranges::stable_sort(by_load, [&](auto a, auto b) { return load_[a] > load_[b]; });
    return std::ranges::any_of(by_load, [&](std::size_t from) { return shift_from(from); });
  }

  /// The shortest chain from this node to one with at least two fewer.
  bool shift_from(std::size_t from) {
    std::vector<std::size_t> through(load_.size(), none);  // shard that leads to the node
    std::vector<bool> seen(load_.size(), false);
    std::deque<std::size_t> next{from};
    seen[from] = true;
    while (!next.empty()) {
      const auto at = next.front();
      next.pop_front();
      if (load_[at] + 2 <= load_[from]) {
        move_along(through, from, at);
        return true;
      }
      for (const auto shard : owned_[at]) {
        for (const node_id node : sets_[shard]) {
          const auto i = index_.at(node);
          if (seen[i]) continue;
          seen[i] = true;
          through[i] = shard;
          next.push_back(i);
        }
      }
    }
    return false;
  }

  void move_along(const std::vector<std::size_t>& through, std::size_t from, std::size_t to) {
    for (auto at = to; at != from;) {
      const auto shard = through[at];
      const auto previous = owner_[shard];
      --load_[previous];
      owner_[shard] = at;
      ++load_[at];
      at = previous;
    }
  }

  std::vector<replica_set>& sets_;
  std::map<node_id, std::size_t> index_;
  std::vector<std::size_t> owner_;
  std::vector<std::size_t> load_;
  std::vector<std::vector<std::size_t>> owned_;  // shards by node, as shift_one() began
};

}  // namespace

void even_owners(std::vector<replica_set>& after, const std::vector<replica_set>& before,
                 const std::vector<node_id>& nodes) {
  matching(after, before, nodes).run();
}

}  // namespace troupe::cluster
