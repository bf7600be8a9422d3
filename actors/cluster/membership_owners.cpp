// Who owns which shard: what this node says and hears of it.
#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <utility>

#include "actors/link/tell.hpp"

namespace troupe::clustering {

using link::tell;
namespace talk = cluster::talk;

void membership::own(const shard_owned& what) {
  own_[what.shard] = {what.shard, what.epoch, what.settled};
  if (owners_.announce(self_.node, what.shard, what.epoch)) tell_owner(what.shard);
  if (unsaid_.empty())
    loop().defer([this, keep = caf::strong_actor_ptr{ctrl()}] { say_unsaid(); });
  unsaid_.push_back(own_[what.shard]);
}

/// Many shards may come at once: they are one message.
void membership::say_unsaid() {
  auto now = std::exchange(unsaid_, {});
  // What was lost again in the meantime was withdrawn already.
  std::erase_if(now, [this](const auto& each) {
    const auto found = own_.find(each.shard);
    return found == own_.end() || found->second.epoch != each.epoch;
  });
  if (!now.empty() && phase_ != phase::ended) tell_members(talk::owns{false, std::move(now)});
}

void membership::tell_keeper_of_owner(cluster::node_id from, const talk::owned_shard& what) {
  if (what.settled != 0 && owners_.of(what.shard) == cluster::shard_owner{from, what.epoch})
    tell(keeper_, owner_settled{what.shard, what.settled});
}

void membership::disown(const shard_disowned& what) {
  const auto found = own_.find(what.shard);
  if (found == own_.end() || found->second.epoch != what.epoch) return;
  own_.erase(found);
  if (owners_.withdraw(self_.node, what.shard, what.epoch)) tell_owner(what.shard);
  tell_members(talk::withdraws{{{what.shard, what.epoch, 0}}});
}

void membership::heard(cluster::node_id from, const talk::owns& owns) {
  if (!peers_[from].admitted) return;
  if (owns.full) {
    // What it owned before and does not name any more is without an owner.
    for (std::uint16_t i = 0; i < owners_.shards(); ++i) {
      const auto shard = static_cast<shard_id>(i);
      const auto now = owners_.of(shard);
      const bool named = std::ranges::any_of(
          owns.shards, [&](const auto& each) { return each.shard == shard; });
      if (now.node == from && !named && owners_.withdraw(from, shard, now.epoch))
        tell_owner(shard);
    }
  }
  for (const auto& each : owns.shards) {
    if (number(each.shard) >= owners_.shards()) continue;
    if (owners_.announce(from, each.shard, each.epoch)) tell_owner(each.shard);
    tell_keeper_of_owner(from, each);
  }
}

void membership::heard(cluster::node_id from, const talk::withdraws& withdraws) {
  if (!peers_[from].admitted) return;
  for (const auto& each : withdraws.shards) {
    if (owners_.withdraw(from, each.shard, each.epoch)) tell_owner(each.shard);
  }
}

void membership::tell_owner(shard_id shard) {
  if (hooks_.owner_changed) hooks_.owner_changed(shard, owners_.of(shard));
}

void membership::tell_all_owned(cluster::node_id to) {
  talk::owns all;
  all.full = true;
  for (const auto& [shard, each] : own_) all.shards.push_back(each);
  say(to, all);
}

void membership::tell_members(const talk::any& what) {
  for (const auto& [node, at] : peers_) {
    if (at.admitted) say(node, what);
  }
}

}  // namespace troupe::clustering
