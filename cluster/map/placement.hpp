#pragma once

#include "cluster/map/cluster_state.hpp"
#include "cluster/map/member.hpp"
#include "cluster/map/shard_map.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe::cluster {

/// One shard that is to be held otherwise.
struct move {
  shard_id shard{};
  replica_set before;  // empty: the shard is new
  replica_set after;

  bool operator==(const move&) const = default;
};

struct placement_plan {
  std::uint64_t base = 0;      // version of the map that it was made from
  std::uint32_t replicas = 0;  // of each shard: as many as wanted, or as there are nodes
  std::vector<move> moves;     // ascending by shard
  std::size_t copies = 0;      // replicas that a node is to get: each is copied over the network
  std::size_t dropped = 0;     // replicas that a node is to give up
  std::size_t owners = 0;      // shards whose preferred owner changes

  bool operator==(const placement_plan&) const = default;
};

struct replica_numbers {
  std::uint32_t full = 0;  // on full members
  bool witness = false;    // and one on a witness

  std::size_t all() const noexcept { return full + (witness ? 1U : 0U); }
};
/// How many replicas each shard is to have with these members.
replica_numbers replicas_of_each(const std::map<node_id, member>& members, std::uint32_t wanted);

/// Where shards are to be, by these rules:
/// - a shard has min(wanted, nodes) replicas, no two on one node; only full
///   members that are up count as nodes. Without any, there is no plan: what
///   leaving members hold stays;
/// - where that is an even number below `wanted`, two nodes mostly, a witness that is up has one
///   more, never the first: its vote makes the majority when a node is lost;
/// - the nodes' numbers of replicas differ by one at most, and so do their numbers
///   of preferred owners;
/// - of all such placements one that copies few replicas, then one that moves few owners;
/// - the same input gives the same plan, and after the plan there is nothing to do.
placement_plan plan(const std::map<node_id, member>& members, const shard_map& now,
                    std::uint32_t wanted, std::uint16_t shards);

/// The plan for the state as it is.
placement_plan plan(const cluster_state& state);

/// The command that brings the plan about.
command::place command_of(const placement_plan& what);

/// What would move, for people: a summary, then each node's numbers before and after.
std::string describe(const placement_plan& what, const cluster_state& state);

}  // namespace troupe::cluster
