#include "cluster/map/shard_owners.hpp"

namespace troupe::cluster {

shard_owners::shard_owners(std::uint16_t shards) : rows_(shards) {}

shard_owner shard_owners::of(shard_id shard) const noexcept {
  const row& from = rows_[number(shard)];
  for (;;) {
    const auto before = from.turn.load(std::memory_order_acquire);
    // Acquired, so that the second look at the turn stays behind them.
    const auto node = from.node.load(std::memory_order_acquire);
    const auto epoch = from.epoch.load(std::memory_order_acquire);
    if ((before & 1) == 0 && from.turn.load(std::memory_order_relaxed) == before)
      return {node_id{node}, epoch};
  }
}

/// The caller holds `writing_`.
void shard_owners::write(row& to, node_id node, std::uint64_t epoch) {
  const auto turn = to.turn.load(std::memory_order_relaxed);
  to.turn.store(turn + 1, std::memory_order_relaxed);
  // Released, so that whoever sees one of them sees the odd turn as well.
  to.node.store(number(node), std::memory_order_release);
  to.epoch.store(epoch, std::memory_order_release);
  to.turn.store(turn + 2, std::memory_order_release);
  ++changes_;
}

bool shard_owners::announce(node_id from, shard_id shard, std::uint64_t epoch) {
  if (number(shard) >= rows_.size() || from == no_node) return false;
  const std::lock_guard lock(writing_);
  row& to = at(shard);
  const auto highest = to.epoch.load(std::memory_order_relaxed);
  if (epoch < highest) {
    ++stale_;
    return false;
  }
  if (epoch == highest && to.last != no_node) {
    if (to.last != from) {
      ++contradictions_;
      return false;
    }
    const bool known = to.node.load(std::memory_order_relaxed) == number(from);
    if (to.withdrawn || known) return false;
  }
  to.last = from;
  to.withdrawn = false;
  write(to, from, epoch);
  return true;
}

bool shard_owners::withdraw(node_id from, shard_id shard, std::uint64_t epoch) {
  if (number(shard) >= rows_.size()) return false;
  const std::lock_guard lock(writing_);
  row& to = at(shard);
  if (to.last != from || to.epoch.load(std::memory_order_relaxed) != epoch || to.withdrawn)
    return false;
  to.withdrawn = true;
  const bool owned = to.node.load(std::memory_order_relaxed) == number(from);
  if (owned) write(to, no_node, epoch);
  return owned;
}

std::vector<shard_id> shard_owners::peer_lost(node_id node) {
  std::vector<shard_id> lost;
  if (node == no_node) return lost;
  const std::lock_guard lock(writing_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    row& each = rows_[i];
    if (each.node.load(std::memory_order_relaxed) != number(node)) continue;
    write(each, no_node, each.epoch.load(std::memory_order_relaxed));
    lost.push_back(static_cast<shard_id>(i));
  }
  return lost;
}

shard_owners::figures shard_owners::look() const {
  const std::lock_guard lock(writing_);
  figures now{{}, 0, changes_, stale_, contradictions_};
  for (const row& each : rows_) {
    const node_id node{each.node.load(std::memory_order_relaxed)};
    if (node == no_node)
      ++now.without_owner;
    else
      ++now.owned[node];
  }
  return now;
}

}  // namespace troupe::cluster
