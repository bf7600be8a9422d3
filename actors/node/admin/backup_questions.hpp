#pragma once

#include "actors/config/configuration.hpp"
#include "protocol/auth/password_workers.hpp"

#include <atomic>
#include <memory>

namespace troupe::broker {
class inspector;
}
namespace troupe::storage {
class rocks_store;
}

namespace troupe::node {

class cluster_parts;

/// What the questions about backups use; all of it outlives what is asked.
struct backup_parts {
  std::shared_ptr<const config::configuration> configuration;
  storage::rocks_store& store;
  const cluster_parts* cluster;  // null: the node runs alone
  auth::password_workers& workers;
  std::atomic<unsigned>& readings;  // jobs of the workers that are under way
};

/// "backups", "backup_make", "backup_delete": the backups of this node. What could not be done is a
/// row with an "error", so that the answers of other nodes are seen beside it.
void add_backup_questions(broker::inspector& to, const backup_parts& with);

}  // namespace troupe::node
