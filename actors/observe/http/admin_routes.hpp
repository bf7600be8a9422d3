#pragma once

#include "actors/observe/counters.hpp"
#include "actors/observe/http/drain_routes.hpp"
#include "actors/observe/http/http_router.hpp"
#include "actors/observe/snapshot.hpp"

#include <functional>

namespace troupe::observe {

/// What the routes ask the node. `take` and `ready` are called on the endpoint's
/// loop, `counters` on any thread.
struct admin_sources {
  snapshot_source take;
  std::function<counter_values()> counters;
  std::function<readiness()> ready;
  drain_control drain;
};

/// GET /livez, /readyz, /metrics, /api/v1/status (and /api/v5/status), and what
/// add_drain_routes() adds. Probes carry no token: without it /readyz tells no reasons.
void add_admin_routes(http_router& routes, admin_sources sources);

}  // namespace troupe::observe
