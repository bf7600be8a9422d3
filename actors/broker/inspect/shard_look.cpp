// What shards tell administrators, and do for them.

#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"

namespace troupe::broker {
namespace {

// An entry of a directory with its subscriber, strings aside.
constexpr std::uint64_t entry_bytes = 520;

}  // namespace

void topic_shard::describe(runtime::actor_description& to) const {
  to.serves = "shard " + std::to_string(number(shard_));
  // Runs on any loop, perhaps now: nothing else of it may be read.
  if (const auto open = open_.load(std::memory_order_relaxed); open != 0)
    to.waits_for = std::to_string(open) + (open == 1 ? " commit" : " commits");
}

void session_shard::describe(runtime::actor_description& to) const {
  to.serves = "shard " + std::to_string(number(shard_));
  to.memory = sizeof(session_shard) + sessions_.size() * entry_bytes +
              sessions_.bucket_count() * sizeof(void*);
  to.restarts = restarts_;
  if (loading_)
    to.waits_for = "the store, for its directory";
  else if (!openings_.empty())
    to.waits_for = "the owner of the shard, for " + std::to_string(openings_.size()) + " CONNECT";
  else if (!waiting_.empty())
    to.waits_for = "other nodes, for " + std::to_string(waiting_.size()) + " sessions";
}

bool session_shard::list(listing_place& place, const std::function<bool()>& goes_on,
                         const std::function<void(const listed_session&)>& visit) const {
  // Sessions do not change their bucket unless the directory grows: then it begins again.
  if (place.buckets != sessions_.bucket_count()) place = {sessions_.bucket_count(), 0};
  for (; place.next < place.buckets; ++place.next) {
    if (!goes_on()) return false;
    for (auto it = sessions_.begin(place.next); it != sessions_.end(place.next); ++it) {
      const auto& [client_id, e] = *it;
      if (!e.awake && e.at != cluster::no_node) continue;  // told by the node where it is awake
      visit({client_id, *e.who, e.awake, e.record(), e.subscriptions, e.last.get()});
    }
  }
  return true;
}

void session_shard::find(const std::string& client_id,
                         const std::function<void(const listed_session&)>& visit) const {
  const auto it = sessions_.find(client_id);
  if (it == sessions_.end()) return;
  const auto& e = it->second;
  if (!e.awake && e.at != cluster::no_node) return;
  visit({client_id, *e.who, e.awake, e.record(), e.subscriptions, e.last.get()});
}

bool session_shard::kick_client(const std::string& client_id) {
  const auto it = sessions_.find(client_id);
  if (it == sessions_.end() || !it->second.awake || !it->second.who->online()) return false;
  tell(it->second.awake, kick{});
  return true;
}

bool session_shard::discard_session(const std::string& client_id) {
  const auto it = sessions_.find(client_id);
  if (it == sessions_.end()) return false;
  auto& e = it->second;
  if (e.awake) {
    kick order;
    order.end_session = true;
    tell(e.awake, order);
    return true;
  }
  if (e.at != cluster::no_node || e.reading) return false;
  discard(e);
  // Members of shared groups hand over first and then end like any other.
  if (!e.awake) sessions_.erase(it);
  return true;
}

void session_shard::drop_queue(const std::string& client_id, const queue_drop_ptr& order) {
  const auto it = sessions_.find(client_id);
  // Of one that is awake elsewhere that node does it.
  if (it == sessions_.end() || (!it->second.awake && it->second.at != cluster::no_node))
    return order->end(loading_ ? queue_drop::ending::not_now : queue_drop::ending::no_session);
  auto& e = it->second;
  if (e.reading) return order->end(queue_drop::ending::not_now);
  if (!e.awake) wake_up(e, loop().index());
  auto* const actor = static_cast<session*>(caf::actor_cast<caf::abstract_actor*>(e.awake));
  tell(e.awake, deferred{[actor, order] { actor->drop_queue(order); }});
}

}  // namespace troupe::broker
