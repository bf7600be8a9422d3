#pragma once

#include "actors/broker/context.hpp"
#include "actors/runtime/lean_actor.hpp"

namespace troupe::broker {

/// The one writer of the filters with wildcards. Every change makes a new
/// snapshot (path copying, O(levels)) that topic shards pick up with their next
/// batch; only then is the change answered, so that no message published after
/// a SUBACK is missed. Lives as long as the node, on one run loop.
class wildcard_index final : public runtime::lean_actor {
 public:
  wildcard_index(caf::actor_config& cfg, broker_context& context);
  const char* name() const override { return "wildcard_index"; }

 protected:
  void receive(caf::mailbox_element& m) override;

 private:
  void apply(route_change& change);

  broker_context& context_;
  wildcard_routes routes_;
};

}  // namespace troupe::broker
