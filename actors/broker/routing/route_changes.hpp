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

/// The entry that a filter must have after the change, given the entry that it
/// has now under the same key (or null): no entry means "erase".
inline std::optional<route> changed_route(const route_change& change, const route* now) {
  if (change.share.empty()) {
    if (!change.add) return std::nullopt;
    return route{change.what, nullptr};
  }
  auto next = std::make_shared<share_group>();
  if (now != nullptr && now->group) {
    *next = *now->group;
  } else {
    next->key = group_key(change.share);
    next->name = std::make_shared<const std::string>(change.share);
    next->cursor = std::make_shared<std::atomic<std::uint32_t>>(0);
  }
  auto& members = next->members;
  auto it = std::find_if(members.begin(), members.end(),
                         [&](const subscription& m) { return m.who->id() == change.what.who->id(); });
  if (change.add) {
    if (it == members.end())
      members.push_back(change.what);
    else
      *it = change.what;
  } else if (it != members.end()) {
    members.erase(it);
  }
  if (members.empty()) return std::nullopt;
  return route{{}, std::move(next)};
}

inline std::uint64_t key_of(const route_change& change) noexcept {
  return change.share.empty() ? change.what.who->id().value : group_key(change.share);
}

}  // namespace troupe::broker
