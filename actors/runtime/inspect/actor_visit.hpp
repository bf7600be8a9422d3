#pragma once

#include <functional>
#include <vector>

#include <caf/actor.hpp>

namespace troupe::runtime {

class lean_actor;
class side_lane;

/// Looks at an actor: on its home loop between its messages, so that it may read what is the
/// actor's own; an actor without a home is met on any loop, perhaps while it runs.
using actor_look = std::function<void(const lean_actor&)>;

/// Shows `look` every lean actor that lives all the while, exactly once, in slices between which
/// the loops go on with their work; then calls `done` on one of the loops. False: some were not
/// reached, because the loops end or are flooded. Any thread. `lane` outlives the loops' turns.
///
/// Looks on different loops run at the same time: run_loop::current() tells them apart. What
/// they have left behind is seen by `done`.
void visit_actors(side_lane& lane, actor_look look, std::function<void(bool all)> done);

/// The same with those actors alone, for instance the sessions of a directory.
void visit_these(side_lane& lane, std::vector<caf::actor> actors, actor_look look,
                 std::function<void(bool all)> done);

}  // namespace troupe::runtime
