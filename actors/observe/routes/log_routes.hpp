#pragma once

#include "actors/observe/http/http_router.hpp"

namespace troupe::observe {

/// GET /api/v1/log: the level of each module and the lines lost. PUT /api/v1/log
/// `{"level": "debug", "module": "session"}` sets one, or without `module` all; until the next
/// reload or start.
void add_log_routes(http_router& routes);

}  // namespace troupe::observe
