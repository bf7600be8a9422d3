#pragma once

#include <cstdint>
#include <string>

#include "cluster/node_id.hpp"

namespace troupe::cluster {

/// Who a node says it is in a hello.
struct link_identity {
  node_id node = no_node;
  std::string name;
  std::uint64_t incarnation = 0;  ///< One life of the process: random, never 0.
  std::string host;               ///< Where other nodes reach it.
  std::uint16_t port = 0;
};

/// Versions of the link's protocol that a node speaks: its own and the one
/// before, so that a cluster can be upgraded node by node.
///   1: channels member, raft and broker; a frame of any other is malformed
///   2: frames of channels that a node does not know are let go
struct link_versions {
  std::uint32_t lowest = 1;
  std::uint32_t highest = 2;
};

/// What a node asks of whoever wants a link with it.
struct link_terms {
  link_identity self;
  std::string cluster;  ///< Both sides must name the same.
  std::string secret;   ///< Known to both; never sent, never logged.
  link_versions versions;
};

/// Where two sides stand in a pairing that they may go on with.
struct resume_point {
  std::uint64_t pairing = 0;   ///< Its tag, 0: there is none.
  std::uint64_t received = 0;  ///< Records that arrived here so far.
};

}  // namespace troupe::cluster
