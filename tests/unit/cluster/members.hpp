// Builders of members and states for tests.
#pragma once

#include "cluster/map/cluster_state.hpp"

#include <cstdint>
#include <string>

namespace members {

using namespace troupe::cluster;

inline node_id id(std::uint64_t n) {
  return node_id{n};
}

/// "n7" on host-7:4883.
inline member named(std::uint64_t n, member_kind kind = member_kind::full) {
  member who;
  who.node = id(n);
  who.name = "n" + std::to_string(n);
  who.host = "host-" + std::to_string(n);
  who.port = 4883;
  who.kind = kind;
  who.protocol = 1;
  who.release = "0.1.0";
  return who;
}

inline command::form form(std::uint16_t shards = 8, std::uint32_t replicas = 3,
                          std::uint32_t expect = 1) {
  return {77, "plant", shards, replicas, expect, named(1)};
}

inline command::join join(std::uint64_t n, member_kind kind = member_kind::full,
                          std::uint16_t shards = 8) {
  return {named(n, kind), "plant", shards};
}

/// Members 1 to `count`, all up.
inline cluster_state cluster_of(std::uint64_t count, std::uint16_t shards = 8,
                                std::uint32_t replicas = 3) {
  cluster_state state;
  state.apply(form(shards, replicas));
  for (std::uint64_t n = 2; n <= count; ++n) {
    state.apply(join(n, member_kind::full, shards));
    state.apply(command::confirm{id(n)});
  }
  return state;
}

}  // namespace members
