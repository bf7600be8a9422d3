#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

/// The shapes of http_route.hpp: what a JSON value looks like.
namespace troupe::observe {

/// The shape as JSON. A text that is no shape is a fault of the program and ends it.
nlohmann::json parse_shape(const std::string& text);

/// Why the value does not have that shape, as a sentence, or empty.
std::string shape_fault(const nlohmann::json& value, const nlohmann::json& shape);

/// The JSON Schema of the shape, as OpenAPI takes it.
nlohmann::json schema_of(const nlohmann::json& shape);

}  // namespace troupe::observe
