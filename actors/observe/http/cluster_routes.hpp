#pragma once

#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/http/http_router.hpp"

#include <memory>

namespace troupe::observe {

/// GET /api/v1/cluster and /api/v1/cluster/shards; POST /api/v1/cluster/join,
/// /leave, /evict and /plan with a JSON object, for the role admin. Without a
/// source (a node that runs alone) they answer 404 and say so. A refusal is 409,
/// a cluster that cannot decide 503.
void add_cluster_routes(http_router& routes, std::shared_ptr<cluster_source> source);

}  // namespace troupe::observe
