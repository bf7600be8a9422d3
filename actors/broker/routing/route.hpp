#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/broker/subscriber.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/topics/filter_trie.hpp"

namespace troupe::broker {

/// One subscription as the routes know it.
struct subscription {
  subscriber_ptr who;
  mqtt::subscription_options options;
  std::uint32_t subscription_id = 0;  // 0: none
};

/// What the choices among the members remember, see share_chooser. Any thread.
struct share_state {
  std::atomic<std::uint32_t> turn{0};
  std::atomic<std::uint64_t> held{0};  // session id of the member that is stuck to
};

/// The members of `$share/{group}/{filter}`. Immutable: a change makes a new
/// one; only the state of the choices is carried along.
struct share_group {
  std::uint64_t key = 0;
  std::shared_ptr<const std::string> name;  // whole, with "$share/"
  std::shared_ptr<share_state> state;
  std::vector<subscription> members;
};

/// An entry of a filter: a subscription or a shared group.
struct route {
  subscription plain;                        // if group is null
  std::shared_ptr<const share_group> group;

  std::uint64_t key() const noexcept { return group ? group->key : plain.who->id().value; }
};

/// Filters with wildcards of the whole node.
using wildcard_routes = topics::filter_trie<route>;

/// Marks keys of groups, so that none equals a session's.
inline constexpr std::uint64_t group_key_bit = 1ULL << 63;

}  // namespace troupe::broker
