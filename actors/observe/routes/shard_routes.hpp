#pragma once

#include <memory>

#include "actors/observe/routes/admin_question.hpp"

namespace troupe::observe {

class cluster_source;
class http_router;

/// `/api/v1/cluster/shards/{shard}/owner`: who owns a shard. `cluster`: null if the node runs alone.
void add_shard_routes(http_router& routes, std::shared_ptr<cluster_source> cluster,
                      std::shared_ptr<admin_source> nodes);

}  // namespace troupe::observe
