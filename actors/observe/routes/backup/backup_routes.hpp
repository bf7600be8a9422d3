#pragma once

#include "actors/observe/routes/admin_question.hpp"

#include <memory>

namespace troupe::observe {

class cluster_source;
class http_router;

/// GET and POST /api/v1/backups, DELETE /api/v1/backups/{name}: copies of the stores of all nodes,
/// each in its own directory, under one name. The nodes are asked "backups", "backup_make" and
/// "backup_delete". `cluster` null: the node runs alone.
void add_backup_routes(http_router& routes, std::shared_ptr<admin_source> nodes,
                       std::shared_ptr<cluster_source> cluster);

}  // namespace troupe::observe
