#pragma once

#include "actors/observe/http/http_router.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace troupe::observe {

/// The OpenAPI 3.0 document of the routes. `x-role` is the least role that each needs.
nlohmann::json open_api_of(const std::vector<http_route>& routes, const std::string& version);

/// GET /api/v1/openapi.json, about itself and all routes that are there when it is added: last.
void add_open_api_route(http_router& routes, const std::string& version);

}  // namespace troupe::observe
