// Members and replica sets as protobuf messages; for the codecs of this folder.
#pragma once

#include "cluster/map/member.hpp"
#include "cluster/map/shard_map.hpp"
#include "protocol/schema/member.pb.h"

#include <limits>
#include <string>

namespace troupe::cluster::wire {

/// Version of commands and of the state that this program writes.
inline constexpr std::uint32_t layout_version = 1;

inline void write(const member& from, membership::member_record& to) {
  to.set_node(number(from.node));
  to.set_name(from.name);
  to.set_host(from.host);
  to.set_port(from.port);
  to.set_kind(static_cast<std::uint32_t>(from.kind));
  to.set_state(static_cast<std::uint32_t>(from.state));
  to.set_protocol(from.protocol);
  to.set_release(from.release);
  to.set_joined(from.joined);
}

/// False: a number that has no meaning.
inline bool read(const membership::member_record& from, member& to) {
  if (from.kind() > static_cast<std::uint32_t>(member_kind::witness) ||
      from.state() > static_cast<std::uint32_t>(member_state::leaving) ||
      from.port() > std::numeric_limits<std::uint16_t>::max())
    return false;
  to.node = node_id{from.node()};
  to.name = from.name();
  to.host = from.host();
  to.port = static_cast<std::uint16_t>(from.port());
  to.kind = static_cast<member_kind>(from.kind());
  to.state = static_cast<member_state>(from.state());
  to.protocol = from.protocol();
  to.release = from.release();
  to.joined = from.joined();
  return true;
}

inline void write(const replica_set& from, membership::replica_set& to) {
  for (const node_id node : from) to.add_nodes(number(node));
}

inline replica_set read(const membership::replica_set& from) {
  replica_set to;
  for (const auto node : from.nodes()) to.push_back(node_id{node});
  return to;
}

/// The sentence about bytes of a newer version; empty if this program reads them.
inline std::string version_error(std::uint32_t version, const std::string& what) {
  if (version == 0) return what + " has no version.";
  if (version <= layout_version) return {};
  return what + " was written by a newer version of Troupe (layout " + std::to_string(version) +
         ", this program knows layout " + std::to_string(layout_version) +
         "). Start that version on this node.";
}

}  // namespace troupe::cluster::wire
