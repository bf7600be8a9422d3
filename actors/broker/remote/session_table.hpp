#pragma once

#include <array>
#include <mutex>
#include <unordered_map>

#include "actors/broker/subscriber.hpp"

namespace troupe::broker {

/// The sessions that this node is asked for by number: those of shards that it
/// owns and those awake here. Only in a cluster. Any thread.
class session_table {
 public:
  void put(const subscriber_ptr& who) {
    auto& stripe = part_of(who->id());
    std::lock_guard lock(stripe.mutex);
    stripe.sessions[who->id()] = who;
  }
  /// Only that subscriber: a newer one of the same session stays.
  void erase(const subscriber_ptr& who) {
    auto& stripe = part_of(who->id());
    std::lock_guard lock(stripe.mutex);
    auto it = stripe.sessions.find(who->id());
    if (it != stripe.sessions.end() && it->second == who) stripe.sessions.erase(it);
  }
  /// Null: not known here.
  subscriber_ptr find(session_id id) const {
    auto& stripe = part_of(id);
    std::lock_guard lock(stripe.mutex);
    auto it = stripe.sessions.find(id);
    return it == stripe.sessions.end() ? nullptr : it->second;
  }

 private:
  struct part {
    mutable std::mutex mutex;
    std::unordered_map<session_id, subscriber_ptr> sessions;
  };
  const part& part_of(session_id id) const noexcept { return parts_[number(id.shard()) % 64]; }
  part& part_of(session_id id) noexcept { return parts_[number(id.shard()) % 64]; }

  std::array<part, 64> parts_;
};

}  // namespace troupe::broker
