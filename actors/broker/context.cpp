#include "actors/broker/context.hpp"

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/shard_hash.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

broker_context::broker_context(caf::actor_system& sys, runtime::loop_coordinator& coordinator,
                               storage::store& durable, observe::counter_set& counts)
    : system(sys),
      loops(coordinator),
      store(durable),
      counters(counts),
      aside(coordinator),
      devices(coordinator.loops()) {}

void broker_context::time(observe::latency_stage stage, std::int64_t since_us,
                          bool of_another_node) {
  auto* const loop = runtime::run_loop::current();
  if (loop == nullptr) return;
  counters.latencies(loop->index()).add(stage, of_another_node, loop->wall_us() - since_us);
}

void broker_context::release_handles() {
  topic_shards.clear();
  session_shards.clear();
  wildcard_index = nullptr;
}

shard_id broker_context::shard_of(std::string_view key) const {
  return cluster::shard_of(key, store.shards());
}

const topic_shard_actor& broker_context::topic_shard(std::string_view topic) const {
  return topic_shards[number(shard_of(topic))];
}

const session_shard_actor& broker_context::session_shard(std::string_view client_id) const {
  return session_shards[number(shard_of(client_id))];
}

void broker_context::change_route(route_change change) {
  if (released()) return;
  if (remote != nullptr && change.what.who->kept() &&
      !remote->serves(change.what.who->id().shard())) {
    // The owner of its shard announces it, as soon as there is one.
    const auto& of_session = session_shards[number(change.what.who->id().shard())];
    return tell(of_session, std::move(change));
  }
  announce_route(std::move(change));
}

void broker_context::announce_route(route_change change) {
  if (released()) return;
  if (topics::has_wildcard(change.filter)) return tell(wildcard_index, std::move(change));
  const auto& shard = topic_shard(change.filter);
  tell(shard, std::move(change));
}

}  // namespace troupe::broker
