#pragma once

#include <functional>
#include <string>

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/client_view.hpp"

namespace troupe::broker {

class session;

/// Looks at the sessions of this node: at those asleep in the turn of their shard, at those
/// awake on their own loop between their messages.
struct session_looks {
  /// Cheap, before all others: whether the client is of interest. Any loop.
  std::function<bool(const std::string& client_id)> wants;
  std::function<void(const listed_session&)> asleep;
  std::function<void(const session&)> awake;
};

/// All sessions, in slices between which the loops go on with their work; then `done`. One that
/// is there all the while is looked at, mostly once. Any thread. False: the loops end or are
/// flooded, and some were not reached.
void walk_sessions(broker_context& context, session_looks looks,
                   std::function<void(bool all)> done);

/// The session of one client, if it is on this node.
void find_session(broker_context& context, std::string client_id, session_looks looks,
                  std::function<void(bool all)> done);

}  // namespace troupe::broker
