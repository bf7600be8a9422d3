#pragma once

#include "actors/observe/http/http_router.hpp"

#include <functional>
#include <string>
#include <vector>

namespace troupe::observe {

struct config_key_view {
  std::string key;
  std::string value;  // never a secret
  bool is_default = false;
  bool reloadable = false;
};

struct config_change_view {
  std::string key;
  bool reloadable = false;  // false: takes effect at the next start
};

/// What came of reading the configuration again.
struct config_outcome {
  std::vector<std::string> problems;  // sentences; empty: it is good
  std::vector<config_change_view> changes;
  bool applied = false;
};

/// Called on the endpoint's loop. `read` answers once, on any thread.
struct config_source {
  std::function<std::vector<config_key_view>()> show;
  std::function<void(bool apply, std::function<void(config_outcome)>)> read;
};

/// GET /api/v1/config (the configuration in force), POST /api/v1/config/check and
/// /api/v1/config/reload, which read the files and the environment again; the second takes what
/// can change in a running node. A configuration with problems is an answer, not an error, of
/// a check, and 409 of a reload.
void add_config_routes(http_router& routes, config_source source);

}  // namespace troupe::observe
