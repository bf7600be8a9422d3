#pragma once

#include "actors/config/configuration.hpp"

#include <string>
#include <vector>

namespace troupe::node {

struct restored_backups {
  std::string done;                   // a sentence: what was made
  std::vector<std::string> warnings;  // sentences
  std::string error;                  // a sentence: nothing was made
};

/// Makes the data directory of the configuration, which must be empty, of backups: of one of a
/// single node what that had; of those of the nodes of a cluster the store of one new node, alone
/// or the first of a new cluster, as the configuration says. Blocks.
restored_backups restore_backups(const std::vector<std::string>& backups,
                                 const config::configuration& from);

}  // namespace troupe::node
