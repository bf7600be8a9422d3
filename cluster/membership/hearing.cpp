#include "cluster/membership/hearing.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cluster {

void hearing::peer(node_id node, bool up, std::int64_t now) {
  changed_at_ = now;
  if (up) {
    heard_.insert(node);
  } else {
    heard_.erase(node);
    says_.erase(node);
  }
}

void hearing::says(node_id node, std::vector<node_id> others, std::int64_t now) {
  if (!heard_.contains(node)) return;
  std::set<node_id> all(others.begin(), others.end());
  auto& known = says_[node];
  if (known == all) return;
  known = std::move(all);
  changed_at_ = now;
}

std::size_t hearing::count(node_id node, const std::set<node_id>& members) const {
  const auto told = says_.find(node);
  const auto hears = [&](node_id other) {
    if (other == node) return true;
    if (node == self_) return heard_.contains(other);
    return told != says_.end() && told->second.contains(other);
  };
  return static_cast<std::size_t>(std::ranges::count_if(members, hears));
}

node_id hearing::better(const std::vector<node_id>& candidates, const std::set<node_id>& members,
                        std::int64_t now, std::int64_t settled_ms) const {
  if (now - changed_at_ < settled_ms) return no_node;
  auto best = self_;
  for (const auto node : candidates)
    if (heard_.contains(node) && count(node, members) > count(best, members)) best = node;
  return best == self_ ? no_node : best;
}

}  // namespace troupe::cluster
