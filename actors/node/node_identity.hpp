#pragma once

#include "cluster/node_id.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace troupe::node {

struct node_identity {
  cluster::node_id node = cluster::no_node;
  bool made = false;  // by this call
  std::string error;  // a sentence; then there is no node
};

/// The id that the data directory gives its node, from the file `node-id` in it;
/// made of `random`, once, if there is none. A file that cannot be read or is
/// damaged is an error that names it and the way out: a node that took another id
/// would be a stranger to its own cluster. Written beside and renamed, synced to
/// the disk before it returns. Blocks on the disk; call it while the store's lock is held.
node_identity identify(const std::string& data_dir, const std::function<std::uint64_t()>& random);

/// 64 bits of the kernel's generator.
std::uint64_t kernel_random();

}  // namespace troupe::node
