#pragma once

#include "actors/broker/routing/route.hpp"
#include "cluster/node_id.hpp"
#include "protocol/mqtt/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::broker {

/// Which member of a shared group gets a message.
enum class share_strategy : std::uint8_t {
  round_robin,  // one after the other
  local_first,  // a member connected at the publisher's node, in turn; others only if there is none
  sticky,       // the same one, while it is connected and has room
  hash_client,  // the publisher's client id says which, while the members stay the same
  random,
};

/// What the configuration says of shared groups.
struct sharing_rules {
  share_strategy strategy = share_strategy::round_robin;
  /// Groups with one of their own, by the name between "$share/" and the filter.
  std::map<std::string, share_strategy, std::less<>> groups;

  /// `share`: whole, "$share/group/filter".
  share_strategy of(std::string_view share) const;
};

/// What a choice depends on beside the members.
struct share_request {
  share_strategy strategy = share_strategy::round_robin;
  /// cluster::stable_hash() of the publisher's client id; of what else is known, if it is not.
  std::uint64_t client = 0;
  /// Where the publisher is connected, and this node; none: there is only this one.
  cluster::node_id at = cluster::no_node;
  cluster::node_id self = cluster::no_node;
  mqtt::qos level = mqtt::qos::at_most_once;
  session_id without;  // has declined it
  std::uint64_t bytes = 0;
  std::uint64_t max_queued_messages = INT64_MAX;
  std::uint64_t max_queued_bytes = INT64_MAX;
};

/// Chooses members of shared groups; the groups keep what the strategies remember. Whatever the
/// strategy, a member with a client and room comes before one without a client that would keep
/// the message, that before one whose queue is full, and one that has ended is never chosen.
/// Not thread-safe, but several may choose in one group at once.
class share_chooser {
 public:
  explicit share_chooser(std::uint64_t seed) : random_(seed) {}

  /// Null: there is nobody who could take or keep the message.
  const subscription* choose(const share_group& group, const share_request& request);

  /// The queue of a member on another node was full: the others come first for a while.
  void avoid(session_id member) { avoided_[member] = 0; }
  /// About once a second.
  void tick();

 private:
  /// The greater the better.
  enum class standing : std::uint8_t { out, full_and_gone, full, gone, ready };

  standing standing_of(const subscription& member, const share_request& request) const;
  const subscription* first_in_turn(const share_group& group, const share_request& request,
                                    std::size_t start) const;
  const subscription* sticky(const share_group& group, const share_request& request) const;
  const subscription* by_hash(const share_group& group, const share_request& request,
                              std::uint64_t key) const;
  const subscription* any(const share_group& group, const share_request& request);
  std::uint64_t next_random() noexcept;

  std::uint64_t random_;
  std::unordered_map<session_id, unsigned> avoided_;  // ticks since it was told
};

}  // namespace troupe::broker
