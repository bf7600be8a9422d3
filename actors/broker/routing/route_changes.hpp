#pragma once

#include <algorithm>
#include <memory>

#include "actors/broker/messages.hpp"
#include "actors/broker/routing/route.hpp"
#include "protocol/topics/seeded_hash.hpp"

namespace troupe::broker {

inline std::uint64_t group_key(const std::string& share) noexcept {
  return group_key_bit | (topics::seeded_hash(share) >> 1);
}

inline bool older(const subscription& a, const subscription& b) noexcept {
  return a.who->kept() && a.who->epoch() < b.who->epoch();
}

/// The entry that a filter must have after the change, given the entry that it
/// has now under the same key (or null): no entry means "erase".
inline std::optional<route> changed_route(const route_change& change, const route* now) {
  const auto by = change.what.who->announcer();
  if (change.share.empty()) {
    // A later owner of its shard has told of it meanwhile.
    if (now != nullptr && older(change.what, now->plain)) return *now;
    if (change.add) return route{change.what, nullptr};
    // Another node has announced it meanwhile: the session has moved.
    if (now != nullptr && now->plain.who->announcer() != by) return *now;
    return std::nullopt;
  }
  auto next = std::make_shared<share_group>();
  if (now != nullptr && now->group) {
    *next = *now->group;
  } else {
    next->key = group_key(change.share);
    next->name = std::make_shared<const std::string>(change.share);
    next->state = std::make_shared<share_state>();
  }
  auto& members = next->members;
  auto it = std::find_if(members.begin(), members.end(),
                         [&](const subscription& m) { return m.who->id() == change.what.who->id(); });
  if (it != members.end() && older(change.what, *it)) return *now;
  if (change.add) {
    if (it == members.end())
      members.push_back(change.what);
    else
      *it = change.what;
  } else if (it != members.end() && it->who->announcer() == by) {
    members.erase(it);
  }
  if (members.empty()) return std::nullopt;
  return route{{}, std::move(next)};
}

/// The entry without the subscriptions of which `gone` says so; nothing: erase
/// it. `changed` is set if there were any.
template <class Gone>
std::optional<route> route_without(const route& now, const Gone& gone, bool& changed) {
  changed = false;
  if (!now.group) {
    changed = gone(now.plain);
    if (changed) return std::nullopt;
    return now;
  }
  const auto& members = now.group->members;
  changed = std::any_of(members.begin(), members.end(), gone);
  if (!changed) return now;
  auto next = std::make_shared<share_group>(*now.group);
  std::erase_if(next->members, gone);
  if (next->members.empty()) return std::nullopt;
  return route{{}, std::move(next)};
}

/// The subscriptions of an entry that this node announces, as changes.
template <class Visit>
void each_own_route(std::string_view filter, const route& entry, const Visit& visit) {
  const auto one = [&](const subscription& s) {
    if (s.who->remote() || s.who->ended()) return;
    route_change change;
    change.filter = filter;
    if (entry.group) change.share = *entry.group->name;
    change.what = s;
    visit(change);
  };
  if (!entry.group) return one(entry.plain);
  for (const auto& member : entry.group->members) one(member);
}

inline std::uint64_t key_of(const route_change& change) noexcept {
  return change.share.empty() ? change.what.who->id().value : group_key(change.share);
}

}  // namespace troupe::broker
