#pragma once

#include "actors/observe/http/http_router.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace troupe::observe {

struct backup_view {
  std::string name;
  std::string path;
  std::string begun_at;  // "2026-11-27T18:30:00Z"
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};

struct backup_outcome {
  std::vector<backup_view> all;
  std::string error;     // a sentence
  bool refused = false;  // as things are; else it failed
};

/// Each answers once, on any thread; they may wait for the disk.
struct backup_source {
  using answered = std::function<void(backup_outcome)>;
  std::function<void(std::string name, answered)> make;  // empty: named by the time
  std::function<void(answered)> list;
  std::function<void(std::string name, answered)> erase;
};

/// GET and POST /api/v1/backups, DELETE /api/v1/backups/{name}: copies of this node's store.
void add_backup_routes(http_router& routes, backup_source source);

}  // namespace troupe::observe
