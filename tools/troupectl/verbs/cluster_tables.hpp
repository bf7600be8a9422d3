#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace troupe::ctl {

/// The answer to GET /api/v1/cluster for people: the cluster, what is wrong, its
/// members. Throws nlohmann::json::exception if it is of another shape.
std::string cluster_table(const nlohmann::json& view);

/// The answer to GET /api/v1/cluster/shards: shards alike in a row, "0-3,7".
std::string shards_table(const nlohmann::json& view);

}  // namespace troupe::ctl
