#pragma once

#include "actors/broker/context.hpp"
#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/routes/route_view.hpp"

#include <memory>

namespace troupe::node {

/// Asks the broker's actors. `cluster` knows the names of nodes; null: this one is alone.
/// `context` outlives it.
std::shared_ptr<observe::route_source> make_route_source(
    broker::broker_context& context, std::shared_ptr<observe::cluster_source> cluster);

}  // namespace troupe::node
