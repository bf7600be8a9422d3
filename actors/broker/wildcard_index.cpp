#include "actors/broker/wildcard_index.hpp"

#include "actors/broker/routing/route_changes.hpp"
#include "actors/broker/tell.hpp"

namespace troupe::broker {

wildcard_index::wildcard_index(caf::actor_config& cfg, broker_context& context)
    : lean_actor(cfg), context_(context) {}

void wildcard_index::receive(caf::mailbox_element& m) {
  if (auto* change = runtime::mutable_payload<route_change>(m)) apply(*change);
  else if (auto* work = runtime::mutable_payload<deferred>(m)) work->run();
}

void wildcard_index::apply(route_change& change) {
  const auto key = key_of(change);
  if (auto next = changed_route(change, routes_.find(change.filter, key)))
    routes_.insert(change.filter, std::move(*next));
  else
    routes_.erase(change.filter, key);
  const auto version = context_.wildcards.publish(routes_);
  if (change.token != 0)
    tell(change.answer_to, route_changed{change.token, change.entry, version});
}

}  // namespace troupe::broker
