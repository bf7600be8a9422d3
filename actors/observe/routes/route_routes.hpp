#pragma once

#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/route_view.hpp"

#include <memory>

namespace troupe::observe {

/// GET /api/v1/routes?topic=a/b: who would get a message; GET /api/v1/routes/audit: checksums of
/// what nodes have announced and of what is held of it.
void add_route_routes(http_router& routes, std::shared_ptr<route_source> source);

}  // namespace troupe::observe
