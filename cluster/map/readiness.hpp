#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace troupe::cluster {

/// What a node of a cluster sees that decides whether devices should come to it.
struct sight {
  bool formed = false;        // this node is a member of a cluster
  bool majority = false;      // the meta group has a leader that this node hears
  std::size_t members = 0;    // that are up
  std::size_t expected = 1;   // that the first shard map waits for
  bool placed = false;        // there is a shard map
  std::size_t ownerless = 0;  // shards whose owner this node does not know
};

/// Why devices should not come; none: they should.
std::vector<std::string> reasons_against(const sight& of);

}  // namespace troupe::cluster
